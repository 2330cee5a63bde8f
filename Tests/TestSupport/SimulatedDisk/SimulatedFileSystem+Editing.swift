package import CheckpointLog
package import SystemPackage

/// What a test does to the disk after the engine's back: durable at once, never counted, also after a power cut.
extension SimulatedFileSystem {
    /// The bytes that a read sees; nil when there is no such file.
    package func contents(of path: FilePath) -> [UInt8]? {
        state.withLock { state in
            guard let file = try? state.disk.file(at: path) else { return nil }
            return state.disk.files[file]?.written.bytes
        }
    }

    /// Replaces the file's bytes, or makes the file with all directories above it.
    package func setContents(_ bytes: [UInt8], of path: FilePath) {
        state.withLock { $0.disk.place(path, BlockContent(bytes)) }
    }

    /// Inverts one bit, counted from the lowest of the first byte. False when the file has no such bit.
    @discardableResult
    package func flipBit(_ bit: Int, of path: FilePath) -> Bool {
        state.withLock { state in
            guard let file = try? state.disk.file(at: path), let byteCount = state.disk.files[file]?.written.byteCount,
                (0..<byteCount * 8).contains(bit)
            else { return false }
            state.disk.files[file]?.flipBit(bit)
            return true
        }
    }

    /// Takes a file out of its directory. False when there is no such file.
    @discardableResult
    package func removeFile(_ path: FilePath) -> Bool {
        state.withLock { $0.disk.drop(path) }
    }

    /// The names of the regular files in `directory`, sorted; empty when there is no such directory.
    package func fileNames(in directory: FilePath) -> [String] {
        let entries = state.withLock { state in
            (try? state.disk.directory(at: directory)).map { state.disk.entries(of: $0) } ?? []
        }
        return entries.filter(\.isRegularFile).map(\.name)
    }

    /// What whoever holds the lock of a file would have, without a call; nobody holds it for that.
    package func handle(onLock path: FilePath) -> (any FileLock)? {
        let found = state.withLock { state -> (file: Int, directory: Int, name: String)? in
            guard let file = try? state.disk.file(at: path), let place = try? state.disk.parent(of: path) else {
                return nil
            }
            return (file, place.directory, place.name)
        }
        return found.map { found in
            let directory = SimulatedDirectory(self, number: found.directory, path: path.removingLastComponent())
            return SimulatedLock(self, file: found.file, name: found.name, in: directory)
        }
    }

    /// Takes a directory out of the tree with everything in it, as `rm -r` does.
    package func removeTree(_ path: FilePath) {
        state.withLock { state in
            guard let (directory, name) = try? state.disk.parent(of: path) else { return }
            state.disk.removeTree(name, in: directory)
        }
    }

    /// Gives a file or a directory another path, as `mv` does.
    package func move(_ source: FilePath, to destination: FilePath) {
        state.withLock { state in
            guard let (from, name) = try? state.disk.parent(of: source),
                let (to, newName) = try? state.disk.parent(of: destination)
            else { return }
            try? state.disk.rename(name, in: from, to: newName, in: to)
            for directory in [from, to] { state.disk.syncDirectory(directory) }
        }
    }
}

extension SimulatedDisk {
    fileprivate mutating func place(_ path: FilePath, _ content: BlockContent) {
        var directory = FilePath("/")
        for component in path.lexicallyNormalized().removingLastComponent().components {
            let parent = directory
            directory.append(component)
            guard (try? node(at: directory)) == nil, let number = try? self.directory(at: parent) else { continue }
            try? createDirectory(component.string, in: number)
            syncDirectory(number)
        }
        if (try? node(at: path)) == nil, let (number, name) = try? parent(of: path) {
            _ = try? createFile(name, in: number)
            syncDirectory(number)
        }
        guard let file = try? file(at: path) else { preconditionFailure("\(path) is no place for a file.") }
        files[file]?.setSynced(content)
    }

    fileprivate mutating func drop(_ path: FilePath) -> Bool {
        guard let (directory, name) = try? parent(of: path), (try? remove(name, in: directory)) != nil else {
            return false
        }
        syncDirectory(directory)
        return true
    }
}
