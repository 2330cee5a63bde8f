import CheckpointLog
import Foundation

/// The log of a training that is done.
struct FinishedRun {
    /// The newest state as it is encoded.
    let bytes: [UInt8]
    let training: TrainingState
    private let openingTime: Duration
    private let restoreTime: Duration
    private let statistics: Statistics

    init(directory: String) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let log = try await CheckpointLog.openForReading(at: directory)
        openingTime = clock.now - start
        statistics = log.statistics
        bytes = try await log.restoreBytes(for: "training") ?? []
        var times: [Duration] = []
        var restored: TrainingState?
        for _ in 0..<11 {
            let start = clock.now
            restored = try await log.restore(TrainingState.self, for: "training")
            times.append(clock.now - start)
        }
        try await log.close()
        guard let restored else { throw DemoFailure("\(directory) holds no training.") }
        training = restored
        restoreTime = times.sorted()[times.count / 2]
    }

    var text: String {
        """
        The log after the kills
          \(statistics.sealedByteCount) bytes in \(statistics.segmentCount) segments, \
        \(statistics.liveByteCount) of them live
          opened for reading in \(milliseconds(openingTime)) ms, a checkpoint restored \
        in \(milliseconds(restoreTime)) ms
        """
    }

    private func milliseconds(_ duration: Duration) -> String { String(format: "%.2f", duration / .milliseconds(1)) }
}

extension RunFigures {
    var text: String {
        let seconds = Double(checkpointingNanoseconds + learningNanoseconds) / 1e9
        let share = Double(checkpointingNanoseconds) / 1e9 / seconds
        let encoded = encodedByteCount * checkpointCount
        return """
            The run without kills
              \(checkpointCount) checkpoints of \(encodedByteCount) bytes in \(String(format: "%.2f", seconds)) s: \
            \(String(format: "%.0f", Double(checkpointCount) / seconds)) checkpoints a second
              \(percent(share)) of the time was spent on checkpoints: \
            \(stepNanoseconds / max(stepCount, 1) / 1_000) µs on one \
            at level 1, \(epochNanoseconds / max(epochCount, 1) / 1_000) µs on the two at the end of an epoch, \
            one of them synced
              \(frameByteCount) bytes appended, compressed to 1 : \
            \(String(format: "%.2f", Double(encoded) / Double(max(frameByteCount, 1))))
              \(rollCount) rolls, \(compactionCount) compactions
            """
    }
}
