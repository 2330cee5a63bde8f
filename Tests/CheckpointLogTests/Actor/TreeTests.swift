import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The tree of checkpointing actors: passing up, taking over, restoring from above.
@Suite struct TreeTests {
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

    func open(_ name: String, rank: Int) async throws -> CheckpointLog {
        try await CheckpointLog.open(at: path(name), configuration: configuration(name, rank: rank))
    }

    func inMemory(_ name: String, rank: Int) async throws -> CheckpointLog {
        try await CheckpointLog.inMemory(configuration: configuration(name, rank: rank))
    }

    @Test func aCheckpointOverTheRankIsPassedUp() async throws {
        let child = try await inMemory("C1", rank: 1)
        let middle = try await inMemory("C4", rank: 2)
        let top = try await open("C5", rank: 3)
        try await middle.register(child)
        try await top.register(middle)
        try await child.checkpoint("low", for: "a", level: 1)
        try await child.checkpoint("middle", for: "b", level: 2)
        try await child.checkpoint("high", for: "c", level: 3)
        #expect(try await middle.keys() == ["b", "c"])
        #expect(try await top.keys() == ["c"])
        #expect(try await top.restore(String.self, for: "c", origin: "C4/C1") == "high")
        #expect(try await middle.restore(String.self, for: "b", origin: "C1") == "middle")
        #expect(try await middle.restore(String.self, for: "b", origin: "C9") == nil)
        try await top.close()
    }

    @Test func theNearestActorOfTheRankAnswersForItsChildFirst() async throws {
        let left = try await inMemory("left", rank: 1)
        let right = try await inMemory("right", rank: 1)
        let parent = try await inMemory("parent", rank: 2)
        try await parent.register(left)
        try await parent.register(right)
        try await left.checkpoint(1, for: "same", level: 2)
        try await right.checkpoint(2, for: "same", level: 2)
        try await parent.checkpoint(3, for: "theirs", level: 2)
        #expect(try await left.restore(Int.self, for: "same", level: 2) == 1)
        #expect(try await right.restore(Int.self, for: "same", level: 2) == 2)
        #expect(try await left.restore(Int.self, for: "theirs", level: 2) == 3)
        #expect(try await left.restore(Int.self, for: "theirs", level: 1) == nil)
        // Without a parent the actor answers for every level.
        try await parent.deregister("left")
        #expect(try await left.restore(Int.self, for: "theirs", level: 2) == nil)
        #expect(try await left.restore(Int.self, for: "same", level: 2) == 1)
    }

