import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Updates and saves by the clock, sources, and the interval that is best.
@Suite struct IntervalTests {
    let directory: TemporaryDirectory
    let clock = ManualClock()

    init() throws { directory = try TemporaryDirectory() }

    func open(_ change: (inout Configuration) -> Void = { _ in }) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.levels[1] = LevelPolicy(durability: .memory)
        configuration.clock = clock
        change(&configuration)
        return try await CheckpointLog.open(
            at: directory.path.appending("log").string, configuration: configuration)
    }

    @Test func theDefaultsAreThoseOfTheModel() async throws {
        let log = try await open()
        #expect(await log.intervals == Intervals(on: false, update: .seconds(10), save: .seconds(60)))
        #expect(clock.sleeperCount == 0)
        try await log.close()
    }

    @Test func aSourceIsTakenAtOnceAndThenByTheInterval() async throws {
        let log = try await open()
        let gate = Gate()
        gate.open()
        try await log.register(source: "state") {
            await gate.pass()
            return gate.arrivals
        }
        try await log.setInterval(on: true, update: .seconds(1), save: .zero)
        await gate.waitForArrivals(1)
        // A tick that finds the last checkpoint still under way is left out, and counted.
        while gate.arrivals < 4 {
            let outcomes = gate.arrivals + log.statistics.skippedTickCount
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(1))
            while gate.arrivals + log.statistics.skippedTickCount == outcomes { await Task.yield() }
        }
        while gate.arrivals < 5 { try await log.update() }
        #expect(try await log.restore(Int.self, for: "state") == 5)
        await log.stopCheckpointing()
        clock.advance(by: .seconds(10))
        #expect(gate.arrivals == 5)
        try await log.close()
    }

    @Test func aSlowSourceNeverOverlapsItself() async throws {
        let log = try await open()
        let gate = Gate()
        try await log.register(source: "slow") {
            await gate.pass()
            return 1
        }
        try await log.setInterval(on: true, update: .milliseconds(1), save: .zero)
        await gate.waitForArrivals(1)
        for _ in 0..<5 {
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(1))
        }
        await clock.waitForSleepers(1)
        #expect(gate.arrivals == 1)
        #expect(log.statistics.skippedTickCount >= 4)
        gate.open()
        await log.stopCheckpointing()
        try await log.update()
        try await log.close()
    }

    @Test func aFailingSourceIsReportedAndStopsNoOther() async throws {
        struct Broken: Error {}
        let reports = Lock<[any Error]>([])
        let log = try await open { $0.onBackgroundFailure = { error in reports.withLock { $0.append(error) } } }
        try await log.register(source: "broken") { () -> Int in throw Broken() }
        try await log.register(source: "sound") { 7 }
        await #expect(throws: Broken.self) { try await log.update() }
        #expect(try await log.restore(Int.self, for: "sound") == 7)
        #expect(reports.withLock { $0.count } == 1)
        await log.deregister(source: "broken")
        try await log.update()
        try await log.close()
    }

    @Test(.timeLimit(.minutes(5))) func savingByTheIntervalWritesTheMemoryLevel() async throws {
        let log = try await open { $0.intervals = Intervals(on: true, update: .zero, save: .seconds(5)) }
        await clock.waitForSleepers(1)
        // The first tick, at once, can account for one of the records; the clock has to for the others.
        for count in 1...3 {
            let receipt = try await log.checkpoint(count, for: "key \(count)")
            while log.statistics.recordCount < count {
                clock.advance(by: .seconds(5))
                await clock.waitForSleepers(1)
                await Task.yield()
            }
            try await receipt.wait(for: .synced)
        }
        try await log.close()
    }

    @Test func startingTwiceIsOneTimer() async throws {
        let log = try await open { $0.intervals = Intervals(on: false, update: .seconds(1), save: .zero) }
        await log.startCheckpointing()
        await clock.waitForSleepers(1)
        await log.startCheckpointing()
        // A cancelled sleeper leaves at once: the second start has not begun the first one's time anew.
        #expect(clock.sleeperCount == 1)
        #expect(clock.sleepCount == 1)
        #expect(await log.intervals.on)
        await log.stopCheckpointing()
        // Only the timer that the log knows of can be stopped: a second one would have left the first asleep.
        #expect(clock.sleeperCount == 0)
        #expect(await log.intervals.on == false)
        try await log.close()
    }

    @Test func whatIsNotGivenStays() async throws {
        let log = try await open()
        try await log.setInterval(save: .milliseconds(7))
        #expect(await log.intervals == Intervals(on: false, update: .seconds(10), save: .milliseconds(7)))
        let error = await #expect(throws: CheckpointLogError.self) { try await log.setInterval(update: .seconds(-1)) }
        #expect(error?.code == .invalidConfiguration)
        await #expect(throws: CheckpointLogError.self) {
            try await log.setInterval(on: true, update: .seconds(Int64.max))
        }
        #expect(await log.intervals == Intervals(on: false, update: .seconds(10), save: .milliseconds(7)))
        try await log.close()
    }

    @Test func aClosedLogEndsItsTimers() async throws {
        let log = try await open { $0.intervals = Intervals(on: true, update: .seconds(1), save: .seconds(1)) }
        await clock.waitForSleepers(2)
        try await log.close()
        #expect(clock.sleeperCount == 0)
    }

    @Test(arguments: [
        // δ, M, Daly's interval, in seconds, by his formula to three places.
        (1.0, 3_600.0, 84.187), (60.0, 86_400.0, 3_180.062), (10.0, 4.0, 4.0),
    ])
    func theSuggestionIsDalys(cost: Double, mean: Double, expected: Double) {
        let interval = CheckpointLog.interval(cost: .seconds(cost), meanTimeBetweenFailures: .seconds(mean))
        #expect(abs(interval / .seconds(1) - expected) < 0.000_01 * expected + 0.001)
    }

    @Test func theSuggestionGoesByWhatCheckpointsCost() async throws {
        let log = try await open()
        #expect(try log.suggestedInterval(meanTimeBetweenFailures: .seconds(3_600), level: 2) == nil)
        try await log.checkpoint([Int](0..<1_000), for: "k", level: 2)
        let interval = try #require(
            try log.suggestedInterval(meanTimeBetweenFailures: .seconds(3_600), level: 2))
        #expect(interval > .zero && interval < .seconds(3_600))
        #expect(throws: CheckpointLogError.self) { try log.suggestedInterval(meanTimeBetweenFailures: .zero) }
        try await log.close()
    }
}
