import CheckpointLog
import FoundationEssentials
import Synchronization
import SystemPackage

/// One directory of a ``SimulatedFileSystem``, by its number: it stays the same wherever it is moved.
final class SimulatedDirectory: OpenDirectory {
    let path: FilePath
    let number: Int
    private let system: SimulatedFileSystem
    private let text: String

    /// Paths of files by the paths of their directories and their names: a debug build joins them so slowly that it
    /// was a sixth of what the tests took.
    private static let paths = Lock<[String: [String: FilePath]]>([:])

    init(_ system: SimulatedFileSystem, number: Int, path: FilePath) {
        self.system = system
        self.number = number
        self.path = path
        text = path.string
    }

    func path(of name: String) -> FilePath {
        Self.paths.withLock { paths in
            if let known = paths[text]?[name] { return known }
            let path = path.appending(name)
            // Most names come again, but those of files under way are new ones each time.
            if paths[text, default: [:]].count >= 4_096 { paths[text] = nil }
            paths[text, default: [:]][name] = path
            return path
        }
    }

    private func call(_ operation: SimulatedCall.Operation, _ name: String) -> SimulatedCall {
        SimulatedCall(operation: operation, path: path(of: name))
    }

    func openFile(_ name: String, _ mode: OpenMode) throws(FileSystemError) -> any OpenFile {
        let isCreation = if case .create = mode { true } else { false }
        let call = call(isCreation ? .create : .open, name)
        let file = try system.perform(call) { (disk, _) throws(Errno) in try disk.open(name, in: number, mode) }
        return SimulatedFile(system, number: file, path: call.path)
    }

    func createDirectory(_ name: String) throws(FileSystemError) {
        try system.perform(call(.createDirectory, name)) { (disk, _) throws(Errno) in
            try disk.createDirectory(name, in: number)
        }
    }

    func openDirectory(_ name: String) throws(FileSystemError) -> any OpenDirectory {
        let call = call(.openDirectory, name)
        let found = try system.perform(call) { (disk, _) throws(Errno) in
            guard case .directory(let found) = try disk.existingNode(name, in: number) else { throw .notDirectory }
            return found
        }
        return SimulatedDirectory(system, number: found, path: call.path)
    }

    func entries() throws(FileSystemError) -> [DirectoryEntry] {
        try system.perform(SimulatedCall(operation: .list, path: path)) { (disk, _) throws(Errno) in
            disk.entries(of: number)
        }
    }

    func rename(_ name: String, to newName: String) throws(FileSystemError) {
        let call = SimulatedCall(
            operation: .rename, path: path(of: name), destination: path(of: newName))
        try system.perform(call) { (disk, _) throws(Errno) in
            try disk.rename(name, in: number, to: newName, in: number)
        }
    }

    func link(_ name: String, to newName: String, in target: any OpenDirectory) throws(FileSystemError) -> Bool {
        // Another simulated disk is another disk.
        guard let target = target as? SimulatedDirectory, target.system === system else { return false }
        let call = SimulatedCall(
            operation: .link, path: path(of: name), destination: target.path(of: newName))
        do throws(FileSystemError) {
            try system.perform(call) { (disk, _) throws(Errno) in
                try disk.link(name, in: number, to: newName, in: target.number)
            }
            return true
        } catch  where [.improperLink, .tooManyLinks, .notPermitted].contains(error.code) {
            return false
        }
    }

    func remove(_ name: String) throws(FileSystemError) {
        try system.perform(call(.remove, name)) { (disk, _) throws(Errno) in try disk.remove(name, in: number) }
    }

    func sync() throws(FileSystemError) {
        do throws(FileSystemError) {
            try sync(path) { _ in number }
        } catch {
            failedSyncs.add(1, ordering: .releasing)
            throw error
        }
    }

    private let failedSyncs = Atomic(0)

    var failedSyncCount: Int { failedSyncs.load(ordering: .acquiring) }

    func syncParent() throws(FileSystemError) {
        try sync(path.removingLastComponent()) { disk in disk.parent(of: number) ?? SimulatedDisk.root }
    }

    private func sync(_ path: FilePath, _ number: (SimulatedDisk) -> Int) throws(FileSystemError) {
        try system.perform(
            SimulatedCall(operation: .syncDirectory, path: path),
            whenFailed: { disk, code in if code != .interrupted { disk.failSyncDirectory(number(disk)) } }
        ) { (disk, _) throws(Errno) in
            disk.syncDirectory(number(disk))
        }
    }

    func lock(_ name: String) throws(FileSystemError) -> LockOutcome {
        let process = LockHolder(
            process: ProcessInfo.processInfo.processIdentifier, began: 1_700_000_000_000_000, host: "simulated")
        let (file, holder) = try system.perform(call(.lock, name)) { (disk, _) throws(Errno) in
            try disk.lock(name, in: number, by: process)
        }
        guard let file else { return .held(by: holder) }
        return .acquired(SimulatedLock(system, file: file, name: name, in: self))
    }

    func isLocked(_ name: String) throws(FileSystemError) -> Bool {
        try system.perform(call(.isLocked, name)) { (disk, _) throws(Errno) in disk.isLocked(name, in: number) }
    }

    func isAnnounced(_ name: String) throws(FileSystemError) -> Bool {
        try system.perform(call(.isLocked, name)) { (disk, _) throws(Errno) in disk.isAnnounced(name, in: number) }
    }

    var placeIdentifier: UInt64 { system.place &+ UInt64(number) }

    /// Nothing is to be given back.
    func close() {}
}