    @Test func updateTakesOverOnceWhatIsNewer() async throws {
        let child = try await open("C1", rank: 1)
        let parent = try await open("C4", rank: 2)
        try await parent.register(child)
        try await child.checkpoint(1, for: "a")
        try await child.checkpoint(2, for: "b")
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "a", level: 2, origin: "C1") == 1)
        #expect(try await parent.restore(Int.self, for: "b") == 2)
        let frames = parent.statistics.recordCount
        try await parent.update()
        #expect(parent.statistics.recordCount == frames, "nothing was new")
        try await child.checkpoint(3, for: "a")
        try await parent.update()
        #expect(parent.statistics.recordCount == frames + 2, "one record and the mark")
        #expect(try await parent.restore(Int.self, for: "a") == 3)
        #expect(try await parent.history(for: "a", level: 2, origin: "C1").count == 2)
        try await child.removeCheckpoint(for: "a")
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "a") == 3, "removals are not taken over")
        try await child.close()
        try await parent.close()
    }

    @Test func nothingIsTakenTwiceAcrossAReopenedParentOrACompaction() async throws {
        let child = try await open("C1", rank: 1)
        var parent = try await open("C4", rank: 2)
        try await parent.register(child)
        for number in 0..<2_000 { try child.submit([Int](repeating: number, count: 200), for: "key \(number % 100)") }
        try await parent.update()
        try await parent.close()
        try await child.compact()
        parent = try await open("C4", rank: 2)
        try await parent.register(child)
        let before = parent.statistics.recordCount
        try await parent.update()
        #expect(parent.statistics.recordCount == before)
        try await child.checkpoint([1], for: "key 7")
        try await parent.update()
        #expect(parent.statistics.recordCount == before + 2)
        #expect(try await parent.restore([Int].self, for: "key 7") == [1])
        #expect(try await parent.restore([Int].self, for: "key 99")?.first == 1_999)
        try await parent.close()
        try await child.close()
    }

    @Test func aMemoryValueIsTakenOverOnceThoughItIsSavedLater() async throws {
        var settings = configuration("C1", rank: 1)
        settings.levels[1] = LevelPolicy(durability: .memory)
        let child = try await CheckpointLog.open(at: path("C1"), configuration: settings)
        let parent = try await open("C4", rank: 2)
        try await parent.register(child)
        try await child.checkpoint("value", for: "key")
        try await parent.update()
        #expect(try await parent.restore(String.self, for: "key") == "value")
        try await child.save()
        try await parent.update()
        #expect(try await parent.history(for: "key").count == 1)
        try await child.close()
        try await parent.close()
    }

    @Test func aChildInAnotherProcessIsReadThroughItsDirectory() async throws {
        let child = try await open("C1", rank: 1)
        let parent = try await open("C4", rank: 2)
        try await parent.register(directory: path("C1"), name: "C1")
        try await child.checkpoint(1, for: "a")
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "a", origin: "C1") == 1)
        for number in 0..<3_000 { try child.submit([Int](repeating: number, count: 300), for: "key \(number % 50)") }
        try await child.compact()
        try await parent.update()
        for key in 0..<50 {
            #expect(try await parent.restore([Int].self, for: "key \(key)")?.first == 2_950 + key)
        }
        let frames = parent.statistics.recordCount
        try await parent.update()
        #expect(parent.statistics.recordCount == frames)
        try await child.close()
        try await parent.update()
        try await parent.close()
    }

    @Test func aFailingChildIsReportedAndTheOthersGoOn() async throws {
        let good = try await inMemory("good", rank: 1)
        let bad = try await inMemory("bad", rank: 1)
        var settings = configuration("parent", rank: 2)
        let reported = Lock<[String]>([])
        settings.onBackgroundFailure = { error in
            reported.withLock { $0.append((error as? CheckpointLogError)?.message ?? "") }
        }
        let parent = try await CheckpointLog.open(at: path("parent"), configuration: settings)
        try await parent.register(bad)
        try await parent.register(good)
        try await parent.register(directory: path("missing"), name: "missing")
        try await good.checkpoint(1, for: "key")
        bad.engine.abandon()
        let error = await #expect(throws: CheckpointLogError.self) { try await parent.update() }
        #expect(error?.code == .unavailable && error?.message.contains("\"bad\"") == true)
        #expect(reported.withLock { $0.count } == 2)
        #expect(try await parent.restore(Int.self, for: "key") == 1)
        #expect(parent.statistics.backgroundFailureCount == 2)
        try await parent.close()
    }

    @Test func aFailingParentLeavesTheLocalRecord() async throws {
        let child = try await inMemory("child", rank: 1)
        let parent = try await inMemory("parent", rank: 2)
        try await parent.register(child)
        parent.engine.abandon()
        let error = await #expect(throws: CheckpointLogError.self) { try await child.checkpoint(1, for: "k", level: 2) }
        #expect(error?.code == .unavailable)
        #expect(try await child.history(for: "k").count == 1)
    }

    @Test func wrongTreesAreRefused() async throws {
        let low = try await inMemory("low", rank: 1)
        let middle = try await inMemory("middle", rank: 2)
        let high = try await inMemory("high", rank: 3)
        let nameless = try await inMemory("", rank: 1)
        let twin = try await inMemory("low", rank: 1)
        func refuses(_ parent: CheckpointLog, _ child: CheckpointLog) async {
            let error = await #expect(throws: CheckpointLogError.self) { try await parent.register(child) }
            #expect(error?.code == .invalidTree)
        }
        await refuses(low, middle)
        await refuses(middle, middle)
        await refuses(middle, nameless)
        try await middle.register(low)
        await refuses(middle, twin)
        await refuses(high, low)
        try await high.register(middle)
        await refuses(low, high)
        #expect(high.children == ["middle"])
        let error = await #expect(throws: CheckpointLogError.self) { try await high.deregister("nobody") }
        #expect(error?.code == .invalidTree)
        let ofNone = await #expect(throws: CheckpointLogError.self) {
            try await twin.register(directory: path("x"), name: "x")
        }
        #expect(ofNone?.code == .invalidTree)
    }

    /// The worked example of the manual: A1…A17 checkpoint to C1…C3; C4 updates from C1 and C2; C5 from C3 and C4, and
    /// saves.
    @Test func theWholeSystemRestartsFromTheTopAlone() async throws {
        var leaves: [CheckpointLog] = []
        for index in 1...3 { leaves.append(try await inMemory("C\(index)", rank: 1)) }
        let middle = try await inMemory("C4", rank: 2)
        var top = try await open("C5", rank: 3)
        try await middle.register(leaves[0])
        try await middle.register(leaves[1])
        try await top.register(leaves[2])
        try await top.register(middle)
        for worker in 1...17 { try await leaves[(worker - 1) % 3].checkpoint(worker * 10, for: "A\(worker)") }
        try await middle.update()
        try await top.update()
        try await top.save()
        for leaf in leaves { try await leaf.close() }
        for worker in 1...17 where worker % 3 != 0 {
            #expect(try await middle.restore(Int.self, for: "A\(worker)") == worker * 10)
        }
        for worker in 1...17 { #expect(try await top.restore(Int.self, for: "A\(worker)") == worker * 10) }
        try await middle.close()
        try await top.close()
        top = try await open("C5", rank: 3)
        for worker in 1...17 {
            let origin = worker % 3 == 0 ? "C3" : "C4/C\((worker - 1) % 3 + 1)"
            #expect(try await top.restore(Int.self, for: "A\(worker)", origin: origin) == worker * 10)
        }
        #expect(try await top.restoreAll(as: Int.self, level: 3).count == 17)
        try await top.close()
    }

    @Test func anotherLogIsLoaded() async throws {
        let old = try await open("old", rank: 1)
        try await old.checkpoint(1, for: "a")
        try await old.checkpoint(2, for: "a")
        try await old.checkpoint("three", for: "b", level: 2)
        try await old.close()
        let new = try await open("new", rank: 1)
        #expect(try await new.load(from: path("old")) == 2)
        #expect(try await new.restore(Int.self, for: "a", level: 1) == 2)
        #expect(try await new.restore(String.self, for: "b", level: 2) == "three")
        try await new.close()
        let memory = try await inMemory("memory", rank: 1)
        #expect(try await memory.load(from: path("old")) == 2)
        #expect(try await memory.restore(Int.self, for: "a") == 2)
    }
}
