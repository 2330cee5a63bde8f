import CheckpointLog
package import SystemPackage

/// What a test does to the disk behind the engine's back: durable at once, never counted, also after a power cut.
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
        let entries = state.withLock { try? $0.disk.entries(of: directory) } ?? []
        return entries.filter(\.isRegularFile).map(\.name)
    }
}

extension SimulatedDisk {
    fileprivate mutating func place(_ path: FilePath, _ content: BlockContent) {
        var directory = FilePath("/")
        for component in path.lexicallyNormalized().removingLastComponent().components {
            let parent = directory
            directory.append(component)
            guard (try? node(at: directory)) == nil else { continue }
            try? createDirectory(at: directory)
            try? syncDirectory(parent)
        }
        if (try? node(at: path)) == nil {
            _ = try? createFile(at: path)
            try? syncDirectory(directory)
        }
        guard let file = try? file(at: path) else { preconditionFailure("\(path) is no place for a file.") }
        files[file]?.setSynced(content)
    }

    fileprivate mutating func drop(_ path: FilePath) -> Bool {
        guard (try? remove(path)) != nil else { return false }
        try? syncDirectory(path.lexicallyNormalized().removingLastComponent())
        return true
    }
}
