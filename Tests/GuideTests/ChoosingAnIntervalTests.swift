import CheckpointLog
import Testing

/// The samples of "Choosing an interval", and its table.
@Suite struct ChoosingAnIntervalTests {
    let sample: SampleLog
    let trainer = Trainer()

    init() throws { sample = try SampleLog() }

    @Test func theLogSuggestsAnInterval() async throws {
        let (log, state) = (try await sample.open(), State())
        try await log.checkpoint(state, for: "state", level: 2)
        let interval = try log.suggestedInterval(meanTimeBetweenFailures: .seconds(86_400), level: 2)
        try await log.checkpoint(state, for: "state", level: 1)
        let process = try log.suggestedInterval(meanTimeBetweenFailures: .seconds(3_600), level: 1)
        let machine = try log.suggestedInterval(meanTimeBetweenFailures: .seconds(30 * 86_400), level: 2)
        #expect(try #require(interval) > .zero && #require(process) < #require(machine))
        try await log.close()
    }

    @Test func theLogTakesCheckpointsByItself() async throws {
        let log = try await sample.open()
        try await log.register(source: "model", level: 2) { await trainer.state }
        try await log.setInterval(on: true, update: .seconds(30), save: .seconds(300))
        await log.stopCheckpointing()
        let statistics = log.statistics
        print(statistics.recordCount, statistics.syncCount, statistics.writtenByteCount)
        try await log.update()
        #expect(try await log.restore(Model.self, for: "model") == Model(loss: 0.25))
        try await log.close()
    }

    /// Cost in seconds, interval in seconds, and the share of the time in percent, as the guide's table has them.
    @Test(arguments: [
        (1.3e-6, 0.5, 0.0003), (115e-6, 4.5, 0.003), (0.05, 93, 0.05), (2, 590, 0.3),
    ]) func theTableFollowsTheFormula(cost: Double, interval: Double, percent: Double) {
        let suggested =
            CheckpointLog.interval(
                cost: .seconds(cost), meanTimeBetweenFailures: .seconds(86_400)) / .seconds(1)
        #expect(abs(suggested / interval - 1) < 0.1)
        #expect(abs(cost / suggested * 100 / percent - 1) < 0.2)
    }
}
