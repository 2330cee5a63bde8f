package import CheckpointLog
import FoundationEssentials
package import SystemPackage

/// A disk in memory that can fail, fill up and lose power.
///
/// ## What it models
///
/// * **Bytes.** Each file has what reads see (written) and what the disk holds for certain (synced), by blocks of 4
///   KiB. `sync` makes bytes and length durable. Until then a crash keeps any subset of the blocks, each as it is or as
///   it was at some earlier moment since the last sync, and the old length, the new one, or one between.
/// * **Mapped stores** are writes that cannot be refused.
/// * **Names.** Each directory has its entries and those on the disk. `syncDirectory` makes creations, renames and
///   removals in that one directory durable, and `sync` of a file never does. Until then a crash keeps a prefix or any
///   subset of the changes; a rename inside a directory happens wholly or not at all, between two directories its
///   halves are apart. Without its name a file is lost, synced or not.
/// * **The end of the process** (``crashImage(_:boot:)`` with `.same`) loses no byte; what was unsynced still is. Locks
///   end.
/// * **Power cuts** happen at a mutating call, which is not carried out, or, if it writes, for a prefix that ends at a
///   multiple of 8 in the file. All calls after it throw `EIO`; stores do nothing.
/// * **A failed sync** leaves the pages dirty, or clean and never to be written, or reverted: ``failedSyncBehavior``.
///   Of a directory it leaves the names unsynced, or, in both other cases, those of files seen and never to be written.
/// * **A full disk** takes the part of a write or a reservation that fits whole blocks, and throws `ENOSPC` when none
///   does. Names need no space. Files have no holes: growing one by `truncate` takes blocks, too.
///
/// Not modelled: links, permissions, limits on open files, reordering of a removed file's blocks into another file, and
/// damage inside a block (tests make that by ``flipBit(_:of:)`` and ``setContents(_:of:)``).
///
/// Paths start at the root, which is there and empty at first; relative ones mean the same. All that is random comes
/// from the seeds given. Calls may be made from any thread.
package final class SimulatedFileSystem: FileSystem {
    let state: Lock<State>

    struct State: Sendable {
        var disk: SimulatedDisk
        var plan = FaultPlan()
        var trace: [SimulatedCall]?
        var observer: (@Sendable (SimulatedCall) -> Void)?
    }

    /// Makes an empty disk. `seed` decides which earlier states of unsynced blocks a crash can bring back.
    package convenience init(seed: UInt64 = 1) {
        self.init(SimulatedDisk(seed: seed))
    }

    init(_ disk: SimulatedDisk) { state = Lock(State(disk: disk)) }

    package var counters: DiskCounters? { nil }

    /// A test's own traces count.
    package func forWriting(followsUmask: Bool) -> any FileSystem { self }

    package var bootIdentifier: UInt64 {
        get { state.withLock { $0.disk.bootIdentifier } }
        set { state.withLock { $0.disk.bootIdentifier = newValue } }
    }

    /// The same for all directories: a test makes the whole disk a copy or a snapshot by another number.
    package var place: UInt64 {
        get { state.withLock { $0.disk.placeIdentifier } }
        set { state.withLock { $0.disk.placeIdentifier = newValue } }
    }

    package func absolute(_ path: FilePath) -> FilePath { FilePath("/").pushing(path) }

    package func createDirectory(_ path: FilePath) throws(FileSystemError) {
        try perform(SimulatedCall(operation: .createDirectory, path: path)) { (disk, _) throws(Errno) in
            let (directory, name) = try disk.parent(of: path)
            try disk.createDirectory(name, in: directory)
        }
    }

    package func openDirectory(_ path: FilePath) throws(FileSystemError) -> any OpenDirectory {
        let call = SimulatedCall(operation: .openDirectory, path: path)
        let number = try perform(call) { (disk, _) throws(Errno) in try disk.directory(at: path) }
        return SimulatedDirectory(self, number: number, path: path)
    }

    /// Carries out one call of the seam, as far as the plan of faults lets it.
    ///
    /// `body` is given the number of bytes it may take. `whenFailed` runs when a fault fails the call.
    func perform<Result>(
        _ call: SimulatedCall, whenFailed: (inout SimulatedDisk, Errno) -> Void = { _, _ in },
        _ body: (inout SimulatedDisk, Int) throws(Errno) -> Result
    ) throws(FileSystemError) -> Result {
        var call = call
        // Outside the lock: an observer may wait, and may call this file system.
        state.withLock { $0.observer }?(call)
        return try state.withLock { (state) throws(FileSystemError) in
            let answer = state.plan.admit(&call)
            do throws(Errno) {
                switch answer {
                case .proceed(let byteCount):
                    let result = try body(&state.disk, byteCount)
                    state.trace?.append(call)
                    return result
                case .fail(let code):
                    whenFailed(&state.disk, code)
                    throw code
                case .powerCut(let byteCount):
                    if let byteCount { _ = try body(&state.disk, byteCount) }
                    throw .ioError
                }
            } catch {
                call.failure = error
                state.trace?.append(call)
                throw FileSystemError(call.operation.named, call.path, error)
            }
        }
    }
}
