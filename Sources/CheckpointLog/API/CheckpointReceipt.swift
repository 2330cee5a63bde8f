/// The answer to a checkpoint: its number, and a way to wait for more durability than the level promises.
///
/// ```swift
/// let receipt = try log.submit(state, for: "simulation")
/// try await receipt.wait(for: .synced)
/// ```
public struct CheckpointReceipt: Sendable {
    private enum Place: Sendable {
        /// The position through which a sync makes the record survive power loss.
        case log(end: LogPosition)
        case memory(KeyHash)
    }

    /// The number of the record in the log that was called: its version there.
    public let sequenceNumber: SequenceNumber
    /// How many bytes the record takes in the log, before compaction; 0 at the memory level.
    public let byteCount: Int
    private let engine: LogEngine
    private let place: Place
    /// The receipts of the same checkpoint in the actors above, as far as it was passed up.
    var above: [CheckpointReceipt] = []

    init(_ appended: Appended, _ engine: LogEngine) {
        sequenceNumber = appended.sequenceNumber
        byteCount = appended.frameByteCount
        self.engine = engine
        place = .log(end: appended.end)
    }

    init(_ batch: LogEngine.AppendedBatch, _ engine: LogEngine) {
        sequenceNumber = batch.sequenceNumber
        byteCount = batch.frameByteCount
        self.engine = engine
        place = .log(end: batch.end)
    }

    init(_ number: SequenceNumber, _ hash: KeyHash, _ engine: LogEngine) {
        sequenceNumber = number
        byteCount = 0
        self.engine = engine
        place = .memory(hash)
    }

    /// Whether the memory level kept it when it was taken.
    var isInMemory: Bool {
        if case .memory = place { return true }
        return false
    }

    /// Returns when the checkpoint, or a newer one of its key, is as durable as `durability` says.
    ///
    /// If the checkpoint is at the memory level, and you wait for more than `.memory`, the call writes it to the disk.
    /// A newer removal of the key ends the wait too. If the checkpoint was passed up the tree, the call also waits for
    /// the actors above; those without a directory can only give `.memory`.
    ///
    /// - Throws: ``CheckpointLogError``: `.writerFailed` or `.ioFailure` if that durability can no longer be reached,
    ///   `.encodingFailed` for a value of the memory level that does not encode, `.closed`, and `.unsupported` for more
    ///   than `.memory` in a log without a directory.
    public func wait(for durability: LevelPolicy.Durability) async throws {
        let end = try await engine.blockingIfNeeded(needsThread, { try self.position(for: durability) })
        if let end { try await engine.synced(end) }
        for receipt in above { try await receipt.wait(for: receipt.attainable(durability)) }
    }

    /// An actor above may have no directory. It only keeps checkpoints in memory, so nobody can wait for more.
    private func attainable(_ durability: LevelPolicy.Durability) -> LevelPolicy.Durability {
        engine.isInMemory ? .memory : durability
    }

    /// Returns when the promise of `level` holds in this log and in those above, in each according to its own policy.
    func waitForPromise(of level: Level) async throws {
        if engine.storagePolicy(for: level.rawValue).durability == .synced, case .log(let end) = place {
            try await engine.synced(end)
        }
        for receipt in above { try await receipt.waitForPromise(of: level) }
    }

    /// Waits as ``wait(for:)`` does, for synchronous code; blocks its thread.
    @available(*, noasync, message: "Use the asynchronous wait.")
    public func waitBlocking(for durability: LevelPolicy.Durability) throws {
        if let end = try position(for: durability) { try waitBlocking(through: end) }
        for receipt in above { try receipt.waitBlocking(for: receipt.attainable(durability)) }
    }

    private func waitBlocking(through end: LogPosition) throws {
        guard let writer = engine.writer, writer.appender.syncedPosition < end else { return }
        try engine.checkProcess()
        try writer.sync.waitUntilSynced(end)
    }

    /// Whether the wait has to encode and write first.
    private var needsThread: Bool {
        if case .memory = place { true } else { false }
    }

    /// The position that must be synced; nil if none.
    private func position(for durability: LevelPolicy.Durability) throws -> LogPosition? {
        switch (place, durability) {
        case (_, .memory), (.log, .written): return nil
        case (.log(let end), .synced): return end
        case (.memory(let hash), _):
            let writer = try engine.requireWriter()
            try engine.writeOut(hash)
            return durability == .synced ? writer.appender.writtenPosition : nil
        }
    }
}

extension LogEngine {
    func blockingIfNeeded<Value: Sendable>(
        _ isNeeded: Bool, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        isNeeded ? try await blocking.run(body) : try body()
    }

    /// Runs an append on the task's thread. Runs it on a thread of the engine if it takes long, or if the disk has no
    /// room and it must wait for some.
    func whenThereIsRoom<Value: Sendable>(
        isLong: Bool = false, _ body: @escaping @Sendable (RoomPatience) throws -> Value
    ) async throws -> Value {
        if !isLong {
            do {
                return try body(.none)
            } catch let error as CheckpointLogError where error.isLackOfRoom {}
        }
        return try await blocking.run { try body(.long) }
    }

    func synced(_ position: LogPosition) async throws {
        guard let writer, writer.appender.syncedPosition < position else { return }
        try checkProcess()
        if try writer.sync.syncAlone(isPatient: false) { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            writer.sync.whenSynced(position) { continuation.resume(with: $0.mapError { $0 }) }
        }
    }
}
