import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What was removed stays removed while any frame of it is on disk, whatever compaction takes away first.
@Suite struct RemovalMarkerTests {
    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.largeValueByteCount = 16 << 10
        configuration.snapshotByteCount = .max
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(3))
        return configuration
    }

    static func put(_ engine: LogEngine, _ key: String, _ number: Int, level: Int = 2, count: Int = 100) throws {
        let bytes = PowerLossTests.bytes(number, count: count)
        _ = try engine.append(bytes, engine.attributes(level).adding(.raw), key: CheckpointKey(key))
    }

    /// The first segment stays as it is, for it is nearly all live; the second holds a removal that something newer
    /// follows.
    static func removedAndTakenAgain() throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem()
        var engine = try LogEngine.open(at: SpecimenLog.path, configuration(disk))
        try put(engine, "key", 1)
        _ = try engine.appendGroup(
            "group", [("key", PowerLossTests.bytes(2), .raw), ("other", PowerLossTests.bytes(3), .raw)],
            Level(validating: 2))
        for number in 0..<4 { try put(engine, "ballast \(number)", number, count: 13_000) }
        try engine.close()
        engine = try LogEngine.open(at: SpecimenLog.path, configuration(disk))
        _ = try engine.appendRemoval(of: "key", Level(validating: 2))
        for number in 10..<40 { try put(engine, "key", number) }
        try engine.close()
        engine = try LogEngine.open(at: SpecimenLog.path, configuration(disk))
        try engine.requireWriter().maintenance.compact(fully: true)
        try engine.close()
        return disk
    }

    static let keyQuery = RecordQuery(key: "key", level: 2)

    @Test func anOlderVersionDoesNotComeBackFromBehindItsRemoval() throws {
        let disk = try Self.removedAndTakenAgain()
        let engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        #expect(engine.report.segmentCount == 2)
        let numbers = try engine.versions(Self.keyQuery).map(\.number.epoch)
        #expect(numbers == [2, 2, 2])
        try engine.close()
        // Now with room for more versions than were taken since.
        var configuration = Self.configuration(disk)
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(10))
        let again = try LogEngine.open(at: SpecimenLog.path, configuration)
        let versions = try again.versions(Self.keyQuery).map(\.number.epoch)
        #expect(versions.allSatisfy { $0 == 2 }, "\(versions)")
        try again.close()
    }

    @Test func aGroupDoesNotComeBackFromBehindARemoval() async throws {
        let disk = try Self.removedAndTakenAgain()
        let log = try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: Self.configuration(disk))
        #expect(try await log.restoreGroup("group", level: 2) == nil)
        try await log.close()
    }

    /// One record removed all keys of the level; its segment is rewritten while the older one, nearly all live, stays.
    @Test func whatWasRemovedAllAtOnceDoesNotComeBack() throws {
        let disk = SimulatedFileSystem()
        var engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        try Self.put(engine, "key", 1)
        for number in 0..<4 { try Self.put(engine, "ballast \(number)", number, level: 1, count: 13_000) }
        try engine.close()
        engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        _ = try engine.appendRemovalOfAll(Level(validating: 2))
        for number in 10..<40 { try Self.put(engine, "other", number, level: 1) }
        try engine.close()
        engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        let first = try engine.requireWriter().manifest.current.segments.map(\.name)
        try engine.requireWriter().maintenance.compact(fully: true)
        let second = try engine.requireWriter().manifest.current.segments.map(\.name)
        #expect(Set(first).intersection(second).count == 1 && second.count == 2)
        try engine.close()
        engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        #expect(try engine.versions(Self.keyQuery).isEmpty)
        #expect(try engine.versions(RecordQuery(key: "other", level: 1)).count == 1)
        try engine.close()
    }

    /// Once no older frame is left anywhere, the marker goes, too.
    @Test func aMarkerThatNothingNeedsIsDropped() throws {
        let disk = SimulatedFileSystem()
        for number in 0..<3 {
            let engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
            try Self.put(engine, "key", number)
            _ = try engine.appendRemoval(of: "key", Level(validating: 2))
            if number == 1 { try Self.put(engine, "key", 10) }
            try engine.close()
        }
        let engine = try LogEngine.open(at: SpecimenLog.path, Self.configuration(disk))
        for _ in 0..<3 { try engine.requireWriter().maintenance.compact(fully: true) }
        #expect(engine.catalog.index.count == 0)
        #expect(try engine.requireWriter().manifest.current.segments.isEmpty)
        try engine.close()
    }
}
