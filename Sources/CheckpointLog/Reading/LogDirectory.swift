/// The files of a log, known by their names only.
package struct LogDirectory: Sendable {
    /// Sorted by number.
    package var segments: [SegmentName] = []
    package var temporaries: [String] = []
    package var foreign: [String] = []
    package var hasManifest = false

    package init(_ directory: any OpenDirectory) throws(FileSystemError) {
        for entry in try directory.entries() {
            if !entry.isRegularFile, entry.name != FileName.quarantine || !entry.isDirectory {
                foreign.append(entry.name)
            } else if let segment = SegmentName(fileName: entry.name) {
                segments.append(segment)
            } else if entry.name == FileName.manifest {
                hasManifest = true
            } else if FileName.isKnown(entry.name) {
                if entry.name.hasSuffix(FileName.temporarySuffix) { temporaries.append(entry.name) }
            } else {
                foreign.append(entry.name)
            }
        }
        segments.sort { $0.identifier < $1.identifier }
        foreign.sort()
    }

    /// The numbers of outputs, complete or not.
    package var outputs: [SegmentNumber] {
        let unfinished = temporaries.compactMap {
            SegmentName(fileName: String($0.dropLast(FileName.temporarySuffix.utf8.count)))
        }
        return (segments + unfinished).filter { $0.role == .output }.map(\.identifier)
    }

    /// The greatest number, without those that only copies use for their outputs.
    package var highestSegment: SegmentNumber {
        segments.last { $0.identifier < SegmentName.firstOfCopies || $0.role != .output }?.identifier ?? 0
    }

    /// The log segments after the last one ever sealed, in order.
    package func chain(after manifest: Manifest) -> [SegmentName] {
        segments.filter { $0.role == .log && $0.identifier > manifest.lastSealed }
    }
}
