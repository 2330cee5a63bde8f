import CheckpointLog
import SystemPackage

/// The state of a simulated disk and of the open files on it: a value, so that a copy is a snapshot.
struct SimulatedDisk: Sendable {
    static let root = 0
    /// Keeps the table of blocks of one file small, whatever offset a test tries.
    static let fileByteLimit = 1 << 34

    var directories: [Int: StoredDirectory] = [root: StoredDirectory()]
    var files: [Int: StoredFile] = [:]
    var handles: [Int: Handle] = [:]
    /// Who holds the lock of a file.
    var locks: [Int: LockHolder] = [:]
    /// The locks whose holders have announced that they write.
    var announced: Set<Int> = []
    var bootIdentifier: UInt64 = 1
    var placeIdentifier: UInt64 = 1
    var byteQuota: Int?
    var mapping = SimulatedMapping.allowed
    var failedSyncBehavior = FailedSyncBehavior.kept
    var servesCachedReads = true
    var passesCacheBy = false
    var generator: SeededGenerator
    private var nextNumber = 1

    struct Handle: Sendable {
        var file: Int
        var mode: OpenMode
        var mappedByteCount: Int?

        var isWritable: Bool { mode != .read }
    }

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func makeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }
}

// MARK: Names

extension SimulatedDisk {
    /// The names on the way to `path`. The methods of `FilePath` for this take a millisecond without optimization.
    private static func names(_ path: FilePath) -> [String] {
        var names: [String] = []
        // By bytes: each call of the disk comes by here, and a sweep makes tens of millions of them.
        for bytes in path.string.utf8.split(separator: UInt8(ascii: "/")) {
            let name = String(Substring(bytes))
            if name == ".." { _ = names.popLast() } else if name != "." { names.append(name) }
        }
        return names
    }

    private func node(named names: some Sequence<String>) throws(Errno) -> StoredNode {
        var node = StoredNode.directory(Self.root)
        for name in names {
            guard case .directory(let number) = node else { throw .notDirectory }
            guard let next = directories[number]?.entries[name] else { throw .noSuchFileOrDirectory }
            node = next
        }
        return node
    }

    func node(at path: FilePath) throws(Errno) -> StoredNode {
        try node(named: Self.names(path))
    }

    func directory(at path: FilePath) throws(Errno) -> Int {
        guard case .directory(let number) = try node(at: path) else { throw .notDirectory }
        return number
    }

    func file(at path: FilePath) throws(Errno) -> Int {
        guard case .file(let number) = try node(at: path) else { throw .isDirectory }
        return number
    }

    func parent(of path: FilePath) throws(Errno) -> (directory: Int, name: String) {
        let names = Self.names(path)
        guard let name = names.last else { throw .fileExists }
        guard case .directory(let number) = try node(named: names.dropLast()) else { throw .notDirectory }
        return (number, name)
    }

    /// What stands under a name in a directory; nil when nothing does.
    ///
    /// A directory that was removed is empty, and nothing can be made in it.
    func node(_ name: String, in directory: Int) -> StoredNode? { directories[directory]?.entries[name] }

    func existingNode(_ name: String, in directory: Int) throws(Errno) -> StoredNode {
        guard let node = node(name, in: directory) else { throw .noSuchFileOrDirectory }
        return node
    }

    func file(_ name: String, in directory: Int) throws(Errno) -> Int {
        guard case .file(let number) = try existingNode(name, in: directory) else { throw .isDirectory }
        return number
    }

    func entries(of directory: Int) -> [DirectoryEntry] {
        let entries = directories[directory]?.entries ?? [:]
        return entries.sorted { $0.key < $1.key }.map { name, node in
            if case .file = node {
                DirectoryEntry(name: name, isRegularFile: true)
            } else {
                DirectoryEntry(name: name, isRegularFile: false, isDirectory: true)
            }
        }
    }

    mutating func createFile(_ name: String, in directory: Int) throws(Errno) -> Int {
        guard let entries = directories[directory]?.entries else { throw .noSuchFileOrDirectory }
        guard entries[name] == nil else { throw .fileExists }
        let number = makeNumber()
        files[number] = StoredFile()
        files[number]?.linkCount = 1
        directories[directory]?.add(name, .file(number))
        return number
    }

