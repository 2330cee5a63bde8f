#if Lifecycle
public import CheckpointLog
public import Logging
public import ServiceLifecycle

/// Holds an open log for a service group. When the group shuts down it updates the log a last time, saves and closes
/// it.
///
/// Put it before the services that take checkpoints: a group shuts its services down from the last to the first, so
/// theirs are taken when the log is closed.
///
/// ```swift
/// let log = try await CheckpointLog.open(at: "/var/lib/simulation")
/// let group = ServiceGroup(
///     services: [CheckpointLogService(log, logger: logger), Simulation(log)],
///     gracefulShutdownSignals: [.sigterm], logger: logger)
/// try await group.run()
/// ```
///
/// Without a service group, `CheckpointLog.close(updatingFirst: true)` does the same.
public struct CheckpointLogService: Service {
    /// The log that is held.
    public let log: CheckpointLog

    private let deadline: Duration
    private let clock: any Clock<Duration>
    private let logger: Logger

    /// Makes a service that holds `log`, which is open.
    ///
    /// - Parameters:
    ///   - log: the log to close at the end.
    ///   - deadline: the time for all of it, greater than zero. Default: 10 seconds. Give it less than the `SIGKILL` of
    ///     the process's supervisor comes after. Sources and children have half of it to answer; after that the log is
    ///     saved and closed without them.
    ///   - logger: where the end is told, with every error that ``run()`` does not throw.
    public init(_ log: CheckpointLog, closingWithin deadline: Duration = .seconds(10), logger: Logger) {
        self.init(log, closingWithin: deadline, on: ContinuousClock(), logger: logger)
    }

    package init(
        _ log: CheckpointLog, closingWithin deadline: Duration, on clock: any Clock<Duration>, logger: Logger
    ) {
        precondition(deadline > .zero, "The deadline for closing the log is \(deadline); give more than zero.")
        self.log = log
        self.deadline = deadline
        self.clock = clock
        self.logger = logger
    }

    /// Waits for the group to shut down, gracefully or by cancellation, then updates, saves and closes the log.
    ///
    /// The timers are stopped, and every source and child has a last turn: what the program has come to is what its
    /// next start finds. A log without sources and children has nothing to update from.
    ///
    /// On a normal return everything that was taken is synced and the log is closed. A log that was closed before is
    /// left alone, one that is open for reading is only closed.
    ///
    /// - Throws: `CheckpointLogError`: the first error of saving and closing; the log is closed all the same, and a
    ///   second error is logged. `.deadlineExceeded` when the time is over first: closing goes on in the background as
    ///   long as the process lives, how it ended is logged, and the next opening recovers all that was acknowledged.
    public func run() async throws {
        do {
            try await gracefulShutdown()
        } catch is CancellationError {
            // Even if the group gave no time to ask the sources, the log is closed.
        }
        logger.debug("closing the checkpoint log", metadata: ["deadline": "\(deadline)"])
        try await closeWithinDeadline()
        logger.info("the checkpoint log is closed")
    }

    /// Neither task is a child of this one: a call that waits for a disk cannot be cancelled, and this task would have
    /// to wait for a child.
    private func closeWithinDeadline() async throws {
        let (log, deadline, clock, logger) = (log, deadline, clock, logger)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let outcome = FirstOutcome(continuation)
            let timer = Task {
                do {
                    try await clock.sleep(for: deadline)
                    outcome.settle(with: .failure(CheckpointLogError.deadlineExceeded(deadline, of: "closing the log")))
                } catch {
                    // The closing was done first.
                }
            }
            Task {
                let late = await Self.update(log, within: deadline / 2, on: clock)
                let result = await Self.saveAndClose(log, late, logger)
                timer.cancel()
                if !outcome.settle(with: result) {
                    switch result {
                    case .success: logger.notice("the checkpoint log was closed after its deadline")
                    case .failure(let error): logger.error("the checkpoint log failed to close: \(error)")
                    }
                }
            }
        }
    }

    /// Updates from sources and children for the last time, as far as they answer in time. Returns the first failure.
    private static func update(
        _ log: CheckpointLog, within limit: Duration, on clock: any Clock<Duration>
    ) async -> (any Error)? {
        guard await log.hasUpdates else { return nil }
        do {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome = FirstOutcome(continuation)
                let timer = Task {
                    try await clock.sleep(for: limit)
                    outcome.settle(with: .failure(CheckpointLogError.deadlineExceeded(limit, of: "the last update")))
                }
                // Not a child of this task, which continues when the time is over.
                Task {
                    let result: Result<Void, any Error>
                    do {
                        await log.stopCheckpointing()
                        result = .success(try await log.update())
                    } catch {
                        result = .failure(error)
                    }
                    timer.cancel()
                    outcome.settle(with: result)
                }
            }
            return nil
        } catch let error as CheckpointLogError where error.code == .closed || error.code == .readOnly {
            return nil
        } catch {
            return error
        }
    }

    private static func saveAndClose(
        _ log: CheckpointLog, _ earlier: (any Error)?, _ logger: Logger
    ) async -> Result<Void, any Error> {
        var failure = earlier
        func note(_ error: any Error, _ what: String) {
            if failure == nil { failure = error } else { logger.error("\(what): \(error)") }
        }
        do {
            try await log.save()
        } catch let error as CheckpointLogError where error.code == .closed || error.code == .readOnly {
            // There is nothing to save.
        } catch {
            note(error, "the checkpoint log failed to save")
        }
        do {
            try await log.close()
        } catch {
            note(error, "the checkpoint log failed to close")
        }
        return failure.map { .failure($0) } ?? .success(())
    }
}
#endif
