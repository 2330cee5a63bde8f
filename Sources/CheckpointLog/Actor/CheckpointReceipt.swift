/// What a checkpoint that was handed over answers with: its number, and a way to wait for more than was promised so far.
///
/// ```swift
/// let receipt = try log.submit(state, for: "simulation")
/// try await receipt.wait(for: .synced)
/// ```
public struct CheckpointReceipt: Sendable {
    /// The number of the record: its version.
    public let sequenceNumber: SequenceNumber
    /// Bytes that the record takes in the log, before compaction.
    public let byteCount: Int
    let engine: LogEngine
    let end: LogPosition

    /// Returns once the checkpoint has survived what `durability` says.
    ///
    /// - Throws: ``CheckpointLogError``: `.writerFailed` or `.ioFailure` when it can never get there.
    public func wait(for durability: LevelPolicy.Durability) async throws {
        guard durability == .synced else { return }
        try await engine.synced(end)
    }

    /// Returns as ``wait(for:)`` does, for code that is not asynchronous.
    @available(*, noasync, message: "Use the asynchronous wait.")
    public func waitBlocking(for durability: LevelPolicy.Durability) throws {
        guard durability == .synced else { return }
        try engine.requireWriter().sync.waitUntilSynced(end)
    }
}

extension LogEngine {
    func receipt(_ appended: Appended) -> CheckpointReceipt {
        CheckpointReceipt(
            sequenceNumber: appended.sequenceNumber, byteCount: appended.frameByteCount, engine: self, end: appended.end
        )
    }

    func content(_ level: Int) throws -> Content {
        let level = try Level(validating: level)
        return Content(level: level, policy: configuration.policy(for: level.rawValue), flags: [])
    }

    func synced(_ position: LogPosition) async throws {
        guard let writer else { return }
        if writer.appender.syncedPosition >= position { return }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            writer.sync.whenSynced(position) { continuation.resume(with: $0.mapError { $0 }) }
        }
    }
}

extension LogEngine.Content {
    func adding(_ flags: FrameHeader.Flags) -> LogEngine.Content {
        var copy = self
        copy.flags.formUnion(flags)
        return copy
    }
}
