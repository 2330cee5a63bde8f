import CheckpointLog

/// The training, with a checkpoint after every step. What checkpointing adds to it stands between the marks.
struct TrainingLoop {
    /// This file, out of which the driver prints the lines between the marks.
    static let source = #filePath
    static let beginMark = "// Checkpointing:"
    static let endMark = "// Checkpointing ends."

    let directory: String
    let epochCount: Int
    let digits: HandwrittenDigits
    let worker: StoppingWorker
    let seed: UInt64 = 1_998

    /// Small segments, so that even a short run rolls and compacts often. A real run takes the default.
    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.largeValueByteCount = 256 << 10
        return configuration
    }

    func run() async throws {
        let clock = ContinuousClock()
        var configuration = Self.configuration
        configuration.logger = worker.logger
        var figures = RunFigures()
        // Checkpointing:
        let log = try await CheckpointLog.open(at: directory, configuration: configuration)
        let restored = try await log.restore(TrainingState.self, for: "training")
        // Checkpointing ends.
        var training = restored ?? TrainingState(seed: seed, sampleCount: digits.training.count)
        try WorkerReport.resumed(step: training.step, leftovers: log.recoveryReport.orphans).send()
        while training.epoch < epochCount {
            try WorkerReport.began(step: training.step + 1).send()
            let start = clock.now
            training.learn(from: digits.training)
            let learned = clock.now
            // Checkpointing:
            try await log.checkpoint(training, for: "training")
            if training.isAtEndOfEpoch { try await log.checkpoint(training, for: "training", level: 2) }
            // Checkpointing ends.
            figures.add(learning: learned - start, checkpointing: clock.now - learned, training.isAtEndOfEpoch)
            try WorkerReport.acknowledged(step: training.step).send()
            try await worker.made(training.step, log)
        }
        figures.note(log.statistics)
        figures.encodedByteCount = try await log.history(for: "training").first?.byteCount ?? 0
        // Checkpointing:
        try await log.close()
        // Checkpointing ends.
        try WorkerReport.finished(figures).send()
    }
}

extension RunFigures {
    fileprivate mutating func add(learning: Duration, checkpointing: Duration, _ isAtEndOfEpoch: Bool) {
        learningNanoseconds += Int(learning / .nanoseconds(1))
        if isAtEndOfEpoch {
            epochNanoseconds += Int(checkpointing / .nanoseconds(1))
            epochCount += 1
        } else {
            stepNanoseconds += Int(checkpointing / .nanoseconds(1))
            stepCount += 1
        }
    }

    fileprivate mutating func note(_ statistics: Statistics) {
        frameByteCount = statistics.frameByteCount
        rollCount = statistics.rollCount
        compactionCount = statistics.compactionCount
    }
}
