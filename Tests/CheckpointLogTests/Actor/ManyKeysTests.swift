import CheckpointLog
import TestSupport
import Testing

/// Listings, restores and removals of many keys at once.
@Suite struct ManyKeysTests {
    static func open(
        _ disk: SimulatedFileSystem, _ change: (inout Configuration) -> Void = { _ in }
    ) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.levels[3] = LevelPolicy(durability: .memory)
        change(&configuration)
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    @Test func keysAreListedByTheirBeginning() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 1))
        for name in ["b", "a/2", "a/1", "a", "ab", "ä/1", "a/1"] {
            try await log.checkpoint(name, for: CheckpointKey(name))
        }
        try await log.checkpoint("memory", for: "a/3", level: 3)
        try await log.commit("a/group") { try $0.put(1, for: "a/4") }
        #expect(try await log.keys().map(\.name) == ["a", "a/1", "a/2", "a/3", "a/4", "ab", "b", "ä/1"])
        #expect(try await log.keys(prefix: "a/").map(\.name) == ["a/1", "a/2", "a/3", "a/4"])
        #expect(try await log.keys(level: 3, prefix: "a/").map(\.name) == ["a/3"])
        #expect(try await log.keys(prefix: "a/11") == [])
        #expect(try await log.checkpoints(prefix: "ab").map(\.key) == ["ab"])
        #expect(try await log.checkpoints(level: 1, prefix: "a/").map(\.key.name) == ["a/1", "a/2", "a/4"])
        try await log.close()
    }

    /// Small, large, in memory, of several origins and levels; moved by a compaction meanwhile.
    @Test func allAreRestoredAsOneByOne() async throws {
        let parent = try await Self.open(SimulatedFileSystem(seed: 2)) { $0.rank = 9 }
        var configuration = Configuration()
        configuration.name = "child"
        let child = try await CheckpointLog.inMemory(configuration: configuration)
        try await parent.register(child)
        for number in 0..<300 {
            let count = number % 50 == 7 ? 2_000 : 5
            let value = (0..<count).map { Double($0 + number) }
            let level = number % 40 == 3 ? 3 : 1 + number % 2
            try await parent.checkpoint(value, for: CheckpointKey("key/\(number % 120)"), level: level)
        }
        for number in 100..<140 { try await child.checkpoint([Double(number)], for: CheckpointKey("key/\(number)")) }
        try await parent.update()
        for level in [nil, 1, 2, 3, 9] {
            for prefix in ["", "key/1", "key/13", "other"] {
                let all = try await parent.restoreAll(as: [Double].self, level: level, prefix: CheckpointKey(prefix))
                var expected: [CheckpointKey: [Double]] = [:]
                for key in try await parent.keys(level: level) where key.name.hasPrefix(prefix) {
                    expected[key] = try await parent.restore([Double].self, for: key, level: level)
                }
                #expect(all == expected, "level \(level ?? 0), \(prefix)")
                #expect(!all.isEmpty || prefix == "other" || level != nil)
            }
        }
        try await parent.checkpoint("another type", for: "key/13")
        await #expect(throws: CheckpointLogError.self) { try await parent.restoreAll(as: [Double].self) }
        try await child.close()
        try await parent.close()
    }

    @Test(arguments: [true, false]) func keysAreRemovedByTheirBeginning(isInMemory: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 3)
        var log = isInMemory ? try await CheckpointLog.inMemory() : try await Self.open(disk)
        for run in 1...2 {
            for level in [1, 2, 3] {
                for step in 0..<4 { try await log.checkpoint(step, for: "run-\(run)/\(step)", level: level) }
            }
        }
        #expect(try await log.removeCheckpoints(prefix: "run-1/", level: 2) == 4)
        #expect(try await log.keys(level: 2).map(\.name) == (0..<4).map { "run-2/\($0)" })
        #expect(try await log.keys(level: 1).count == 8)
        #expect(try await log.removeCheckpoints(prefix: "run-1/") == 4)
        #expect(try await log.removeCheckpoints(prefix: "run-1/") == 0)
        await #expect(throws: CheckpointLogError.self) { try await log.removeCheckpoints(prefix: "") }
        if !isInMemory {
            try await log.close()
            log = try await Self.open(disk)
        }
        #expect(try await log.keys().map(\.name) == (0..<4).map { "run-2/\($0)" })
        try await log.close()
    }

    /// However long a decoder takes, listings do not wait for it.
    @Test(.timeLimit(.minutes(5))) func aHistoryDoesNotWaitForDecoders() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 4))
        try await log.checkpoint([Double](repeating: 1, count: 2_000), for: "large")
        try await log.checkpoint(1, for: "small")
        let isLetGo = Lock(false)
        let arrivals = Lock(0)
        let restores = (0..<6).map { _ in
            Task {
                try await log.restore(for: "large") { decoder in
                    arrivals.withLock { $0 += 1 }
                    arrivals.wakeAll()
                    isLetGo.wait { $0 ? () : nil }
                    return try [Double](from: decoder).count
                }
            }
        }
        await Task.detached { arrivals.wait { $0 == 6 ? () : nil } }.value
        #expect(try await log.history(for: "small").count == 1)
        #expect(try await log.keys().count == 2)
        isLetGo.withLock { $0 = true }
        isLetGo.wakeAll()
        for restore in restores { #expect(try await restore.value == 2_000) }
        try await log.close()
    }
}

/// A release that stored what nobody can decode is gone around.
@Suite struct UndecodableVersionTests {
    struct State: Codable, Equatable {
        var step: Int
    }

    @Test func theLastThatDecodesIsRestored() async throws {
        let log = try await ManyKeysTests.open(SimulatedFileSystem(seed: 5)) {
            $0.levels[1] = LevelPolicy(durability: .written, retention: .newest(5))
        }
        for step in 1...2 { try await log.checkpoint(State(step: step), for: "state") }
        try await log.checkpoint("of a faulty release", for: "state")
        try await log.checkpoint(bytes: [1, 2, 3], for: "state")
        let skipped = Lock<[CheckpointLogError.Code]>([])
        let fallback = RestoreFallback.lastDecodable { error in skipped.withLock { $0.append(error.code) } }
        #expect(try await log.restore(State.self, for: "state", fallback: fallback) == State(step: 2))
        #expect(skipped.withLock { $0 } == [.decodingFailed, .decodingFailed])
        let decoded = try await log.restore(for: "state", fallback: .lastDecodable) { try State(from: $0) }
        #expect(decoded == State(step: 2))
        #expect(try await log.restoreBytes(for: "state", fallback: .lastDecodable) == [1, 2, 3])
        func restored() throws -> State? { try log.restoreBlocking(State.self, for: "state", fallback: .lastDecodable) }
        #expect(try restored() == State(step: 2))
        // Nothing but damage is gone around by the other.
        await #expect(throws: CheckpointLogError.self) {
            try await log.restore(State.self, for: "state", fallback: .lastIntact)
        }
        let error = await #expect(throws: CheckpointLogError.self) {
            try await log.restore([State].self, for: "state", fallback: .lastDecodable)
        }
        #expect(error?.code == .decodingFailed)
        try await log.close()
    }
}
