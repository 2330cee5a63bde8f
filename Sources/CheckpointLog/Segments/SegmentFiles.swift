package import SystemPackage

/// Files that are open for reading, at most 32.
///
/// A reader holds the file while it reads, so that neither eviction nor the removal of the file by compaction can take it
/// away: the descriptor closes when the last holder lets go.
package final class SegmentFiles: Sendable {
    private static let limit = 32

    private struct State {
        var names: [UInt32: SegmentName] = [:]
        var files: [UInt32: (file: any OpenFile, lastUse: Int)] = [:]
        var uses = 0
    }

    private let identity: LogIdentity
    private let state = Lock(State())

    package init(_ identity: LogIdentity) { self.identity = identity }

    /// Makes a segment known under its number.
    package func add(_ name: SegmentName) { state.withLock { $0.names[name.identifier] = name } }

    /// Lets a segment go that is not part of the log any more.
    package func forget(_ segment: UInt32) {
        state.withLock { state in
            state.names[segment] = nil
            state.files[segment] = nil
        }
    }

    package func path(of segment: UInt32) -> FilePath {
        identity.path(state.withLock { $0.names[segment] } ?? SegmentName(segment, .log))
    }

    package func file(of segment: UInt32) throws(FileSystemError) -> any OpenFile {
        let (known, name) = state.withLock { state -> ((any OpenFile)?, SegmentName) in
            state.uses += 1
            let name = state.names[segment] ?? SegmentName(segment, .log)
            guard let entry = state.files[segment] else { return (nil, name) }
            state.files[segment]?.lastUse = state.uses
            return (entry.file, name)
        }
        if let known { return known }
        let file = try identity.fileSystem.openFile(identity.path(name), .read)
        state.withLock { state in
            if state.files.count >= Self.limit,
                let oldest = state.files.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.files[oldest.key] = nil
            }
            state.files[segment] = (file, state.uses)
        }
        return file
    }

    package func closeAll() { state.withLock { $0.files = [:] } }
}
