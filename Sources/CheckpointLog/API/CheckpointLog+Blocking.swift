internal import SystemPackage

/// The forms for synchronous code. Each blocks its thread, so the compiler refuses it in asynchronous code. All but
/// ``updateBlocking()`` work on the calling thread and need no other.
extension CheckpointLog {
    /// Opens a log as ``open(at:configuration:waitingForLock:)`` does, and blocks until it is open.
    @available(*, noasync, message: "Use the asynchronous open.")
    public static func openBlocking(
        at directory: String, configuration: Configuration = Configuration(), waitingForLock limit: Duration = .zero
    ) throws -> CheckpointLog {
        var wait = LockWait(limit)
        let log: CheckpointLog
        while true {
            do {
                log = CheckpointLog(try LogEngine.open(at: .ofLog(directory), configuration))
                break
            } catch let error as CheckpointLogError where error.code == .locked {
                NamedThread.sleep(for: try wait.next(after: error))
            }
        }
        if configuration.intervals.on { Task { await log.startCheckpointingFirst() } }
        return log
    }

    /// Opens a log as ``openForReading(at:configuration:salvage:)`` does, and blocks until it is open.
    @available(*, noasync, message: "Use the asynchronous openForReading.")
    public static func openForReadingBlocking(
        at directory: String, configuration: Configuration = Configuration(), salvage: Bool = false
    ) throws -> CheckpointLog {
        CheckpointLog(try LogEngine.openForReading(at: .ofLog(directory), configuration, isSalvage: salvage))
    }

    /// Saves as ``save()`` does, and blocks until everything is durable.
    @available(*, noasync, message: "Use the asynchronous save.")
    public nonisolated func saveBlocking() throws {
        try engine.save()
    }

    /// Updates as ``update()`` does, and blocks until every source and child has had its turn.
    ///
    /// Sources are asynchronous, so the call waits for tasks. Do not call it on a thread that tasks need, for example
    /// in a synchronous function that a task calls.
    @available(*, noasync, message: "Use the asynchronous update.")
    public nonisolated func updateBlocking() throws {
        try Self.block { try await self.update() }
    }

    /// Closes as ``close()`` does, and blocks until the log is closed.
    @available(*, noasync, message: "Use the asynchronous close.")
    public nonisolated func closeBlocking() throws {
        // A task would need threads, and locks of the runtime that a thread of the parent may have held during the
        // fork.
        guard engine.isOfThisProcess else { return try engine.close() }
        Task { await self.stopTimers() }
        for reader in node.removeReaders() { try? reader.engine.close() }
        try engine.close()
    }

    private func stopTimers() {
        timers.isSet = true
        timers.cancel()
    }

    private static func block<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Lock<Result<Value, any Error>?>(nil)
        Task.detached {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            outcome.wakeAll()
        }
        return try outcome.wait { $0 }.get()
    }
}
