import CheckpointLog
import TestSupport
import Testing

/// What a source answers counts as of the moment at which it was asked, and not at all once it was ended.
@Suite(.timeLimit(.minutes(5))) struct SourceTests {
    static func open(
        _ disk: SimulatedFileSystem, _ change: (inout Configuration) -> Void = { _ in }
    ) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.levels[3] = LevelPolicy(durability: .memory)
        change(&configuration)
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    struct Failure: Error {}

    /// Has a source of "model" asked, which answers 1 once `meanwhile` is through.
    static func updating(
        _ log: CheckpointLog, level: Int = 1, _ meanwhile: () async throws -> Void
    ) async throws {
        let gate = Gate()
        try await log.register(source: "model", level: level) {
            await gate.pass()
            return 1
        }
        let update = Task { try await log.update() }
        await gate.waitForArrivals(1)
        try await meanwhile()
        gate.open()
        try await update.value
    }

    @Test(arguments: [1, 2, 3]) func aLateAnswerIsOlderThanWhatWasTakenMeanwhile(level: Int) async throws {
        let disk = SimulatedFileSystem(seed: 1)
        let log = try await Self.open(disk) { $0.levels[3] = LevelPolicy(durability: .memory) }
        try await Self.updating(log, level: level) {
            try await log.checkpoint(1_000, for: "model", level: level)
        }
        #expect(try await log.restore(Int.self, for: "model", level: level) == 1_000)
        // Nothing came meanwhile.
        try await log.update()
        #expect(try await log.restore(Int.self, for: "model", level: level) == 1)
        try await log.close()
        let again = try await Self.open(disk)
        #expect(try await again.restore(Int.self, for: "model", level: level) == 1)
        try await again.close()
    }

    enum Removal: CaseIterable { case key, keyAtLevel, prefix, prefixAtLevel, all }

    /// The key was removed while the source answered: it stays removed.
    @Test(arguments: Removal.allCases) func aRemovalIsNewerThanALateAnswer(removal: Removal) async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 2))
        try await Self.updating(log) {
            switch removal {
            case .key: try await log.removeCheckpoint(for: "model")
            case .keyAtLevel: try await log.removeCheckpoint(for: "model", level: 1)
            case .prefix: try await log.removeCheckpoints(prefix: "mod")
            case .prefixAtLevel: try await log.removeCheckpoints(prefix: "mod", level: 1)
            case .all: try await log.removeAllCheckpoints()
            }
        }
        #expect(try await log.restore(Int.self, for: "model") == nil)
        try await Self.updating(log) {
            try await log.removeCheckpoints(prefix: "other")
            try await log.removeCheckpoints(prefix: "model", level: 2)
        }
        #expect(try await log.restore(Int.self, for: "model") == 1)
        try await log.close()
    }

    @Test func theAnswerOfAnEndedSourceIsThrownAway() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 3))
        let gate = Gate()
        try await log.register(source: "model") {
            await gate.pass()
            return 1
        }
        let update = Task { try await log.update() }
        await gate.waitForArrivals(1)
        let hasEnded = Lock(false)
        let end = Task {
            await log.deregister(source: "model")
            hasEnded.withLock { $0 = true }
        }
        for _ in 0..<100 { await Task.yield() }
        #expect(!hasEnded.withLock { $0 }, "the source has not answered")
        gate.open()
        await end.value
        #expect(try await log.restore(Int.self, for: "model") == nil)
        try await update.value
        #expect(try await log.restore(Int.self, for: "model") == nil)
        try await log.update()
        #expect(gate.arrivals == 1)
        try await log.close()
    }

    @Test func aReplacedSourceDoesNotAnswerOverTheNewOne() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 4))
        let gate = Gate()
        try await log.register(source: "model") {
            await gate.pass()
            return "earlier"
        }
        let first = Task { try await log.update() }
        await gate.waitForArrivals(1)
        try await log.register(source: "model") { "later" }
        try await log.update()
        gate.open()
        try await first.value
        #expect(try await log.restore(String.self, for: "model") == "later")
        #expect(try await log.history(for: "model").count == 1)
        try await log.close()
    }

    /// What is stored on return is the state at the call, whoever had asked before.
    @Test func anUpdateWaitsForATurnOfItsOwn() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 5))
        let gate = Gate()
        let step = Lock(1)
        try await log.register(source: "model") {
            let step = step.withLock { $0 }
            await gate.pass()
            return step
        }
        let first = Task { try await log.update() }
        await gate.waitForArrivals(1)
        step.withLock { $0 = 100 }
        let others = (0..<3).map { _ in Task { try await log.update() } }
        gate.open()
        for update in [first] + others { try await update.value }
        #expect(try await log.restore(Int.self, for: "model") == 100)
        // Three that waited at once may have shared a turn; none went without.
        #expect(gate.arrivals >= 2 && gate.arrivals <= 4)
        try await log.close()
    }

    @Test func anUpdateThrowsWhatItsOwnTurnThrew() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 6))
        let gate = Gate()
        let fails = Lock(true)
        try await log.register(source: "model") {
            let fails = fails.withLock { $0 }
            await gate.pass()
            if fails { throw Failure() }
            return 1
        }
        let first = Task { try await log.update() }
        await gate.waitForArrivals(1)
        fails.withLock { $0 = false }
        let second = Task { try await log.update() }
        gate.open()
        await #expect(throws: Failure.self) { try await first.value }
        try await second.value
        #expect(try await log.restore(Int.self, for: "model") == 1)
        try await log.close()
    }

    /// It would wait for itself.
    @Test func aSourceMayEndItselfStopAndUpdate() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 7))
        try await log.register(source: "model") {
            try await log.update()
            await log.stopCheckpointing()
            await log.deregister(source: "model")
            return 1
        }
        try await log.update()
        #expect(try await log.restore(Int.self, for: "model") == nil)
        try await log.close()
    }

    @Test func stoppingWaitsForWhatIsUnderWay() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 8)) {
            $0.intervals = Intervals(on: true, update: .seconds(3_600), save: .zero)
            $0.clock = ManualClock()
        }
        let gate = Gate()
        try await log.register(source: "model") {
            await gate.pass()
            return 1
        }
        await gate.waitForArrivals(1)
        let stop = Task { await log.stopCheckpointing() }
        gate.open()
        await stop.value
        #expect(try await log.restore(Int.self, for: "model") == 1)
        try await log.close()
    }

    /// A checkpoint that is passed up has the number of that moment there, too.
    @Test func aLateAnswerIsOlderInTheParent() async throws {
        let disk = SimulatedFileSystem(seed: 9)
        let child = try await CheckpointLog.inMemory(
            configuration: {
                var configuration = Configuration()
                configuration.name = "child"
                return configuration
            }())
        let parent = try await Self.open(disk) { $0.rank = 2 }
        try await parent.register(child)
        try await Self.updating(child, level: 2) {
            try await child.checkpoint(1_000, for: "model", level: 2)
        }
        #expect(try await parent.restore(Int.self, for: "model", level: 2, origin: "child") == 1_000)
        #expect(child.expectedCount == 0 && parent.expectedCount == 0)
        try await child.update()
        #expect(try await parent.restore(Int.self, for: "model", level: 2, origin: "child") == 1)
        try await child.close()
        try await parent.close()
    }

    @Test func aClosingMayUpdateFirst() async throws {
        let disk = SimulatedFileSystem(seed: 10)
        var log = try await Self.open(disk)
        let step = Lock(1)
        try await log.register(source: "model") { step.withLock { $0 } }
        try await log.register(source: "broken", level: 2) { () async throws -> Int in throw Failure() }
        step.withLock { $0 = 77 }
        await #expect(throws: Failure.self) { try await log.close(updatingFirst: true) }
        try await log.close(updatingFirst: true)
        log = try await Self.open(disk)
        #expect(try await log.restore(Int.self, for: "model") == 77)
        try await log.close(updatingFirst: false)
    }

    /// The start of the timers after a blocking opening comes late, and must not undo a stop.
    @Test func aLateStartOfTheTimersRespectsAStop() async throws {
        let clock = ManualClock()
        let log = try await Self.open(SimulatedFileSystem(seed: 11)) { $0.clock = clock }
        await log.stopCheckpointing()
        await log.startCheckpointingFirst()
        #expect(await !log.intervals.on)
        await log.startCheckpointing()
        #expect(await log.intervals.on)
        try await log.close()
        let other = try await Self.open(SimulatedFileSystem(seed: 12)) { $0.clock = clock }
        await other.startCheckpointingFirst()
        #expect(await other.intervals.on)
        try await other.close()
    }
}

