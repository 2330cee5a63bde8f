import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What a level keeps belongs to the log, not to whoever opens it.
@Suite struct RetentionTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.path.appending("log").string }

    static let keepsTen = LevelPolicy(durability: .synced, retention: .newest(10))

    func open(_ policy: LevelPolicy? = nil, allowsDroppingVersions: Bool = false) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.allowsDroppingVersions = allowsDroppingVersions
        if let policy { configuration.levels[2] = policy }
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    func fill(_ log: CheckpointLog, _ steps: ClosedRange<Int>) async throws {
        for step in steps { try await log.checkpoint(step, for: "model", level: 2) }
    }

    func count(_ log: CheckpointLog) async throws -> Int { try await log.history(for: "model", level: 2).count }

    /// A script that opens the log as if it were any, writes and compacts.
    func write(_ log: CheckpointLog) async throws {
        for number in 0..<200 { try log.submit([UInt8](repeating: UInt8(number), count: 300), for: "note") }
        try await log.compact()
    }

    @Test func anOpeningThatStatesNothingKeepsWhatTheLogKeeps() async throws {
        var log = try await open(Self.keepsTen)
        try await fill(log, 1...12)
        #expect(log.recoveryReport.policyChanges.isEmpty)
        try await log.close()
        for policy in [nil, LevelPolicy(durability: .synced)] {
            log = try await open(policy)
            #expect(log.recoveryReport.policyChanges.isEmpty)
            #expect(try log.policy(for: 2) == Self.keepsTen)
            try await write(log)
            #expect(try await count(log) == 10)
            try await log.close()
        }
    }

    @Test func anOpeningThatKeepsLessIsToldAndDropsNothing() async throws {
        var log = try await open(Self.keepsTen)
        try await fill(log, 1...12)
        try await log.close()
        let two = LevelPolicy(durability: .synced, retention: .newest(2))
        log = try await open(two)
        let change = try #require(log.recoveryReport.policyChanges.first)
        #expect(change.level == 2 && change.keptVersions && change.stated == two && change.after == change.before)
        #expect(
            change.description
                == "Level 2 keeps the newest 10 versions, as before; this opening states the newest 2 versions, and "
                + "must set `allowsDroppingVersions` to have that.")
        try await write(log)
        #expect(try await count(log) == 10)
        try await log.close()

        log = try await open(two, allowsDroppingVersions: true)
        let dropped = try #require(log.recoveryReport.policyChanges.first)
        #expect(!dropped.keptVersions && dropped.after == two)
        #expect(
            dropped.description == "Level 2 keeps the newest 2 versions from now on, and kept the newest 10 versions.")
        #expect(try await count(log) == 2)
        try await write(log)
        try await log.close()

        // From then on that is what the log keeps.
        log = try await open()
        #expect(try log.policy(for: 2) == two && log.recoveryReport.policyChanges.isEmpty)
        #expect(try await count(log) == 2)
        try await log.close()
    }

    @Test func whatBothKeepIsKept() async throws {
        try await open(
            LevelPolicy(durability: .synced, retention: .newest(5).andEvery(100).younger(than: .seconds(60)))
        ).close()
        var log = try await open(
            LevelPolicy(durability: .written, retention: .newest(8).andEvery(150).younger(than: .seconds(30))))
        let union = LevelPolicy.Retention.newest(8).andEvery(50).younger(than: .seconds(60))
        #expect(try log.policy(for: 2) == LevelPolicy(durability: .written, retention: union))
        let change = try #require(log.recoveryReport.policyChanges.first)
        #expect(change.description.hasPrefix("Level 2 is written from now on, and was synced. Level 2 keeps "))
        try await log.close()
        log = try await open(LevelPolicy(durability: .written, retention: .newest(1).younger(than: .seconds(1))))
        #expect(try log.policy(for: 2).retention == union)
        try await log.close()
    }

    /// Also one that was open before another opening changed it, and also without what a compaction has dropped.
    @Test func readersGoByTheLog() async throws {
        var log = try await open()
        try await fill(log, 1...1)
        var tight = Configuration()
        tight.levels[2] = LevelPolicy(durability: .synced, retention: .newest(1))
        let reader = try await CheckpointLog.openForReading(at: path, configuration: tight)
        #expect(try await count(reader) == 1)
        try await fill(log, 2...3)
        #expect(try await count(reader) == 2)
        try await log.close()

        log = try await open(Self.keepsTen)
        try await fill(log, 4...12)
        #expect(try await count(log) == 10)
        #expect(try await count(reader) == 10)
        #expect(try reader.policy(for: 2) == Self.keepsTen)
        try await log.close()
        log = try await open(LevelPolicy(durability: .synced, retention: .newest(3)), allowsDroppingVersions: true)
        #expect(try await count(reader) == 3)
        try await log.close()
        try await reader.close()
    }

    /// A snapshot has what was kept when it was made, and a lesser or greater retention is seen at once all the same.
    @Test(arguments: [true, false]) func aSnapshotOfAnotherRetentionIsNotUsed(_ keepsSnapshot: Bool) throws {
        let disk = SimulatedFileSystem(seed: 12)
        func counted(_ keep: Int) throws -> (versions: Int, usedSnapshot: Bool) {
            var configuration = Configuration()
            configuration.fileSystem = disk
            configuration.runsInline = true
            configuration.compactsAutomatically = false
            configuration.segmentByteLimit = 64 << 10
            configuration.snapshotByteCount = 0
            configuration.levels[1] = LevelPolicy(durability: .written, retention: .newest(keep))
            configuration.allowsDroppingVersions = true
            let engine = try LogEngine.open(at: "/log", configuration)
            for number in 0..<4 { _ = try engine.append([UInt8(number)], try engine.attributes(1), key: "k") }
            let versions = try engine.versions(RecordQuery(key: "k", level: 1)).count
            let usedSnapshot = engine.report.usedSnapshot
            try engine.close()
            if !keepsSnapshot { disk.removeFile("/log/SNAPSHOT") }
            return (versions, usedSnapshot)
        }
        #expect(try counted(3).versions == 3)
        #expect(try counted(3).usedSnapshot == keepsSnapshot)
        // What the snapshot did not keep is still in the segments.
        #expect(try counted(20) == (12, false))
        #expect(try counted(2) == (2, false))
        #expect(try counted(2) == (2, keepsSnapshot))
    }

    /// The opening that changes it may be cut off anywhere.
    @Test func aPowerCutLeavesOneRetentionOrTheOther() throws {
        func configuration(_ disk: SimulatedFileSystem, _ keep: Int?) -> Configuration {
            var configuration = Configuration()
            configuration.fileSystem = disk
            configuration.runsInline = true
            configuration.segmentByteLimit = 64 << 10
            configuration.allowsDroppingVersions = true
            configuration.levels = keep.map { [1: .init(durability: .written, retention: .newest($0))] } ?? [:]
            return configuration
        }
        let disk = SimulatedFileSystem(seed: 13)
        let engine = try LogEngine.open(at: "/log", configuration(disk, 3))
        for number in 0..<9 { _ = try engine.append([UInt8(number)], try engine.attributes(1), key: "k") }
        try engine.close()
        var found: Set<Int> = []
        var (cut, isOver) = (1, false)
        while !isOver {
            for kind in [CrashImageKind.syncedOnly, .everything, .random(UInt64(cut))] {
                let turn = disk.copy()
                turn.cutPower(atCall: cut)
                do {
                    try LogEngine.open(at: "/log", configuration(turn, 6)).close()
                    isOver = !turn.isPowerCut
                } catch {}
                let image = turn.crashImage(kind, boot: .another)
                let again = try LogEngine.open(at: "/log", configuration(image, nil))
                let kept = try #require(again.policy(for: 1).retention)
                #expect([3, 6].contains(kept.count), "\(cut), \(kind)")
                found.insert(kept.count)
                #expect(try again.versions(RecordQuery(key: "k", level: 1)).count == kept.count, "\(cut), \(kind)")
                try again.close()
            }
            cut += 1
        }
        #expect(found == [3, 6])
    }

    // MARK: Every nth

    func numbers(_ log: CheckpointLog, _ key: CheckpointKey = "model") async throws -> [Int] {
        var values: [Int] = []
        for version in try await log.history(for: key, level: 2) {
            values.append(
                try await log.restore(Int.self, for: key, level: 2, version: .sequence(version.sequenceNumber)) ?? 0)
        }
        return values
    }

    /// Counted across openings, whatever is compacted and whichever way the index is made.
    @Test(arguments: [true, false]) func everyTenthVersionIsKept(keepsSnapshot: Bool) async throws {
        let policy = LevelPolicy(durability: .synced, retention: .newest(3).andEvery(10))
        var (next, expected) = (1, [Int]())
        for count in [4, 9, 1, 30, 12] {
            let log = try await open(policy)
            for step in next..<next + count {
                try log.submit(step, for: "model", level: 2)
                // Others of the level are counted apart.
                try log.submit(-step, for: "other", level: 2)
            }
            next += count
            expected = Array((1..<next).filter { $0 >= next - 3 || $0 % 10 == 0 }.reversed())
            #expect(try await numbers(log) == expected)
            try await log.compact()
            #expect(try await numbers(log) == expected)
            let reader = try await CheckpointLog.openForReading(at: path)
            #expect(try await numbers(reader) == expected)
            try await reader.close()
            try await log.close()
            if !keepsSnapshot { try? FileManager.default.removeItem(atPath: path + "/SNAPSHOT") }
        }
        let report = await LogVerifier(directory: path, level: .deep).verify()
        #expect(report.exitCode == 0, "\(report.findings)")
        // With another interval those that were marked before stay.
        var log = try await open(LevelPolicy(durability: .synced, retention: .newest(1).andEvery(25)))
        #expect(try log.policy(for: 2).retention == .newest(3).andEvery(5))
        for step in next...75 { try log.submit(step, for: "model", level: 2) }
        #expect(try await numbers(log) == [75, 74, 73, 70, 65, 60, 50, 40, 30, 20, 10])
        try await log.close()
        // Without one they go.
        log = try await open(LevelPolicy(durability: .synced, retention: .newest(2)), allowsDroppingVersions: true)
        #expect(try await numbers(log) == [75, 74])
        try await log.close()
    }

    /// Also members of groups, values in files of their own, and what a removal ends.
    @Test func everyWayToTakeAVersionIsCounted() async throws {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.largeValueByteCount = 16 << 10
        configuration.levels[2] = LevelPolicy(
            durability: .written, retention: .newest(1).andEvery(3), compression: .none)
        var log = try await CheckpointLog.open(at: path, configuration: configuration)
        func large(_ number: Int) -> [Int] { [number] + [Int](repeating: 7, count: 3_000) }
        for number in 1...7 {
            switch number % 3 {
            case 0: try log.submit(large(number), for: "model", level: 2)
            case 1: try await log.commit("group", level: 2) { try $0.put(large(number), for: "model") }
            default: try await log.checkpoint([number], for: "model", level: 2)
            }
        }
        func numbers() async throws -> [Int] {
            var found: [Int] = []
            for version in try await log.history(for: "model", level: 2) {
                found +=
                    try await log.restore(
                        [Int].self, for: "model", level: 2, version: .sequence(version.sequenceNumber))?.prefix(1) ?? []
            }
            return found
        }
        #expect(try await numbers() == [7, 6, 3])
        try await log.close()
        log = try await CheckpointLog.open(at: path, configuration: configuration)
        try await log.compact()
        #expect(try await numbers() == [7, 6, 3])
        try await log.removeCheckpoint(for: "model", level: 2)
        for number in 1...4 { try log.submit([number], for: "model", level: 2) }
        #expect(try await numbers() == [4, 3])
        try await log.close()
    }

    /// A version whose turn it was and that found no room is made up for by the next.
    @Test func aMarkedVersionThatWasNotTakenIsMadeUpFor() throws {
        let counts = VersionCounts()
        let (first, second) = (KeyHash(high: 1, low: 2), KeyHash(high: 3, low: 4))
        func next(_ hash: KeyHash) -> (ordinal: UInt32, isMarked: Bool) {
            counts.next(hash, interval: 3) { hash == first ? 1 : 0 }
        }
        #expect(next(first) == (2, false))
        #expect(next(first) == (3, true))
        counts.takeBack(first, ordinal: 3, isMarked: true)
        #expect(next(first) == (3, true))
        #expect(next(second) == (1, false))
        // Another has taken its place by then.
        #expect(next(first) == (4, false))
        counts.takeBack(first, ordinal: 3, isMarked: true)
        #expect(next(first) == (5, true))
        #expect(next(first) == (6, true))
        #expect(next(first) == (7, false))
    }

    @Test func impossibleRetentionsAreRefused() async {
        for retention in [
            LevelPolicy.Retention.newest(0), .newest(1_025), .newest(1).andEvery(1), .newest(1).andEvery(1_000_001),
            .newest(1).younger(than: .zero), .newest(1).younger(than: .nanoseconds(999)),
        ] {
            let error = await #expect(throws: CheckpointLogError.self) {
                _ = try await open(LevelPolicy(durability: .synced, retention: retention))
            }
            #expect(error?.code == .invalidConfiguration, "\(retention)")
        }
    }
}
