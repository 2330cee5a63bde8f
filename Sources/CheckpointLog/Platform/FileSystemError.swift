package import SystemPackage

/// A failed call of the file system: which call, on which file, and the system's error number.
package struct FileSystemError: Error, Equatable, CustomStringConvertible {
    package var operation: Operation
    package var path: FilePath
    package var code: Errno

    package enum Operation: String, Sendable {
        case open, createDirectory, list, rename, link, remove, syncDirectory, lock
        case size, read, write, reserve, map, truncate, sync
        /// No call, but the log's own limit, which prevents one.
        case limit
    }

    package init(_ operation: Operation, _ path: FilePath, _ code: Errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var isDiskFull: Bool {
        code == .noSpace || code == .diskQuotaExceeded || code == .fileTooLarge
    }

    /// Whether the process or the system had no descriptor left. Nothing has changed, and the caller can repeat the
    /// call when one is free.
    package var isLackOfFiles: Bool {
        operation == .open && (code == .tooManyOpenFiles || code == .tooManyOpenFilesInSystem)
    }

    /// Whether a replacement that failed with this error may be in force nevertheless: now, or after a power cut.
    package var isBehindRename: Bool { operation == .syncDirectory || operation == .rename && !isDiskFull }

    /// The lock's file is no longer where it was locked.
    package static func outOfPlace(_ path: FilePath) -> FileSystemError {
        FileSystemError(.lock, path, .staleNFSFileHandle)
    }

    package var isOutOfPlace: Bool { operation == .lock && code == .staleNFSFileHandle }

    package var description: String { "\(operation.rawValue) of \(path): \(code)" }
}
