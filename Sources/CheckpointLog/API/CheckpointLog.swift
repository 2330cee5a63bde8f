internal import CBOR
internal import SystemPackage

/// A checkpoint log: saves the state of a long computation as often as you like, and restores the latest after a crash.
///
/// A log is also a checkpointing actor: it can have a parent and children, take over what its children hold, and update
/// and save at intervals. Checkpoints and restores never hop to the actor. You can make every call from any task or
/// thread.
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
    /// Children whose records are being taken over, each by one task at a time.
    var childUpdates: [String: Task<(any Error)?, Never>] = [:]
    /// What sources were asked for and have not answered, by number.
    nonisolated let expected = Lock<[SequenceNumber: ExpectedCheckpoint]>([:])

    /// The log of which this is a snapshot. It must not end before the snapshot is released.
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

    /// Opens the log in `directory` for writing, and creates it if there is none.
    ///
    /// After a crash the opening recovers the log: it cuts off an unfinished write, seals the last segment, and reports
    /// that in ``recoveryReport``. It creates the directory with mode 0700 and files with mode 0600, unless
    /// ``Configuration/filePermissions`` says otherwise. Only one process can have a log open for writing. If somebody
    /// moves the directory, the log goes on in its new place. If somebody removes it, the next sync throws
    /// `.writerFailed`. A child of this process that `fork()` made cannot write the log.
    ///
    /// - Parameters:
    ///   - directory: the path of the log's directory. Its parent must exist; `~` is not expanded.
    ///   - configuration: how the log works.
    ///   - limit: how long to wait, by the configuration's clock, while another process has the log open, for example
    ///     the old process of a deployment. Default: not at all.
    /// - Throws: ``CheckpointLogError``: `.locked`, naming the process, if another one has the log open for writing;
    ///   `.damaged` if data that was known to be good is missing (the opening changes nothing then);
    ///   `.unsupportedFormat`; `.invalidConfiguration`; `.invalidArgument` for a path that is empty or contains a NUL;
    ///   `.ioFailure`; `.diskFull`.
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

    /// Opens the log in `directory` for reading. Another process may write or compact it meanwhile.
    ///
    /// Each restore and listing first reads what was written since the one before. A reader changes nothing on the
    /// disk.
    ///
    /// - Parameters:
    ///   - directory: the path of the log's directory. If somebody moves the directory, the reader stays with it.
    ///   - configuration: logger and limits. Settings for writing have no effect, and neither have `levels`: a reader
    ///     finds what the log keeps.
    ///   - salvage: whether to skip damage and list it in ``recoveryReport``. If false, damage throws.
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

    /// Creates a log without a directory. Every level is then a memory level, and ends with the process.
    ///
    /// Waiting for more than `.memory` throws `.unsupported`. A parent in the tree can copy its checkpoints.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidConfiguration`.
    public static func inMemory(configuration: Configuration = Configuration()) async throws -> CheckpointLog {
        let log = CheckpointLog(try LogEngine.inMemory(configuration))
        if configuration.intervals.on { await log.startCheckpointing() }
        return log
    }

    /// What the opening found.
    public nonisolated var recoveryReport: RecoveryReport { engine.report }

    /// The levels that any checkpoint of this log ever had, ascending. A reader gives those that it saw last.
    public nonisolated var levels: [Int] { engine.levelsInUse.map(Int.init) }

    /// The policy of `level` that is in force; its retention is never nil. A reader gives the policy that it saw last.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidLevel` outside 1…255.
    public nonisolated func policy(for level: Int) throws -> LevelPolicy {
        engine.policy(for: try Level(validating: level).rawValue)
    }

    /// Writes the memory level to the disk and syncs everything.
    ///
    /// On return, every checkpoint taken before the call survives power loss. The memory level is written as one atomic
    /// group, up to the value limit. In a log without a directory the call does nothing.
    ///
    /// - Throws: ``CheckpointLogError``: `.encodingFailed`, naming the first key whose value does not encode, after all
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

    /// Stops the timers, takes a last checkpoint of every source if you ask for that, and closes the log as ``close()``
    /// does.
    ///
    /// Use it when a program ends in order: its next start then finds the last state of each source. The call waits for
    /// sources and children without a limit; `CheckpointLogService` of the library `CheckpointLogLifecycle` has one.
    ///
    /// - Parameter updatesFirst: whether to call ``update()`` first. A log that is open for reading, or closed, is not
    ///   updated.
    /// - Throws: the first failure of the update, after the log is closed; what ``close()`` throws.
    public func close(updatingFirst updatesFirst: Bool) async throws {
        var failure: (any Error)?
        if updatesFirst, !engine.isReadOnly, (try? engine.checkOpen()) != nil {
            await stopCheckpointing()
            do { try await update() } catch { failure = error }
        }
        try await close()
        if let failure { throw failure }
    }

    /// Closes the log: stops its timers, saves, ends its threads, seals the last segment and releases the lock.
    ///
    /// If compaction is due, the call compacts for up to 50 ms, or until one file is written. Calls that are under way
    /// end normally; later ones throw `.closed`. A second `close()` does nothing. A parent keeps only what was passed
    /// up to it or what its updates copied; call its ``update()`` first if it should have the rest. If you drop a log
    /// without closing it, it releases its lock and loses nothing that was promised, but the memory level is gone.
    ///
    /// - Throws: if an earlier failure closed the log for writing, that failure; nothing is written then.
    ///   `.encodingFailed` for a value of the memory level that does not encode; the log is closed in any case.
    public func close() async throws {
        timers.cancel()
        for reader in node.removeReaders() { try? await reader.close() }
        let engine = engine
        let threads = BlockingThreads()
        defer { threads.stop() }
        try await threads.run { try engine.close() }
    }

    /// Removes superseded checkpoints from the disk now, instead of when the compaction thread finds it worthwhile.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged`, naming a live record that cannot be read; compaction leaves its
    ///   segment as it is.
    public nonisolated func compact() async throws {
        let writer = try engine.requireWriter()
        try await engine.blocking.run { _ = try writer.maintenance.compact(fully: true) }
    }

    /// What the log has done since it was opened, and what it holds, in numbers.
    public nonisolated var statistics: Statistics {
        var statistics = engine.statistics
        (statistics.backgroundFailureCount, statistics.skippedTickCount) = failures.counts
        return statistics
    }
}

extension CheckpointLog: TreeMember {}
