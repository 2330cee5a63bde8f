package import SystemPackage

extension CheckpointLogError {
    /// The public error for a failed call: `.diskFull` if there is no room, otherwise `.ioFailure`.
    package init(_ error: FileSystemError) {
        let path = error.path.string
        if error.operation == .limit {
            self.init(
                code: .diskFull,
                message: "The log has reached `spaceLimit`, and compaction cannot make room for this write now. Remove "
                    + "checkpoints, keep fewer versions, or raise the limit.",
                location: Location(path: path), cause: error)
        } else if error.code == .fileTooLarge {
            self.init(
                code: .ioFailure,
                message: "The file would be longer than this process or the file system allows. Raise the limit "
                    + "(`ulimit -f`), or save the value in parts.",
                location: Location(path: path), cause: error)
        } else if error.code == .diskQuotaExceeded {
            self.init(
                code: .diskFull,
                message: "The user's disk quota has no room for this write. Free some space, have the quota raised, or "
                    + "compact the log; then try again.",
                location: Location(path: path), cause: error)
        } else if error.code == .noSpace, error.operation == .open {
            self.init(
                code: .diskFull,
                message: "The file system has no room for another file: it is out of blocks or of inodes (`df`, "
                    + "`df -i`). Remove some files, or compact the log; then try again.",
                location: Location(path: path), cause: error)
        } else if error.isDiskFull {
            self.init(
                code: .diskFull,
                message: "The disk has no room for this write. Free some space, or compact the log; then try again.",
                location: Location(path: path), cause: error)
        } else if error.isOutOfPlace {
            self.init(
                code: .writerFailed,
                message: "Somebody removed the log's directory, or removed or replaced its LOCK. What is written there "
                    + "now would be lost, or another process may be writing the log. Open the log again where it is.",
                location: Location(path: path), cause: error)
        } else if error.code == .overflow {
            self.init(
                code: .ioFailure,
                message: "The log has reached a limit of its format: it lists as many segments, or was opened as "
                    + "often, as it can. Load its checkpoints into a new log.",
                location: Location(path: path), cause: error)
        } else if error.operation == .lock, Self.meansNoLocks(error.code) {
            self.init(
                code: .ioFailure,
                message: "The file system of this path has no locks (\(error.code)), and without one two processes "
                    + "could write the log at once. Keep the log on a local file system, or open it for reading.",
                location: Location(path: path), cause: error)
        } else {
            let advice =
                switch error.code {
                case .noSuchFileOrDirectory where error.operation == .createDirectory && path.hasPrefix("~"):
                    "Give the whole path: `~` is not expanded here"
                case .noSuchFileOrDirectory where error.operation == .createDirectory:
                    "Create its parent directory first"
                case .permissionDenied, .notPermitted: "Give this user access to the path"
                case .readOnlyFileSystem: "Open the log for reading, or make the file system writable"
                case .notDirectory, .fileExists: "Something other than a directory is at the path; choose another one"
                case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "Raise the limit of open files (`ulimit -n`)"
                default: "Check the device and the path, then open the log again"
                }
            self.init(
                code: .ioFailure,
                message: "\(error.operation.attempt) failed (\(error.code)). \(advice).",
                location: Location(path: path), cause: error)
        }
    }
}

extension FileSystemError.Operation {
    /// What the call tried to do, as the subject of a sentence.
    fileprivate var attempt: String {
        switch self {
        case .open: "Opening the file"
        case .createDirectory: "Creating the directory"
        case .list: "Listing the directory"
        case .rename: "Renaming the file"
        case .link: "Linking the file"
        case .remove: "Removing the file"
        case .syncDirectory: "Syncing the directory"
        case .lock: "Locking the file"
        case .size: "Finding the length of the file"
        case .read: "Reading the file"
        case .write, .limit: "Writing the file"
        case .reserve: "Reserving disk space for the file"
        case .map: "Mapping the file into memory"
        case .truncate: "Cutting the file to its length"
        case .sync: "Syncing the file"
        }
    }
}

extension CheckpointLogError {
    private static func meansNoLocks(_ code: Errno) -> Bool {
        [.noLocks, .noFunction, .notSupported, .notPermitted].contains(code)
    }

    /// Whether a call failed before it changed anything, because something was missing that may be there later: room on
    /// the disk, or a free descriptor.
    package var canBeTriedAgain: Bool {
        isLackOfRoom || (cause as? FileSystemError)?.isLackOfFiles == true
    }

    /// Whether a full disk refused a call that can be repeated later. A sync is not such a call: what it had to make
    /// durable may be lost.
    package var isLackOfRoom: Bool {
        guard code == .diskFull, let failure = cause as? FileSystemError else { return false }
        return failure.operation != .sync && failure.operation != .syncDirectory
    }
}

/// Runs a call of the file system and throws its error as a public one.
package func wrapping<Value>(_ body: () throws(FileSystemError) -> Value) throws(CheckpointLogError) -> Value {
    do throws(FileSystemError) {
        return try body()
    } catch {
        throw CheckpointLogError(error)
    }
}

extension FileSystem {
    /// The directory of a log that must exist.
    ///
    /// - Throws: `.notALog` if it does not exist, `.ioFailure`.
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
    /// The path of a log's directory, from a caller's string.
    ///
    /// - Throws: `.invalidArgument` if it is empty, or if the system would not take all of it.
    package static func ofLog(_ path: String) throws(CheckpointLogError) -> FilePath {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw CheckpointLogError(
                code: .invalidArgument,
                message: "The path of a log is neither empty nor has a NUL in it; give the whole path.")
        }
        return FilePath(path)
    }
}
