package import CheckpointLog
package import SystemPackage

/// Calls by path, for tests: the directory of a path is found anew by each.
extension FileSystem {
    private func parent(_ path: FilePath) throws(FileSystemError) -> (directory: any OpenDirectory, name: String) {
        (try openDirectory(path.removingLastComponent()), path.lastComponent?.string ?? "")
    }

    package func openFile(_ path: FilePath, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        let (directory, name) = try parent(path)
        return try directory.openFile(name, mode)
    }

    package func entries(of directory: FilePath) throws(FileSystemError) -> [DirectoryEntry] {
        try openDirectory(directory).entries()
    }

    /// Both are in one directory.
    package func rename(_ source: FilePath, to destination: FilePath) throws(FileSystemError) {
        let (directory, name) = try parent(source)
        try directory.rename(name, to: destination.lastComponent?.string ?? "")
    }

    package func remove(_ path: FilePath) throws(FileSystemError) {
        let (directory, name) = try parent(path)
        try directory.remove(name)
    }

    package func syncDirectory(_ directory: FilePath) throws(FileSystemError) { try openDirectory(directory).sync() }

    package func lock(_ path: FilePath) throws(FileSystemError) -> LockOutcome {
        let (directory, name) = try parent(path)
        return try directory.lock(name)
    }

    package func isLocked(_ path: FilePath) throws(FileSystemError) -> Bool {
        let (directory, name) = try parent(path)
        return try directory.isLocked(name)
    }

    package func isAnnounced(_ path: FilePath) throws(FileSystemError) -> Bool {
        let (directory, name) = try parent(path)
        return try directory.isAnnounced(name)
    }
}
