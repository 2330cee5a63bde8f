/// The files of a log's directory, by their names alone.
struct VerifiedFiles {
    /// By number.
    var segments: [SegmentName] = []
    var temporaries: [String] = []
    var foreign: [String] = []
    var hasManifest = false

    init(_ directory: any OpenDirectory) throws {
        for entry in try wrapping({ () throws(FileSystemError) in try directory.entries() }) {
            if !entry.isRegularFile, entry.name != FileName.quarantine {
                foreign.append(entry.name)
            } else if let segment = SegmentName(fileName: entry.name) {
                segments.append(segment)
            } else if entry.name == FileName.manifest {
                hasManifest = true
            } else if !FileName.isKnown(entry.name) {
                foreign.append(entry.name)
            } else if entry.name.hasSuffix(FileName.temporarySuffix) {
                temporaries.append(entry.name)
            }
        }
        segments.sort { $0.identifier < $1.identifier }
    }
}
