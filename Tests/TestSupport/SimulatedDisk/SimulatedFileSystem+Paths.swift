package import CheckpointLog
package import SystemPackage

/// Calls by path, for tests: one call of the disk each, unlike those of any file system, which find the directory
/// first.
extension SimulatedFileSystem {
    private func found<Place>(
        _ operation: FileSystemError.Operation, _ path: FilePath, _ find: (SimulatedDisk) throws(Errno) -> Place
    ) throws(FileSystemError) -> Place {
        let disk = state.withLock { $0.disk }
        do throws(Errno) {
            return try find(disk)
        } catch {
            throw FileSystemError(operation, path, error)
        }
    }

    private func place(
        _ operation: FileSystemError.Operation, _ path: FilePath
    ) throws(FileSystemError) -> (directory: SimulatedDirectory, name: String) {
        let (number, name) = try found(operation, path) { (disk) throws(Errno) in try disk.parent(of: path) }
        return (SimulatedDirectory(self, number: number, path: path.removingLastComponent()), name)
    }

    private func directory(
        _ operation: FileSystemError.Operation, _ path: FilePath
    ) throws(FileSystemError) -> SimulatedDirectory {
        let number = try found(operation, path) { (disk) throws(Errno) in try disk.directory(at: path) }
        return SimulatedDirectory(self, number: number, path: path)
    }

    package func openFile(_ path: FilePath, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        let (directory, name) = try place(.open, path)
        return try directory.openFile(name, mode)
    }

    package func entries(of path: FilePath) throws(FileSystemError) -> [DirectoryEntry] {
        try directory(.list, path).entries()
    }

    /// From one directory to another, too: what the engine never does.
    package func rename(_ source: FilePath, to destination: FilePath) throws(FileSystemError) {
        let call = SimulatedCall(operation: .rename, path: source, destination: destination)
        try perform(call) { (disk, _) throws(Errno) in
            let (from, name) = try disk.parent(of: source)
            let (to, newName) = try disk.parent(of: destination)
            try disk.rename(name, in: from, to: newName, in: to)
        }
    }

    package func link(_ source: FilePath, to destination: FilePath) throws(FileSystemError) -> Bool {
        let (from, name) = try place(.link, source)
        let (to, newName) = try place(.link, destination)
        return try from.link(name, to: newName, in: to)
    }

    package func remove(_ path: FilePath) throws(FileSystemError) {
        let (directory, name) = try place(.remove, path)
        try directory.remove(name)
    }

    package func syncDirectory(_ path: FilePath) throws(FileSystemError) { try directory(.syncDirectory, path).sync() }

    package func lock(_ path: FilePath) throws(FileSystemError) -> LockOutcome {
        let (directory, name) = try place(.lock, path)
        return try directory.lock(name)
    }

    package func isLocked(_ path: FilePath) throws(FileSystemError) -> Bool {
        let (directory, name) = try place(.lock, path)
        return try directory.isLocked(name)
    }
}
