import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// As many groups of a name as its level keeps versions of a key.
@Suite struct GroupVersionTests {
    private struct Other: Codable, Sendable { var name: String }

    private static func configuration(_ disk: any FileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        configuration.compactsAutomatically = false
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(3))
        return configuration
    }

    private static func configuration(_ disk: any FileSystem, keepingAMinuteBy clock: Lock<Int64>) -> Configuration {
        var configuration = configuration(disk)
        configuration.now = { clock.withLock { $0 } }
        configuration.levels[2]?.retention = .newest(100).younger(than: .seconds(60))
        return configuration
    }

    private static func open(_ disk: any FileSystem) async throws -> CheckpointLog {
        try await CheckpointLog.open(at: "/log", configuration: configuration(disk))
    }

    private static let large = {
        var generator = SeededGenerator(seed: 3)
        return generator.bytes(20_000)
    }()

    @discardableResult
    private static func commit(_ log: CheckpointLog, _ round: Int, level: Int = 2) async throws -> SequenceNumber {
        try await log.commit("epoch", level: level) { group in
            try group.put(round, for: "step")
            try group.put(round, large, for: "weights")
        }.sequenceNumber
    }

    /// The rounds of the groups that can be restored, newest first.
    private static func rounds(_ log: CheckpointLog, level: Int? = 2) async throws -> [Int] {
        var rounds: [Int] = []
        for version in try await log.groupHistory(of: "epoch", level: level) {
            let group = try #require(
                try await log.restoreGroup("epoch", level: level, version: .sequence(version.sequenceNumber)))
            let step = try #require(try await group.restore(Int.self, for: "step"))
            let weights = try #require(try await group.restore(Int.self, [UInt8].self, for: "weights"))
            #expect(weights.0 == step && weights.1 == large)
            #expect(version.keys == ["step", "weights"] && version.level == group.level)
            rounds.append(step)
        }
        return rounds
    }

    @Test func aLevelKeepsAsManyGroupsAsVersions() async throws {
        let disk = SimulatedFileSystem(seed: 1)
        var log = try await Self.open(disk)
        for round in 1...5 {
            try await Self.commit(log, round)
            // The keys go on: what they were in a group lives on there.
            for step in 0..<4 { try await log.checkpoint(100 + step, for: "step", level: 2) }
            try await Self.commit(log, round, level: 1)
        }
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: Self.configuration(disk))
        #expect(try await Self.rounds(log) == [5, 4, 3])
        #expect(try await Self.rounds(log, level: 1) == [5])
        #expect(try await Self.rounds(log, level: nil) == [5, 5, 4, 3])
        #expect(try await Self.rounds(reader) == [5, 4, 3])
        for _ in 0..<2 {
            try await log.compact()
            #expect(try await Self.rounds(log) == [5, 4, 3])
            #expect(try await Self.rounds(reader) == [5, 4, 3])
            try await log.close()
            await BackupTests.check(disk, at: "/log")
            log = try await Self.open(disk)
            #expect(try await Self.rounds(log) == [5, 4, 3])
        }
        // Each group that is given up gives its values back.
        try await Self.commit(log, 6)
        try await Self.commit(log, 6, level: 1)
        try await log.compact()
        #expect(try await Self.rounds(log) == [6, 5, 4])
        #expect(disk.fileNames(in: "/log").count { $0.hasSuffix(".val") } == 4)
        try await reader.close()
        try await log.close()
        await BackupTests.check(disk, at: "/log")
    }

    @Test func versionsAreChosenByNumberAndTime() async throws {
        let clock = Lock(Int64(1_700_000_000_000_000))
        var configuration = Self.configuration(SimulatedFileSystem(seed: 2))
        configuration.now = { clock.withLock { $0 } }
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        var numbers: [SequenceNumber] = []
        for round in 1...3 {
            clock.withLock { $0 += 1_000_000 }
            numbers.append(try await Self.commit(log, round))
        }
        let history = try await log.groupHistory(of: "epoch")
        #expect(history.map(\.sequenceNumber) == numbers.reversed())
        #expect(history.map { Int($0.date.timeIntervalSince1970) - 1_700_000_000 } == [3, 2, 1])
        let second = try await log.restoreGroup("epoch", version: .asOf(history[1].date))
        #expect(second?.sequenceNumber == numbers[1])
        #expect(try await log.restoreGroup("epoch", version: .asOf(Date(timeIntervalSince1970: 1_699_999_999))) == nil)
        #expect(try await log.restoreGroup("epoch", version: .sequence(numbers[0]))?.sequenceNumber == numbers[0])
        let error = await #expect(throws: CheckpointLogError.self) {
            try await log.restoreGroup("epoch", version: .tag("best"))
        }
        #expect(error?.code == .invalidArgument)
        // A group that was found and is given up meanwhile says so.
        let first = try #require(try await log.restoreGroup("epoch", version: .sequence(numbers[0])))
        try await Self.commit(log, 4)
        let gone = await #expect(throws: CheckpointLogError.self) { try await first.restore(Int.self, for: "step") }
        #expect(gone?.code == .unavailable)
        try await log.close()
    }

    /// A removal ends the groups that it concerns; those after them stay, and none comes back that was given up.
    @Test(arguments: [false, true]) func endedGroupsLeaveTheOthers(compacts: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 3)
        var log = try await Self.open(disk)
        for round in 1...3 { try await Self.commit(log, round) }
        let newest = try #require(try await log.groupHistory(of: "epoch").first?.sequenceNumber)
        let step = try #require(try await log.history(for: "step", level: 2).first { $0.sequenceNumber < newest })
        #expect(try await log.removeVersion(step.sequenceNumber, of: "step", level: 2))
        func expect(_ rounds: [Int]) async throws {
            #expect(try await Self.rounds(log) == rounds)
            if compacts { try await log.compact() }
            #expect(try await Self.rounds(log) == rounds)
            try await log.close()
            await BackupTests.check(disk, at: "/log")
            log = try await Self.open(disk)
            #expect(try await Self.rounds(log) == rounds)
        }
        try await expect([2, 1])
        try await Self.commit(log, 4)
        try await log.removeCheckpoint(for: "weights", level: 2)
        try await expect([])
        try await Self.commit(log, 5)
        try await expect([5])
        try await log.removeAllCheckpoints(level: 2)
        try await expect([])
        try await log.close()
    }

    /// While groups of a name are replaced one after another, there is one at every moment.
    @Test func aNameThatIsCommittedAgainIsNeverWithoutAGroup() async throws {
        for retention in 1...2 {
            var configuration = Self.configuration(SimulatedFileSystem(seed: 7))
            configuration.levels[2]?.retention = .newest(retention)
            let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
            try await log.commit("epoch", level: 2) { try $0.put(0, for: "step") }
            let isDone = Lock(false)
            let writing = Task {
                for round in 1...3_000 { try await log.commit("epoch", level: 2) { try $0.put(round, for: "step") } }
                isDone.withLock { $0 = true }
            }
            var (asked, missing) = (0, 0)
            while !isDone.withLock({ $0 }) {
                asked += 1
                if try await log.restoreGroup("epoch", level: 2) == nil { missing += 1 }
            }
            try await writing.value
            #expect(missing == 0 && asked > 0, "\(missing) of \(asked), \(retention) kept")
            try await log.close()
        }
    }

    @Test func groupsGrowOld() async throws {
        let clock = Lock(Int64(1_700_000_000_000_000))
        let disk = SimulatedFileSystem(seed: 4)
        let configuration = Self.configuration(disk, keepingAMinuteBy: clock)
        var log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        for round in 1...4 {
            try await Self.commit(log, round)
            clock.withLock { $0 += 25_000_000 }
        }
        #expect(try await Self.rounds(log) == [4, 3])
        clock.withLock { $0 += 100_000_000 }
        #expect(try await Self.rounds(log) == [4])
        // Only what is sealed is judged by its time.
        try await log.close()
        log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await log.compact()
        #expect(try await Self.rounds(log) == [4])
        #expect(disk.fileNames(in: "/log").count { $0.hasSuffix(".val") } == 1)
        try await log.close()
        await BackupTests.check(disk, at: "/log")
    }

    /// A group that has ended still has the greatest number of its name: the one before it has an age.
    @Test func anEndedGroupLeavesTheOlderOnesTheirAge() async throws {
        let clock = Lock(Int64(1_700_000_000_000_000))
        let disk = SimulatedFileSystem(seed: 8)
        let configuration = Self.configuration(disk, keepingAMinuteBy: clock)
        var log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        func reopen() async throws {
            try await log.close()
            await BackupTests.check(disk, at: "/log")
            log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        }
        try await Self.commit(log, 1)
        try await log.commit("epoch", level: 2) { group in
            try group.put(2, for: "step")
            try group.put("only here", for: "note")
        }
        try await log.removeCheckpoint(for: "note", level: 2)
        for _ in 0..<2 {
            try await reopen()
            try await log.compact()
            #expect(try await Self.rounds(log) == [1])
        }
        clock.withLock { $0 += 61_000_000 }
        for _ in 0..<3 {
            #expect(try await Self.rounds(log) == [])
            try await log.compact()
            try await reopen()
        }
        // Then nothing is left to hide, and the frames go as well.
        let names = [("note", KeyHash.Space.key), ("epoch", .group)]
        for (name, space) in names {
            let hash = try log.engine.hash(of: CheckpointKey(name), level: 2, origin: .own, space: space)
            #expect(log.engine.catalog.index.newestRecord(hash) == nil, "\(name)")
        }
        try await log.close()
    }

    /// Where the newest group is damaged, or of another form, an older one is given whole.
    @Test func aFallbackGivesAnOlderGroupWhole() async throws {
        let disk = SimulatedFileSystem(seed: 5)
        let log = try await Self.open(disk)
        try await Self.commit(log, 1)
        try await Self.commit(log, 2)
        try await log.commit("epoch", level: 2) { group in
            try group.put(Other(name: "another form"), for: "step")
            try group.put(3, Self.large, for: "weights")
        }
        let path: FilePath = "/log"
        let skipped = Lock<[CheckpointLogError.Code]>([])
        func restored(_ fallback: RestoreFallback) async throws -> Int? {
            try await log.restoreGroup("epoch", level: 2, fallback: fallback) { group in
                let step = try group.restoreBlocking(Int.self, for: "step")
                let weights = try group.restoreBlocking(Int.self, [UInt8].self, for: "weights")
                return weights.map { $0.0 } == step ? step : nil
            } ?? nil
        }
        let wrong = await #expect(throws: CheckpointLogError.self) { try await restored(.none) }
        #expect(wrong?.code == .decodingFailed)
        #expect(try await restored(.lastDecodable { error in skipped.withLock { $0.append(error.code) } }) == 2)
        #expect(skipped.withLock { $0 } == [.decodingFailed])
        // A damaged member of the second.
        let files = disk.fileNames(in: "/log").filter { $0.hasSuffix(".val") }.sorted()
        #expect(files.count == 3)
        disk.flipBit(3_000 * 8, of: path.appending(files[1]))
        skipped.withLock { $0 = [] }
        #expect(try await restored(.lastDecodable { error in skipped.withLock { $0.append(error.code) } }) == 1)
        #expect(skipped.withLock { $0 } == [.decodingFailed, .damaged])
        disk.flipBit(3_000 * 8, of: path.appending(files[2]))
        let group = try await log.restoreGroup("epoch", level: 2, fallback: .lastIntact)
        #expect(try await group?.restore(Int.self, for: "step") == 1)
        let unchecked = try #require(try await log.restoreGroup("epoch", level: 2))
        let damage = await #expect(throws: CheckpointLogError.self) {
            try await unchecked.restore(Int.self, [UInt8].self, for: "weights")
        }
        #expect(damage?.code == .damaged)
        disk.flipBit(3_000 * 8, of: path.appending(files[0]))
        let all = await #expect(throws: CheckpointLogError.self) {
            try await log.restoreGroup("epoch", level: 2, fallback: .lastIntact)
        }
        #expect(all?.code == .damaged)
        try await log.close()
    }

    @Test func aLogWithoutADirectoryKeepsThemToo() async throws {
        var configuration = Configuration()
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(3))
        let log = try await CheckpointLog.inMemory(configuration: configuration)
        for round in 1...4 { try await Self.commit(log, round) }
        #expect(try await Self.rounds(log) == [4, 3, 2])
        let history = try await log.groupHistory(of: "epoch")
        #expect(history.allSatisfy { $0.date.timeIntervalSince1970 > 1_700_000_000 })
        try await log.removeCheckpoint(for: "step", level: 2)
        #expect(try await Self.rounds(log) == [])
        try await log.close()
    }

    /// A writer that has given a group up for its age says nothing of it when it removes and frees a member. A reader
    /// that has not looked at the age since must let go of the group all the same.
    @Test func aReaderLetsGoOfAGroupWhoseMemberIsGone() async throws {
        let clock = Lock(Int64(1_700_000_000_000_000))
        let disk = SimulatedFileSystem(seed: 10)
        let configuration = Self.configuration(disk, keepingAMinuteBy: clock)
        var log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await log.commit("epoch", level: 2) { group in
            try group.put(1, for: "step")
            try group.put(Self.large, for: "note")
        }
        for round in 2...3 { try await Self.commit(log, round) }
        try await log.close()
        clock.withLock { $0 += 61_000_000 }
        log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: configuration)
        // As a look for something to compact does that finds nothing.
        try log.engine.requireWriter().maintenance.compactor.expireVersions()
        let note = try #require(try await log.history(for: "note", level: 2).first?.sequenceNumber)
        #expect(try await log.removeVersion(note, of: "note", level: 2))
        let values = { disk.fileNames(in: "/log").count { $0.hasSuffix(".val") } }
        let before = values()
        while values() == before {
            try await log.checkpoint(1, for: "other", level: 2)
            try await log.save()
        }
        let snapshot = try await reader.snapshot()
        #expect(try await Self.rounds(snapshot) == [3])
        #expect(try await snapshot.restore([UInt8].self, for: "note", level: 2) == nil)
        try await snapshot.close()
        try await reader.close()
        try await log.close()
    }

    /// A level that has given a group up cannot say that it ended; one that keeps more later finds out by the member.
    @Test(arguments: [false, true])
    func aMemberThatWasRemovedEndsTheGroupThatComesBack(compacts: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 9)
        var configuration = Self.configuration(disk)
        configuration.levels[2]?.retention = .newest(1)
        var log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await log.commit("epoch", level: 2) { group in
            try group.put(1, for: "step")
            try group.put("only here", for: "note")
        }
        try await Self.commit(log, 2)
        let note = try #require(try await log.history(for: "note", level: 2).first?.sequenceNumber)
        #expect(try await log.removeVersion(note, of: "note", level: 2))
        for _ in 0..<3 {
            try await log.close()
            await BackupTests.check(disk, at: "/log")
            log = try await Self.open(disk)
            #expect(try await Self.rounds(log) == [2])
            if compacts { try await log.compact() }
        }
        try await log.close()
    }

    /// What a level kept less of before is no damage: the groups of then may lack members.
    @Test func aRetentionThatGrowsFindsWhatIsLeft() async throws {
        let disk = SimulatedFileSystem(seed: 6)
        var configuration = Self.configuration(disk)
        configuration.levels[2]?.retention = .newest(1)
        var log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        for round in 1...3 { try await Self.commit(log, round) }
        #expect(try await Self.rounds(log) == [3])
        try await log.compact()
        try await log.close()
        log = try await Self.open(disk)
        #expect(try await Self.rounds(log).first == 3)
        // The next one lacks its values, and nothing is wrong with that.
        let newest = try #require(try await log.history(for: "step", level: 2).first?.sequenceNumber)
        #expect(try await log.removeVersion(newest, of: "step", level: 2))
        try await log.close()
        await BackupTests.check(disk, at: "/log")
        log = try await Self.open(disk)
        for round in 4...5 { try await Self.commit(log, round) }
        #expect(try await Self.rounds(log) == [5, 4])
        try await log.close()
        await BackupTests.check(disk, at: "/log")
    }
}
