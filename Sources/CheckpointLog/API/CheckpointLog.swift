internal import CBOR
internal import SystemPackage

/// A checkpoint log: hands over the state of a long computation as often as wanted, and gives the newest back after a
/// failure.
///
/// It is a checkpointing actor too: it can stand in a tree of them, take over what its children hold, and update and
/// save by itself. Appending and restoring never hop to the actor; the actor keeps what needs an order of its own. All
/// calls can be made from any task or thread.
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
    /// Its place in the tree of checkpointing actors.
    nonisolated let node: TreeNode<CheckpointLog>
    nonisolated let costs = CheckpointCosts()
    nonisolated let failures: FailureReports
    var timers: Timers
    var sources: [CheckpointSource] = []
    /// Children that are being taken over, each by one task at a time.
    var childUpdates: [String: Task<(any Error)?, Never>] = [:]
    /// What sources were asked for and have not answered, by number.
    nonisolated let expected = Lock<[SequenceNumber: ExpectedCheckpoint]>([:])

    /// The log that a snapshot is of: it is not to end before the snapshot is let go.
    private let original: CheckpointLog?

    init(_ engine: LogEngine, snapshotOf original: CheckpointLog? = nil) {
        self.engine = engine
        self.original = original
        let configuration = engine.configuration
        node = TreeNode(name: configuration.name, rank: configuration.rank)
        failures = FailureReports(configuration)
        timers = Timers(intervals: configuration.intervals)
    }

    deinit {
        timers.cancel()
        engine.abandon()
    }

    /// Opens the log in `directory` for writing, after recovery; makes it when there is none.
    ///
    /// What a crash left unfinished is cut off, sealed and reported in ``recoveryReport``. The directory has mode 0700,
    /// its files 0600, unless ``Configuration/filePermissions`` says otherwise. One writer has a log open at a time.
    /// The log lives in the directory that it finds there now: moved, it goes on where it is, and removed, it throws
    /// `.writerFailed` before it acknowledges anything more as synced. A child that comes out of this process by
    /// `fork()` cannot write it.
    ///
    /// - Parameters:
    ///   - directory: the path of the log's directory. Its parent must exist; `~` is not expanded.
    ///   - configuration: how the log works.
    ///   - limit: how long to wait for another writer to end, as where a new process of a deployment begins before the
    ///     old one has closed the log; by the configuration's clock. Default: not at all.
    /// - Throws: ``CheckpointLogError``: `.locked`, naming the process, when another writer has it open; `.damaged`
    ///   when something that was known to be good is not there (nothing is changed then), `.unsupportedFormat`,
    ///   `.invalidConfiguration`, `.invalidArgument` for a path that is empty or has a NUL in it, `.ioFailure`,
    ///   `.diskFull`.
    /// - Complexity: O(n) in the sealed segments' footers and the bytes after the last seal.
    public static func open(
        at directory: String, configuration: Configuration = Configuration(), waitingForLock limit: Duration = .zero
    ) async throws -> CheckpointLog {
        let threads = BlockingThreads()
        defer { threads.stop() }
        var wait = LockWait(limit)
        let log: CheckpointLog
        while true {
            do {
                log = try await threads.run { CheckpointLog(try LogEngine.open(at: .ofLog(directory), configuration)) }
                break
            } catch let error as CheckpointLogError where error.code == .locked {
                try await configuration.clock.sleep(for: try wait.next(after: error))
            }
        }
        if configuration.intervals.on { await log.startCheckpointing() }
        return log
    }

    /// Opens the log in `directory` for reading; another process may be writing it, compacting it, or dead.
    ///
    /// Each restore and listing first takes in what was written since. Nothing on disk is changed.
    ///
    /// - Parameters:
    ///   - directory: the path of the log's directory, found once: a reader stays with a directory that is moved.
    ///   - configuration: logger, limits, and the like. Settings of writing have no effect, nor have levels: a reader
    ///     finds what the log itself keeps.
    ///   - salvage: whether to go around damage, and list it in ``recoveryReport``, rather than throw.
    /// - Throws: ``CheckpointLogError``: `.notALog`, `.damaged`, `.unsupportedFormat`, `.invalidArgument`,
    ///   `.ioFailure`.
    public static func openForReading(
        at directory: String, configuration: Configuration = Configuration(), salvage: Bool = false
    ) async throws -> CheckpointLog {
        let threads = BlockingThreads()
        defer { threads.stop() }
        return try await threads.run {
            CheckpointLog(
                try LogEngine.openForReading(at: .ofLog(directory), configuration, isSalvage: salvage))
        }
    }

    /// Makes a log without a directory: every level is then of the memory, and ends with the process.
    ///
    /// Waiting for more than `.memory` throws `.unsupported`. A parent in the tree can take its checkpoints over.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidConfiguration`.
    public static func inMemory(configuration: Configuration = Configuration()) async throws -> CheckpointLog {
        let log = CheckpointLog(try LogEngine.inMemory(configuration))
        if configuration.intervals.on { await log.startCheckpointing() }
        return log
    }

    /// What the opening found.
    public nonisolated var recoveryReport: RecoveryReport { engine.report }

    /// The levels that any checkpoint of this log ever had, ascending; as far as a reader knew at its last look.
    public nonisolated var levels: [Int] { engine.levelsInUse.map(Int.init) }

    /// The policy in force at `level`, its retention never nil: what the log has, as this opening may have changed it.
    /// A reader gives what it knew at its last look.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidLevel` outside 1…255.
    public nonisolated func policy(for level: Int) throws -> LevelPolicy {
        engine.policy(for: try Level(validating: level).rawValue)
    }

    /// Encodes and appends what the memory level holds, as one atomic group up to the value limit, and syncs
    /// everything.
    ///
    /// On return all checkpoints taken before the call survive power loss. In a log without a directory it does
    /// nothing.
    ///
    /// - Throws: ``CheckpointLogError``: `.encodingFailed` naming the first key whose value does not encode, once all
    ///   others are safe; `.closed`, `.readOnly`, `.writerFailed`, `.ioFailure`, `.diskFull`.
    public nonisolated func save() async throws {
        let engine = engine
        try engine.checkOpen()
        if engine.isInMemory { return }
        let writer = try engine.requireWriter()
        var refusal: CheckpointLogError?
        if engine.hasMemoryLevel {
            refusal = try await engine.blocking.run { try engine.writeOutAllButRefused() }
        }
        try await engine.synced(writer.appender.writtenPosition)
        if let refusal { throw refusal }
    }

    /// Stops the timers, updates a last time where that is wanted, and closes the log as ``close()`` does.
    ///
    /// For the graceful end of a program: what its sources have then is found at its next start. What is under way with
    /// sources and children is waited for, without a limit; `CheckpointLogService` of the library
    /// `CheckpointLogLifecycle` has one.
    ///
    /// - Parameter updatesFirst: whether to take from every source and child first, as ``update()`` does. Nothing is
    ///   taken into a log that is open for reading or closed.
    /// - Throws: the first failure of the update, once the log is closed; what ``close()`` throws.
    public func close(updatingFirst updatesFirst: Bool) async throws {
        var failure: (any Error)?
        if updatesFirst, !engine.isReadOnly, (try? engine.checkOpen()) != nil {
            await stopCheckpointing()
            do { try await update() } catch { failure = error }
        }
        try await close()
        if let failure { throw failure }
    }

    /// Closes the log: stops its timers, saves, ends its threads, seals the last segment and gives the lock back.
    ///
    /// Where enough is due for compaction, it carries that out for 50 ms, or until one file is written. A second call
    /// does nothing. Calls under way end normally; later ones throw `.closed`. A parent has what was passed up and what
    /// its updates took over: call its ``update()`` first for the rest. A log that is dropped without this call gives
    /// its lock back and loses nothing that was promised; what is of the memory level ends with it.
    ///
    /// - Throws: the first cause, for a log that a failure closed for writing; nothing is written then.
    ///   `.encodingFailed` for a value of the memory level that does not encode; the log is closed all the same.
    public func close() async throws {
        timers.cancel()
        for reader in node.removeReaders() { try? await reader.close() }
        let engine = engine
        let threads = BlockingThreads()
        defer { threads.stop() }
        try await threads.run { try engine.close() }
    }

    /// Drops superseded checkpoints now rather than when the compaction thread finds it worth while.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged` naming a live record that does not read back; its segment is left
    ///   alone.
    public nonisolated func compact() async throws {
        let writer = try engine.requireWriter()
        try await engine.blocking.run { _ = try writer.maintenance.compact(fully: true) }
    }

    /// Counts of what the log did since it was opened, and what it holds.
    public nonisolated var statistics: Statistics {
        var statistics = engine.statistics
        (statistics.backgroundFailureCount, statistics.skippedTickCount) = failures.counts
        return statistics
    }
}

extension CheckpointLog: TreeMember {}
