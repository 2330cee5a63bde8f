import SystemPackage

/// The files of a log's directory, by their names alone.
struct VerifiedFiles {
    /// By number.
    var segments: [SegmentName] = []
    var temporaries: [String] = []
    var foreign: [String] = []
    var hasManifest = false

    init(_ directory: FilePath, in fileSystem: any FileSystem) throws {
        let entries: [DirectoryEntry]
        do throws(FileSystemError) {
            entries = try fileSystem.entries(of: directory)
        } catch  where error.code == .noSuchFileOrDirectory || error.code == .notDirectory {
            throw CheckpointLogError.notALog(path: directory.string, "the directory does not exist.")
        } catch {
            throw CheckpointLogError(error)
        }
        for entry in entries {
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