/// An opening that waits for the writer before it.
@Suite(.timeLimit(.minutes(5))) struct LockWaitTests {
    @Test func anOpeningWaitsForTheWriterToEnd() async throws {
        let disk = SimulatedFileSystem(seed: 13)
        let clock = ManualClock()
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.clock = clock
        let first = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await first.checkpoint(1, for: "state")
        let second = Task { [configuration] in
            try await CheckpointLog.open(at: "/log", configuration: configuration, waitingForLock: .seconds(10))
        }
        for _ in 0..<3 {
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(100))
        }
        await clock.waitForSleepers(1)
        try await first.close()
        clock.advance(by: .milliseconds(100))
        let log = try await second.value
        #expect(try await log.restore(Int.self, for: "state") == 1)
        try await log.close()
    }

    @Test func whenTheTimeIsOverTheWriterIsNamed() async throws {
        let disk = SimulatedFileSystem(seed: 14)
        var configuration = Configuration()
        configuration.fileSystem = disk
        let first = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let error = await #expect(throws: CheckpointLogError.self) {
            _ = try await CheckpointLog.open(
                at: "/log", configuration: configuration, waitingForLock: .milliseconds(12))
        }
        #expect(error?.code == .locked)
        #expect(error?.message.hasPrefix("After a wait of 0.012 seconds: The log is open for writing by ") == true)
        try await first.close()
    }

    /// At growing distances, and no longer than is allowed.
    @Test func theWaitsAddUpToTheLimit() throws {
        var wait = LockWait(.milliseconds(300))
        let refusal = CheckpointLogError.closed
        var waits: [Duration] = []
        while let next = try? wait.next(after: refusal) { waits.append(next) }
        #expect(waits == [5, 10, 20, 40, 80, 100, 45].map { .milliseconds($0) })
        var none = LockWait(.zero)
        #expect(throws: CheckpointLogError.self) { _ = try none.next(after: refusal) }
    }
}
