import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The index in a file: used when it holds, done without when it does not, and never believed over the log.
@Suite struct IndexSnapshotTests {
    static let path: FilePath = "/log"

    let disk = SimulatedFileSystem(seed: 11)

    func configuration(_ disk: SimulatedFileSystem, snapshots: Bool = true) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.snapshotByteCount = snapshots ? 0 : .max
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(3))
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    func fill(_ engine: LogEngine, from start: Int, count: Int) throws {
        for number in start..<start + count {
            let content = try engine.attributes(number % 3 == 0 ? 2 : 1).adding(.raw)
            let bytes = [UInt8](String(number).utf8) + [UInt8](repeating: 7, count: number % 300)
            _ = try engine.append(bytes, content, key: "key \(number % 97)")
            if number % 50 == 49 { _ = try engine.appendRemoval(of: "key \(number % 89)", Level(validating: 1)) }
            if number % 400 == 399 { _ = try engine.appendRemovalOfAll(Level(validating: 2)) }
            if number % 100 == 99 {
                _ = try engine.appendGroup(
                    "group", [("left", bytes, .raw), ("key \(number % 97)", bytes, .raw)], Level(validating: 2))
            }
        }
    }

    /// Everything that can be restored: versions and contents of every key, and the group.
    func state(_ disk: SimulatedFileSystem) throws -> (values: [String: [[UInt8]]], usedSnapshot: Bool, live: Int) {
        let engine = try LogEngine.open(at: Self.path, configuration(disk, snapshots: false))
        var values: [String: [[UInt8]]] = [:]
        for level in 1...2 {
            for key in (0..<97).map({ "key \($0)" }) + ["left"] {
                let query = RecordQuery(key: CheckpointKey(key), level: UInt8(level))
                values["\(level) \(key)"] = try engine.versions(query).map { found in
                    var exact = query
                    exact.version = .sequence(found.number)
                    return unsafe try engine.withContent(exact) { unsafe Array($1) } ?? []
                }
            }
        }
        let live = engine.catalog.usage.liveByteCount
        let used = engine.report.usedSnapshot
        try engine.close()
        return (values, used, live)
    }

    @Test func aSnapshotGivesWhatTheFootersGive() throws {
        var engine = try LogEngine.open(at: Self.path, configuration(disk))
        try fill(engine, from: 0, count: 1_500)
        try engine.close()
        engine = try LogEngine.open(at: Self.path, configuration(disk))
        // By these the next snapshot is judged: keys that this one had are not new.
        #expect(engine.report.snapshotKeyCount > 97 && engine.report.snapshotKeyCount == engine.catalog.index.count)
        try fill(engine, from: 1_500, count: 700)
        try engine.requireWriter().maintenance.compact(fully: true)
        try fill(engine, from: 2_200, count: 300)
        try engine.close()
        let bare = disk.copy()
        #expect(bare.removeFile("/log/SNAPSHOT"))
        let (with, without) = (try state(disk.copy()), try state(bare))
        #expect(with.usedSnapshot && !without.usedSnapshot)
        #expect(with.values == without.values)
        #expect(with.live == without.live)
    }

    @Test func anOldSnapshotIsBroughtUpToDate() throws {
        var engine = try LogEngine.open(at: Self.path, configuration(disk))
        try fill(engine, from: 0, count: 900)
        try engine.close()
        let old = try #require(disk.contents(of: "/log/SNAPSHOT"))
        engine = try LogEngine.open(at: Self.path, configuration(disk, snapshots: false))
        try fill(engine, from: 900, count: 900)
        try engine.requireWriter().maintenance.compact(fully: true)
        try engine.close()
        disk.setContents(old, of: "/log/SNAPSHOT")
        let bare = disk.copy()
        #expect(bare.removeFile("/log/SNAPSHOT"))
        let (with, without) = (try state(disk.copy()), try state(bare))
        #expect(with.usedSnapshot && !without.usedSnapshot)
        #expect(with.values == without.values)
    }

    @Test func aDamagedSnapshotIsDoneWithout() throws {
        let engine = try LogEngine.open(at: Self.path, configuration(disk))
        try fill(engine, from: 0, count: 300)
        try engine.close()
        let sound = try #require(disk.contents(of: "/log/SNAPSHOT"))
        let expected = try state(disk.copy())
        #expect(expected.usedSnapshot)
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<60 {
            let image = disk.copy()
            var bytes = sound
            if Bool.random(using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
            } else {
                bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            }
            image.setContents(bytes, of: "/log/SNAPSHOT")
            let found = try state(image)
            #expect(!found.usedSnapshot)
            #expect(found.values == expected.values)
        }
    }

    /// What a kill leaves of one: it is removed, by a thread of its own where there may be one, and does not stand in
    /// the way of the next.
    @Test(arguments: [true, false]) func anUnfinishedSnapshotIsRemoved(inline: Bool) throws {
        var settings = configuration(disk)
        settings.runsInline = inline
        var engine = try LogEngine.open(at: Self.path, settings)
        try fill(engine, from: 0, count: 300)
        engine.abandon()
        disk.setContents([UInt8](repeating: 1, count: 10_000), of: "/log/SNAPSHOT.tmp")
        engine = try LogEngine.open(at: Self.path, settings)
        #expect(engine.report.orphans.contains("SNAPSHOT.tmp"))
        #expect(disk.contents(of: "/log/SNAPSHOT.tmp") == nil)
        try fill(engine, from: 300, count: 100)
        try engine.requireWriter().maintenance.writeSnapshot()
        try engine.close()
        engine = try LogEngine.open(at: Self.path, settings)
        #expect(engine.report.usedSnapshot && engine.report.orphans.isEmpty)
        try engine.close()
    }

    @Test func aSnapshotOfAnotherLogIsDoneWithout() throws {
        for name in ["one", "two"] {
            var settings = configuration(disk)
            settings.randomSeed = name == "one" ? 1 : 2
            let engine = try LogEngine.open(at: FilePath("/\(name)"), settings)
            try fill(engine, from: name == "one" ? 0 : 50, count: 200)
            try engine.close()
        }
        let other = try #require(disk.contents(of: "/two/SNAPSHOT"))
        disk.setContents(other, of: "/one/SNAPSHOT")
        let engine = try LogEngine.open(at: "/one", configuration(disk))
        #expect(!engine.report.usedSnapshot)
        try engine.close()
    }

    /// A snapshot that knew more than the disk would lead to frames that are not there.
    @Test func aSnapshotKnowsNothingThatAPowerCutCanTake() throws {
        for number in 1...2 {
            let engine = try LogEngine.open(at: Self.path, configuration(disk))
            _ = try engine.append(PowerLossTests.bytes(number, count: 200), PowerLossTests.content(), key: "key")
            if number == 1 {
                try engine.close()
            } else {
                try engine.requireWriter().maintenance.writeSnapshot()
                engine.abandon()
            }
        }
        let image = disk.crashImage(.syncedOnly, boot: .another)
        let engine = try LogEngine.open(at: Self.path, configuration(image))
        #expect(engine.report.usedSnapshot)
        let found = unsafe try engine.withContent(level: 1, key: "key") { unsafe Array($1) }
        #expect(found.flatMap(PowerLossTests.number) == 2)
        try engine.close()
    }
}
