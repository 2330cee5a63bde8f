import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A retention by age gives disk back, and never the newest version of a key.
@Suite struct ExpiryTests {
    let disk = SimulatedFileSystem(seed: 21)
    /// In seconds.
    let time = Lock<Int64>(1_000_000)

    func open(count: Int = 1_000, age: Int? = 100) throws -> LogEngine {
        var configuration = SpecimenLog.configuration(disk)
        configuration.now = { [time] in time.withLock { $0 } * 1_000_000 }
        var retention = LevelPolicy.Retention.newest(count)
        retention.age = age.map { .seconds($0) }
        configuration.levels[1] = LevelPolicy(durability: .written, retention: retention, compression: .none)
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(100), compression: .none)
        return try LogEngine.open(at: SpecimenLog.path, configuration)
    }

    func pass(_ seconds: Int64) { time.withLock { $0 += seconds } }

    func put(_ engine: LogEngine, _ key: String, _ numbers: ClosedRange<Int>, level: Int = 1, count: Int = 1_500) throws
    {
        for number in numbers {
            _ = try engine.append(
                PowerLossTests.bytes(number, count: count), engine.attributes(level).adding(.raw),
                key: CheckpointKey(key))
        }
    }

    func versions(_ engine: LogEngine, _ key: String, level: UInt8 = 1) throws -> Int {
        try engine.versions(RecordQuery(key: CheckpointKey(key), level: level)).count
    }

    func number(_ engine: LogEngine, _ key: String, level: UInt8 = 1) throws -> Int? {
        try unsafe engine.withContent(level: level, key: CheckpointKey(key)) {
            unsafe PowerLossTests.number(Array($1))
        } ?? nil
    }

    func members(_ engine: LogEngine) throws -> Int? {
        let name = try engine.hash(of: "pair", level: 1, origin: .own, space: .group)
        return engine.catalog.groups.group(name).flatMap { $0.damage == nil ? $0.members.count : nil }
    }

    func sealedBytes(_ engine: LogEngine) throws -> Int {
        try engine.requireWriter().manifest.current.segments.reduce(0) { $0 + $1.byteCount }
    }

    /// In segments that hold nothing young, the background has a reason to compact, without reading a footer.
    @Test(arguments: [false, true]) func expiredVersionsAreFreed(fully: Bool) throws {
        var engine = try open()
        try put(engine, "key", 1...300)
        try put(engine, "other level", 1...50, level: 2)
        try engine.close()
        pass(101)
        engine = try open()
        #expect(try versions(engine, "key") == 1)
        #expect(try sealedBytes(engine) > 500_000)
        _ = try engine.requireWriter().maintenance.compact(fully: fully)
        // The newest, and the level that has no age.
        #expect(try sealedBytes(engine) < (fully ? 100_000 : 160_000))
        #expect(try versions(engine, "key") == 1 && number(engine, "key") == 300)
        #expect(try versions(engine, "other level", level: 2) == 50)
        try engine.close()
        guard fully else { return }
        // What is gone is gone also for an opening that keeps for ever.
        engine = try open(age: nil)
        #expect(try versions(engine, "key") == 1)
        try engine.close()
    }

    /// The newest version is found without a look at the others, however many a level with an age keeps.
    @Test func theNewestIsFoundAlone() throws {
        let disk = SimulatedFileSystem(seed: 71)
        var configuration = SpecimenLog.configuration(disk)
        configuration.levels[1] = LevelPolicy(
            durability: .written, retention: .newest(500).younger(than: .seconds(3_600)))
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        for number in 0..<300 {
            _ = try engine.append([UInt8(number % 250)], engine.attributes(1).adding(.raw), key: "k")
        }
        let reads = Lock(0)
        disk.observe { call in if call.operation == .read { reads.withLock { $0 += 1 } } }
        let found = unsafe try engine.withContent(RecordQuery(key: "k", level: 1)) { unsafe $1.first }
        disk.observe(nil)
        #expect(found == 49)
        #expect(reads.withLock { $0 } == 1)
        try engine.close()
    }

    /// Young and old in one segment: each by its own time.
    @Test func aFullCompactionJudgesEachVersion() throws {
        var engine = try open()
        try put(engine, "old", 1...5)
        pass(60)
        try put(engine, "young", 1...5)
        try put(engine, "old", 6...7)
        try engine.close()
        pass(60)
        engine = try open()
        #expect(try versions(engine, "old") == 2 && versions(engine, "young") == 5)
        #expect(engine.catalog.index.count == 2)
        let before = engine.catalog.usage.liveByteCount
        try engine.requireWriter().maintenance.compact(fully: true)
        #expect(engine.catalog.usage.liveByteCount < before - 5 * 1_500)
        #expect(try sealedBytes(engine) < 7 * 1_500 + 2_500)
        #expect(try versions(engine, "old") == 2 && versions(engine, "young") == 5)
        try engine.close()
        engine = try open(age: nil)
        #expect(try versions(engine, "old") == 2)
        try engine.close()
    }

    /// What removed a version has its number and its time, and a frame of its own: that one is dead then, and not the
    /// version's once more.
    @Test func aRemovedVersionIsOverItsAge() async throws {
        var engine = try open()
        try put(engine, "key", 1...2)
        let hash = try engine.hash(of: "key", level: 1, origin: .own)
        let first = try #require(engine.catalog.index.versions(hash).last)
        pass(60)
        // So that no segment is over its age as a whole.
        try put(engine, "other", 1...2)
        try engine.close()
        engine = try open()
        #expect(try engine.appendRemoval(of: first.sequenceNumber, of: "key", Level(validating: 1), origin: .own))
        let usage = engine.catalog.usage
        let end = try #require(
            engine.catalog.index.location(hash, first.sequenceNumber, isRemovedVersion: true))
        let before = [first.location, end].map { usage.liveByteCount(of: $0.segment) }
        pass(60)
        try engine.requireWriter().maintenance.compactor.expireVersions()
        #expect(!engine.catalog.index.holds(hash, first.sequenceNumber, isRemovedVersion: true))
        let after = [first.location, end].map { usage.liveByteCount(of: $0.segment) }
        #expect(after == [before[0], before[1] - end.byteCountBound])
        try engine.close()
        #expect(await FreedValueTests.findings(disk).isEmpty)
    }

    /// A member of the newest group of its name is no old version.
    @Test func groupsKeepTheirMembers() throws {
        var engine = try open()
        _ = try engine.appendGroup(
            "pair", [("a", [1], .raw), ("b", [2], .raw)], Level(validating: 1))
        try put(engine, "a", 2...40)
        try engine.close()
        pass(1_000)
        engine = try open()
        for _ in 0..<2 { _ = try engine.requireWriter().maintenance.compact(fully: true) }
        #expect(try members(engine) == 2)
        #expect(try versions(engine, "a") == 1)
        try engine.close()
        engine = try open()
        #expect(try members(engine) == 2)
        try engine.close()
    }

    /// Large values have files of their own, which go as well.
    @Test func filesOfLargeValuesGo() async throws {
        let engine = try open()
        try put(engine, "large", 1...6, count: 6_000)
        pass(101)
        try put(engine, "filler", 1...100)
        #expect(FreedValueTests.values(disk).count == 6)
        try engine.requireWriter().maintenance.compact(fully: true)
        try engine.close()
        #expect(FreedValueTests.values(disk).count == 1)
        #expect(await FreedValueTests.findings(disk).isEmpty)
    }

    /// The newest version is not synced yet: the older ones must outlive a power cut that takes it.
    @Test func theNewestIsSyncedBeforeOthersGo() throws {
        var call = 1
        var isOver = false
        let engine = try open()
        try put(engine, "key", 1...60)
        try engine.close()
        pass(101)
        while !isOver {
            let turn = disk.copy()
            var configuration = SpecimenLog.configuration(turn)
            configuration.now = { [time] in time.withLock { $0 } * 1_000_000 }
            turn.cutPower(atCall: call)
            do {
                let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
                try put(engine, "key", 61...61)
                try engine.requireWriter().maintenance.compact(fully: true)
                isOver = !turn.isPowerCut
                engine.abandon()
            } catch {}
            for kind in [CrashImageKind.syncedOnly, .random(UInt64(call))] {
                configuration.fileSystem = turn.crashImage(kind, boot: .another)
                let again = try LogEngine.open(at: SpecimenLog.path, configuration)
                let found = try number(again, "key")
                #expect(found == 60 || found == 61, "\(call), \(kind)")
                try again.close()
            }
            call += 1
        }
        #expect(call > 25)
    }
}
