package import SystemPackage

extension CheckpointLogError {
    /// The public face of a failed call: `.diskFull` where there is no room, else `.ioFailure`.
    package init(_ error: FileSystemError) {
        let path = error.path.string
        if error.operation == .limit {
            self.init(
                code: .diskFull,
                message: "The log takes as much disk as `spaceLimit` allows, and no compaction can make room for this "
                    + "write now; remove checkpoints, keep fewer versions, or raise the limit.",
                location: Location(path: path), cause: error)
        } else if error.code == .fileTooLarge {
            self.init(
                code: .ioFailure,
                message: "The file would be longer than this process or the file system allows; raise the limit "
                    + "(`ulimit -f`), or store the value in parts.",
                location: Location(path: path), cause: error)
        } else if error.code == .diskQuotaExceeded {
            self.init(
                code: .diskFull,
                message: "The user's quota has no room for this write; free some, have it raised, or compact the log, "
                    + "and try again.",
                location: Location(path: path), cause: error)
        } else if error.code == .noSpace, error.operation == .open {
            self.init(
                code: .diskFull,
                message: "The file system has no room for another file: it is out of blocks or of inodes (`df`, "
                    + "`df -i`); remove some files, or compact the log, and try again.",
                location: Location(path: path), cause: error)
        } else if error.isDiskFull {
            self.init(
                code: .diskFull,
                message: "There is no room on the disk for this write; free some, or compact the log, and try again.",
                location: Location(path: path), cause: error)
        } else if error.isOutOfPlace {
            self.init(
                code: .writerFailed,
                message: "The log's directory was removed, or its LOCK was removed or replaced: what is written there "
                    + "is lost, or another process may write the log. Open it again where it is.",
                location: Location(path: path), cause: error)
        } else if error.code == .overflow {
            self.init(
                code: .ioFailure,
                message: "The log cannot count on: it lists as many segments, or has had as many openings, as it can; "
                    + "load its checkpoints into a new log.",
                location: Location(path: path), cause: error)
        } else if error.operation == .lock, Self.meansNoLocks(error.code) {
            self.init(
                code: .ioFailure,
                message: "The system has no locks for this path (\(error.code)), and without one two processes could "
                    + "write the log at once; keep it on a local file system, or open it for reading.",
                location: Location(path: path), cause: error)
        } else {
            let advice =
                switch error.code {
                case .noSuchFileOrDirectory where error.operation == .createDirectory && path.hasPrefix("~"):
                    "`~` is not expanded here, give the whole path"
                case .noSuchFileOrDirectory where error.operation == .createDirectory: "make its parent directory first"
                case .permissionDenied, .notPermitted: "give this user access to the path"
                case .readOnlyFileSystem: "open it for reading, or make the file system writable"
                case .notDirectory, .fileExists: "something other than a directory is in its place; choose another path"
                case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "raise the limit on open files"
                default: "see to the device or path and open the log again"
                }
            self.init(
                code: .ioFailure,
                message: "The system could not do the \(error.operation.rawValue) (\(error.code)); \(advice).",
                location: Location(path: path), cause: error)
        }
    }
}

extension CheckpointLogError {
    private static func meansNoLocks(_ code: Errno) -> Bool {
        [.noLocks, .noFunction, .notSupported, .notPermitted].contains(code)
    }

    /// Whether a call was refused before it changed anything, for want of what may be there again later: room on the
    /// disk, or a file to open.
    package var canBeTriedAgain: Bool {
        isLackOfRoom || (cause as? FileSystemError)?.isLackOfFiles == true
    }

    /// Whether a disk without room refused a call that can be made again later. A sync is not one: what it was to make
    /// durable may be gone.
    package var isLackOfRoom: Bool {
        guard code == .diskFull, let failure = cause as? FileSystemError else { return false }
        return failure.operation != .sync && failure.operation != .syncDirectory
    }
}

/// Runs a call of the file system and throws its error in its public form.
package func wrapping<Value>(_ body: () throws(FileSystemError) -> Value) throws(CheckpointLogError) -> Value {
    do throws(FileSystemError) {
        return try body()
    } catch {
        throw CheckpointLogError(error)
    }
}

extension FileSystem {
    /// The directory of a log that is to be there.
    ///
    /// - Throws: `.notALog` where it is not, `.ioFailure`.
    package func existingDirectory(_ path: FilePath) throws(CheckpointLogError) -> any OpenDirectory {
        do throws(FileSystemError) {
            return try openDirectory(path)
        } catch  where error.code == .noSuchFileOrDirectory || error.code == .notDirectory {
            throw CheckpointLogError.notALog(path: path.string, "the directory does not exist.")
        } catch {
            throw CheckpointLogError(error)
        }
    }
}

extension FilePath {
    /// The path of a log's directory, as a caller gives it.
    ///
    /// - Throws: `.invalidArgument` for an empty one, and for one that the system would not take whole.
    package static func ofLog(_ path: String) throws(CheckpointLogError) -> FilePath {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw CheckpointLogError(
                code: .invalidArgument,
                message: "The path of a log is neither empty nor has a NUL in it; give the whole path.")
        }
        return FilePath(path)
    }
}
