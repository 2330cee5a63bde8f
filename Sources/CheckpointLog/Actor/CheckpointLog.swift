internal import CBOR
internal import SystemPackage

/// A checkpoint log: hands over the state of a long computation as often as wanted, and gives the newest back after a failure.
///
/// Appending and restoring never hop to the actor; the actor keeps what needs an order of its own. All calls can be made from
/// any task or thread.
///
/// ```swift
/// let log = try await CheckpointLog.open(at: "/var/lib/simulation")
/// var state = try await log.restore(State.self, for: "state") ?? State()
/// while !state.isDone {
///     state.advance()
///     try await log.checkpoint(state, for: "state")
/// }
/// try await log.close()
/// ```
public actor CheckpointLog {
    package nonisolated let engine: LogEngine

    private init(_ engine: LogEngine) { self.engine = engine }

    deinit { engine.abandon() }

    /// Opens the log in `directory` for writing, after recovery; makes it when there is none.
    ///
    /// What a crash left unfinished is cut off, sealed and reported in ``recoveryReport``. The directory has mode 0700, its
    /// files 0600. One writer has a log open at a time.
    ///
    /// - Parameters:
    ///   - directory: the path of the log's directory; its parent must exist.
    ///   - configuration: how the log works.
    /// - Throws: ``CheckpointLogError``: `.locked` when another writer has it open, `.damaged` when something that was known
    ///   to be good is not there (nothing is changed then), `.unsupportedFormat`, `.invalidConfiguration`, `.ioFailure`,
    ///   `.diskFull`.
    /// - Complexity: O(n) in the sealed segments' footers and the bytes after the last seal.
    public static func open(at directory: String, configuration: Configuration = Configuration()) async throws
        -> CheckpointLog
    {
        let threads = BlockingThreads()
        defer { threads.stop() }
        return try await threads.run { CheckpointLog(try LogEngine.open(at: FilePath(directory), configuration)) }
    }

    /// Opens the log in `directory` for reading, as it stands at this moment; it may be written by another process.
    ///
    /// - Parameter salvage: whether damage is gone around, and listed in ``recoveryReport``, rather than thrown.
    /// - Throws: ``CheckpointLogError``: `.notALog`, `.damaged`, `.unsupportedFormat`, `.ioFailure`.
    public static func openForReading(
        at directory: String, configuration: Configuration = Configuration(), salvage: Bool = false
    ) async throws -> CheckpointLog {
        let threads = BlockingThreads()
        defer { threads.stop() }
        return try await threads.run {
            CheckpointLog(
                try LogEngine.openForReading(at: FilePath(directory), configuration, isSalvage: salvage))
        }
    }

    /// What the opening found.
    public nonisolated var recoveryReport: RecoveryReport { engine.report }

    /// Syncs everything appended so far.
    ///
    /// - Throws: ``CheckpointLogError``: `.closed`, `.readOnly`, `.writerFailed`, `.ioFailure`.
    public nonisolated func save() async throws {
        let writer = try engine.requireWriter()
        try await engine.synced(writer.appender.writtenPosition)
    }

    /// Closes the log: syncs what was appended, ends its threads, seals the last segment and gives the lock back.
    ///
    /// A second call does nothing. Calls under way end normally; later ones throw `.closed`.
    ///
    /// - Throws: the first cause, for a log that a failure closed for writing; nothing is written then.
    public func close() async throws {
        let engine = engine
        let threads = BlockingThreads()
        defer { threads.stop() }
        try await threads.run { try engine.close() }
    }

    /// Drops superseded checkpoints now rather than when the compaction thread finds it worth while.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged` naming a live record that does not read back; its segment is left alone.
    public nonisolated func compact() async throws {
        let writer = try engine.requireWriter()
        try await engine.blocking.run { _ = try writer.maintenance.compact(fully: true) }
    }

    /// Counts of what the log did since it was opened, and what it holds.
    public nonisolated var statistics: Statistics { engine.statistics }
}
