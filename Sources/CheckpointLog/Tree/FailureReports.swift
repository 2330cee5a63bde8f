import Logging
internal import Metrics
internal import Synchronization

/// Reports failures that no caller waits for: to the configuration's handler, its logger, and a metric.
final class FailureReports: Sendable {
    private let handler: (@Sendable (any Error) -> Void)?
    private let logger: Logger?
    private let failed = Counter(label: "checkpoint_log.background_failures")
    private let skipped = Counter(label: "checkpoint_log.skipped_ticks")
    private let failureCount = Atomic(0)
    private let skippedTickCount = Atomic(0)

    init(_ configuration: Configuration) {
        handler = configuration.onBackgroundFailure
        logger = configuration.logger
    }

    var counts: (failures: Int, skippedTicks: Int) {
        (failureCount.load(ordering: .relaxed), skippedTickCount.load(ordering: .relaxed))
    }

    func report(_ error: any Error, _ message: String, _ metadata: [String: String] = [:]) {
        failureCount.add(1, ordering: .relaxed)
        failed.increment()
        logger?.error("\(message): \(error)", metadata: metadata.mapValues { "\($0)" })
        handler?(error)
    }

    func countSkippedTick() {
        skippedTickCount.add(1, ordering: .relaxed)
        skipped.increment()
    }
}
