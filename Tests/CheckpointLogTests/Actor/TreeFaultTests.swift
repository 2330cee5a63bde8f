import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What goes wrong in a tree of actors: members that close, hang, are full, or are registered with themselves.
@Suite struct TreeFaultTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func path(_ name: String) -> String { directory.path.appending(name).string }

    func configuration(_ name: String, rank: Int) -> Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.name = name
        configuration.rank = rank
        return configuration
    }

    func open(_ name: String, rank: Int, _ change: (inout Configuration) -> Void = { _ in }) async throws
        -> CheckpointLog
    {
        var configuration = configuration(name, rank: rank)
        change(&configuration)
        return try await CheckpointLog.open(at: path(name), configuration: configuration)
    }

    func inMemory(
        _ name: String, rank: Int, _ change: (inout Configuration) -> Void = { _ in }
    ) async throws -> CheckpointLog {
        var configuration = configuration(name, rank: rank)
        change(&configuration)
        return try await CheckpointLog.inMemory(configuration: configuration)
    }

    func code(_ body: () async throws -> Void) async -> CheckpointLogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? CheckpointLogError)?.code
        }
    }

    @Test func aChildThatWasClosedIsReportedOnceAndLetGo() async throws {
        let child = try await inMemory("child", rank: 1)
        let parent = try await inMemory("parent", rank: 2)
        try await parent.register(child)
        try await child.checkpoint(1, for: "k")
        try await child.close()
        #expect(parent.children == ["child"])
        #expect(await code { try await parent.update() } == .unavailable)
        #expect(parent.statistics.backgroundFailureCount == 1)
        #expect(parent.children.isEmpty)
        try await parent.update()
    }

    @Test func underAClosedParentAHigherLevelIsUnavailableUntilTheChildIsLetGo() async throws {
        let child = try await inMemory("child", rank: 1)
        let parent = try await inMemory("parent", rank: 2)
        try await parent.register(child)
        try await parent.close()
        #expect(await code { try await child.checkpoint(1, for: "k", level: 2) } == .unavailable)
        #expect(try await child.history(for: "k").count == 1, "the local record stands")
        try await parent.deregister("child")
        try await child.checkpoint(2, for: "k", level: 2)
        #expect(try await child.restore(Int.self, for: "k", level: 2) == 2)
    }

    @Test func aNumberIsOfTheLogThatGaveIt() async throws {
        let child = try await open("child", rank: 1) {
            $0.levels[2] = LevelPolicy(durability: .synced, retention: .newest(3))
        }
        let parent = try await open("parent", rank: 2) {
            $0.levels[2] = LevelPolicy(durability: .synced, retention: .newest(3))
        }
        // The parent's numbers are not the child's.
        try await parent.checkpoint(0, for: "k", level: 2)
        try await parent.register(child)
        for value in 1...3 {
            let receipt = try await child.checkpoint(value, for: "k", level: 2)
            let found = try await child.restore(
                Int.self, for: "k", level: 2, version: .sequence(receipt.sequenceNumber))
            #expect(found == value)
        }
        try await child.close()
        try await parent.close()
    }

    @Test func aParentThatIsFullTakesNothingOver() async throws {
        let child = try await inMemory("child", rank: 1)
        let parent = try await inMemory("parent", rank: 2) { $0.memoryCountLimit = 2 }
        try await parent.register(child)
        for number in 0..<5 { try await child.checkpoint(number, for: "k\(number)") }
        // The parent's own failure is told as what it is.
        #expect(await code { try await parent.update() } == .memoryFull)
        #expect(try await parent.keys().isEmpty)
    }

    @Test func manyKeysInAChildsMemoryAreTakenOnce() async throws {
        let child = try await open("child", rank: 1) { $0.levels[1] = LevelPolicy(durability: .memory) }
        let parent = try await open("parent", rank: 2) { $0.levels[2] = LevelPolicy(durability: .written) }
        try await parent.register(child)
        for number in 0..<66_000 { try child.submit(number, for: "k\(number)") }
        try await parent.update()
        let count = parent.statistics.recordCount
        #expect(count == 66_001)
        try await parent.update()
        #expect(parent.statistics.recordCount == count)
        try await parent.close()
    }

    @Test func logsThatAreRegisteredInACircleAreRefused() async throws {
        let left = try await open("left", rank: 2)
        let right = try await open("right", rank: 2)
        try await left.checkpoint(1, for: "of left", level: 2)
        try await right.checkpoint(2, for: "of right", level: 2)
        try await left.register(directory: path("left"), name: "myself")
        #expect(await code { try await left.update() } == .invalidTree)
        try await left.deregister("myself")
        #expect(try await left.keys() == ["of left"])
        try await left.register(directory: path("right"), name: "right")
        try await left.update()
        try await right.register(directory: path("left"), name: "left")
        #expect(await code { try await right.update() } == .invalidTree)
        #expect(try await right.keys() == ["of right"])
        try await left.close()
        try await right.close()
    }

    /// Each knows its child alone, and by the path of a directory. The update that would close the circle is refused:
    /// no log is ever given back what was its own.
    @Test(arguments: [2, 3, 4, 7], [false, true])
    func aCircleOfAnyLengthIsRefusedBeforeAnythingGoesRound(count: Int, backwards: Bool) async throws {
        var logs: [CheckpointLog] = []
        for number in 0..<count {
            logs.append(try await open("\(number)", rank: 2))
            try await logs[number].checkpoint(number, for: "of \(number)", level: 2)
        }
        for number in 0..<count {
            let next = (number + 1) % count
            try await logs[number].register(directory: path("\(next)"), name: "to \(next)")
        }
        for round in 1...count {
            var refused = 0
            for number in backwards ? Array((0..<count).reversed()) : Array(0..<count) {
                let refusal = await code { try await logs[number].update() }
                #expect(refusal == nil || refusal == .invalidTree)
                if refusal != nil { refused += 1 }
            }
            // What is below a log is known as far as records have come up from there: a round for each link at most.
            #expect(refused >= 1 || round < count, "round \(round)")
            for (number, log) in logs.enumerated() {
                let found = try await log.checkpoints()
                #expect(!found.contains { $0.key.name == "of \(number)" && $0.origin != nil }, "round \(round)")
                #expect(found.count <= count, "round \(round): \(found)")
            }
        }
        for log in logs { try await log.close() }
    }

    @Test func aSourceThatHangsKeepsNoOtherBack() async throws {
        let clock = ManualClock()
        let log = try await inMemory("log", rank: 1) { $0.clock = clock }
        let (hanging, quick) = (Gate(), Gate())
        quick.open()
        try await log.register(source: "hangs") {
            await hanging.pass()
            return 1
        }
        try await log.register(source: "quick") {
            await quick.pass()
            return 2
        }
        try await log.setInterval(on: true, update: .seconds(1), save: .zero)
        // A tick that finds the last checkpoint of the quick source still under way is left out.
        while quick.arrivals < 4 {
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(1))
            await Task.yield()
        }
        #expect(hanging.arrivals == 1)
        hanging.open()
        try await log.close()
    }

    @Test func aSourceThatComesLateIsAskedAtOnce() async throws {
        let clock = ManualClock()
        let log = try await inMemory("log", rank: 1) { $0.clock = clock }
        try await log.setInterval(on: true, update: .seconds(1_000), save: .zero)
        await clock.waitForSleepers(1)
        let gate = Gate()
        gate.open()
        try await log.register(source: "late") {
            await gate.pass()
            return 1
        }
        await gate.waitForArrivals(1)
        try await log.close()
    }

    @Test func whatCameFromAChildIsRemovedByItsOrigin() async throws {
        let child = try await inMemory("child", rank: 1)
        let parent = try await open("parent", rank: 2)
        try await parent.register(child)
        try await child.checkpoint(1, for: "k", level: 2)
        try await parent.removeCheckpoint(for: "k")
        #expect(try await parent.restore(Int.self, for: "k", origin: "child") == 1)
        try await parent.removeCheckpoint(for: "k", origin: "child")
        #expect(try await parent.restore(Int.self, for: "k") == nil)
        #expect(try await child.restore(Int.self, for: "k", level: 1) == nil)
        #expect(try await child.restore(Int.self, for: "k") == 1, "the child's own stays")
        try await parent.close()
    }

    @Test func aReceiptWaitsForNoMoreThanAnActorAboveCanGive() async throws {
        let child = try await open("child", rank: 1)
        let parent = try await inMemory("parent", rank: 2)
        try await parent.register(child)
        let receipt = try child.submit(1, for: "k", level: 2)
        try await receipt.wait(for: .synced)
        try await child.close()
    }

    @Test(.timeLimit(.minutes(1))) func aDroppedLogWithTimersGivesItsLockBack() async throws {
        let clock = ManualClock()
        var log: CheckpointLog? = try await open("dropped", rank: 1) {
            $0.clock = clock
            $0.intervals.on = true
        }
        await clock.waitForSleepers(2)
        _ = log
        log = nil
        // What the first ticks began may still be under way, and the last of it to end gives the lock back. A timer
        // that held the log would hold it for ever.
        while log == nil {
            do {
                log = try await open("dropped", rank: 1)
            } catch let error as CheckpointLogError where error.code == .locked {
                await Task.yield()
            }
        }
        try await log?.close()
    }
}
