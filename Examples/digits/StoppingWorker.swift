import CheckpointLog
import Foundation
import Logging
import Synchronization
import SystemPackage

/// Stops this process at a point that its driver has chosen, says so, and waits to be killed.
///
/// The log's own threads are stopped through its logger: a handler that does not return holds up the thread that called
/// it.
final class StoppingWorker: Sendable {
    private struct State {
        /// Whether the step of the point is done.
        var isArmed = false
        /// Rolls of the log at that time.
        var rollCount = 0
        var isStopped = false
    }

    private let point: StopPoint?
    private let state = Mutex(State())

    /// - Parameter point: nil for a worker that runs to its end.
    init(_ point: StopPoint?) { self.point = point }

    /// For the configuration of the log.
    var logger: Logger { Logger(label: "digits") { _ in StoppingLogHandler(worker: self) } }

    /// Called after each step. Does not return from the point, nor once a thread of the log has stopped.
    func made(_ step: Int, _ log: CheckpointLog) async throws {
        if state.withLock({ $0.isStopped }) { Self.waitToBeKilled() }
        guard let point, step >= point.step else { return }
        if point.place == .step { try stop(at: point) }
        // Steps fill the segment. From its roll on there is a seal to come. Once that is done, there is something to
        // compact and something to keep: the segment holds many superseded checkpoints, and the newest one of an epoch.
        let rollCount = log.statistics.rollCount
        let hasRolled = state.withLock { state in
            if !state.isArmed { (state.isArmed, state.rollCount) = (true, rollCount) }
            return rollCount > state.rollCount
        }
        while hasRolled {
            if point.place == .compaction { try await log.compact() }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    fileprivate func told(_ message: String) {
        guard let point, message == point.place.message, state.withLock({ $0.isArmed }) else { return }
        // A handler cannot throw; without a standard output there is no driver either.
        try? stop(at: point)
    }

    private func stop(at point: StopPoint) throws {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        if isFirst { try WorkerReport.stopped(point.place).send() }
        Self.waitToBeKilled()
    }

    /// Ends the process when the driver is gone, too: its end of standard input is closed then.
    private static func waitToBeKilled() -> Never {
        var byte: [UInt8] = [0]
        while let count = unsafe try? byte.withUnsafeMutableBytes({
            unsafe try FileDescriptor.standardInput.read(into: $0)
        }),
            count > 0
        {}
        exit(1)
    }
}

private struct StoppingLogHandler: LogHandler {
    let worker: StoppingWorker
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { worker.told("\(event.message)") }
}
