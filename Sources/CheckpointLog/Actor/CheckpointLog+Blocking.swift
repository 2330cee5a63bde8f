/// The forms for code that is not asynchronous. Each blocks its thread, and cannot be called from asynchronous code, whose threads
/// are not to be blocked.
extension CheckpointLog {
    /// Opens a log as ``open(at:configuration:)`` does, and blocks until it is open.
    @available(*, noasync, message: "Use the asynchronous open.")
    public static func openBlocking(
        at directory: String, configuration: Configuration = Configuration()
    ) throws -> CheckpointLog {
        try block { try await open(at: directory, configuration: configuration) }
    }

    /// Opens a log as ``openForReading(at:configuration:salvage:)`` does, and blocks until it is open.
    @available(*, noasync, message: "Use the asynchronous openForReading.")
    public static func openForReadingBlocking(
        at directory: String, configuration: Configuration = Configuration(), salvage: Bool = false
    ) throws -> CheckpointLog {
        try block { try await openForReading(at: directory, configuration: configuration, salvage: salvage) }
    }

    /// Saves as ``save()`` does, and blocks until everything is durable.
    @available(*, noasync, message: "Use the asynchronous save.")
    public nonisolated func saveBlocking() throws {
        try Self.block { try await self.save() }
    }

    /// Updates as ``update()`` does, and blocks until every source and child has had its turn.
    @available(*, noasync, message: "Use the asynchronous update.")
    public nonisolated func updateBlocking() throws {
        try Self.block { try await self.update() }
    }

    /// Closes as ``close()`` does, and blocks until the log is closed.
    @available(*, noasync, message: "Use the asynchronous close.")
    public nonisolated func closeBlocking() throws {
        try Self.block { try await self.close() }
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