    mutating func createDirectory(_ name: String, in directory: Int) throws(Errno) {
        guard let entries = directories[directory]?.entries else { throw .noSuchFileOrDirectory }
        guard entries[name] == nil else { throw .fileExists }
        let number = makeNumber()
        directories[number] = StoredDirectory()
        directories[directory]?.add(name, .directory(number))
    }

    mutating func remove(_ name: String, in directory: Int) throws(Errno) {
        let node = try existingNode(name, in: directory)
        guard case .file(let file) = node else { throw .isDirectory }
        directories[directory]?.remove(name, node)
        files[file]?.linkCount -= 1
    }

    mutating func rename(_ name: String, in from: Int, to newName: String, in to: Int) throws(Errno) {
        let node = try existingNode(name, in: from)
        if let existing = directories[to]?.entries[newName] {
            switch (node, existing) {
            case (node, node): return
            case (.file, .directory): throw .isDirectory
            case (.directory, .file): throw .notDirectory
            case (.directory, .directory(let number)):
                guard directories[number]?.entries.isEmpty == true else { throw .directoryNotEmpty }
            case (.file, .file(let number)): files[number]?.linkCount -= 1
            }
        }
        if from == to {
            directories[from]?.change(.init(removed: (name, node), added: (newName, node)))
        } else {
            directories[to]?.add(newName, node)
            directories[from]?.remove(name, node)
        }
    }

    mutating func link(_ name: String, in from: Int, to newName: String, in to: Int) throws(Errno) {
        let file = try file(name, in: from)
        guard let entries = directories[to]?.entries else { throw .noSuchFileOrDirectory }
        guard entries[newName] == nil else { throw .fileExists }
        files[file]?.linkCount += 1
        directories[to]?.add(newName, .file(file))
    }

    mutating func syncDirectory(_ number: Int) {
        guard directories[number]?.unsynced.isEmpty == false else { return }
        directories[number]?.sync()
        collectFiles()
    }

    mutating func failSyncDirectory(_ number: Int) {
        guard failedSyncBehavior != .kept else { return }
        directories[number]?.dropUnsynced()
    }

    /// The directory that holds `number`; nil for the root, and for one that was removed.
    func parent(of number: Int) -> Int? {
        directories.first { $0.value.entries.values.contains(.directory(number)) }?.key
    }

    /// Takes a directory out of the tree with everything in it, at once and for good.
    mutating func removeTree(_ name: String, in directory: Int) {
        guard let node = node(name, in: directory) else { return }
        if case .directory(let number) = node {
            for name in directories[number]?.entries.keys.sorted() ?? [] { removeTree(name, in: number) }
            directories[directory]?.remove(name, node)
            directories[number] = nil
        } else {
            try? remove(name, in: directory)
        }
        syncDirectory(directory)
    }

    /// Drops the files that no name, now or after a crash, and no open file leads to.
    mutating func collectFiles() {
        var wanted = Set(handles.values.map(\.file))
        for case .file(let number) in directories.values.flatMap(\.nodes) { wanted.insert(number) }
        files = files.filter { wanted.contains($0.key) }
    }
}

// MARK: Space

extension SimulatedDisk {
    /// Files have no holes here: each takes the blocks of its length, as long as it has a name or is open.
    var usedByteCount: Int {
        let open = Set(handles.values.map(\.file))
        return files.reduce(0) { total, file in
            guard file.value.linkCount > 0 || open.contains(file.key) else { return total }
            return total + file.value.written.blockCount * BlockContent.blockByteCount
        }
    }

    var availableByteCount: Int {
        guard let byteQuota else { return 1 << 40 }
        return max(0, byteQuota - usedByteCount)
    }

    /// How far a file of `blockCount` blocks can grow towards `byteCount`: there, or to the last block that the quota
    /// allows.
    func growth(from blockCount: Int, towards byteCount: Int) -> Int {
        let needed = BlockContent.blockCount(byteCount) - blockCount
        guard byteQuota != nil, needed > 0 else { return byteCount }
        let granted = min(needed, availableByteCount / BlockContent.blockByteCount)
        return granted == needed ? byteCount : (blockCount + granted) * BlockContent.blockByteCount
    }
}
