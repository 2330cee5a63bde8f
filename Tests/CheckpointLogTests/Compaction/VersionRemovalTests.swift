import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// One version of a key is taken away: the others stay, none comes back, and it is gone for good.
@Suite struct VersionRemovalTests {
    let disk = SimulatedFileSystem(seed: 41)

    static func configuration(_ disk: SimulatedFileSystem, keep: Int = 3) -> Configuration {
        var configuration = RemovalMarkerTests.configuration(disk)
        configuration.allowsDroppingVersions = true
        configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(keep))
        configuration.levels[3] = LevelPolicy(durability: .memory)
        configuration.levels[4] = LevelPolicy(durability: .written, retention: .newest(1).andEvery(4))
        return configuration
    }

    static func open(_ disk: SimulatedFileSystem, keep: Int = 3) async throws -> CheckpointLog {
        try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration(disk, keep: keep))
    }

    /// Level 2 keeps for an age too, by a clock that the test turns.
    static func open(
        _ disk: SimulatedFileSystem, keep: Int, age: Duration?, by time: Lock<Int64>
    ) async throws -> CheckpointLog {
        var configuration = configuration(disk)
        var retention = LevelPolicy.Retention.newest(keep)
        retention.age = age
        configuration.levels[2] = LevelPolicy(durability: .synced, retention: retention)
        configuration.now = { time.withLock { $0 } }
        return try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration)
    }

    /// Takes 1 to `count` under the key, and gives their numbers.
    func take(_ log: CheckpointLog, _ count: Int, level: Int = 2) async throws -> [SequenceNumber] {
        var numbers: [SequenceNumber] = []
        for value in 1...count {
            numbers.append(try await log.checkpoint(value, for: "key", level: level).sequenceNumber)
        }
        return numbers
    }

    func values(_ log: CheckpointLog, level: Int = 2) async throws -> [Int] {
        var values: [Int] = []
        for version in try await log.history(for: "key", level: level) {
            let value = try await log.restore(
                Int.self, for: "key", level: level, version: .sequence(version.sequenceNumber))
            values.append(try #require(value))
        }
        let newest = try await log.restore(Int.self, for: "key", level: level)
        #expect(newest == values.first)
        let listed = try await log.checkpoints(level: level).filter { $0.key == "key" }
        #expect(listed.count == (values.isEmpty ? 0 : 1))
        return values
    }

    func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] { await FreedValueTests.findings(disk) }

    /// What is left is the same at once, beside, after a closing, after a kill and after a power cut, with a snapshot
    /// of the index and without.
    @Test(arguments: [[6], [5], [4], [6, 5], [4, 6], [6, 5, 4], [3]])
    func theOthersStayAndNoneComesBack(removed: [Int]) async throws {
        let log = try await Self.open(disk)
        let numbers = try await take(log, 6)
        let left = [6, 5, 4].filter { !removed.contains($0) }
        for value in removed {
            let wasThere = try await log.removeVersion(numbers[value - 1], of: "key", level: value == 5 ? nil : 2)
            #expect(wasThere == (value > 3), "\(value)")
        }
        #expect(try await values(log) == left)
        for value in removed {
            let found = try await log.restore(Int.self, for: "key", version: .sequence(numbers[value - 1]))
            #expect(found == nil)
        }
        let reader = try await CheckpointLog.openForReading(
            at: SpecimenLog.path.string, configuration: Self.configuration(disk))
        #expect(try await values(reader) == left)
        let images = [
            disk.crashImage(.everything, boot: .same), disk.crashImage(.syncedOnly, boot: .another),
        ]
        try await log.close()
        for image in images + [disk] {
            #expect(await findings(image).isEmpty)
            for turn in 0..<3 {
                if turn == 2 { image.removeFile(SpecimenLog.path.appending("SNAPSHOT")) }
                let again = try await Self.open(image)
                #expect(try await values(again) == left, "turn \(turn)")
                if turn == 1 { try await again.compact() }
                #expect(try await values(again) == left, "turn \(turn), compacted")
                try await again.close()
            }
            #expect(await findings(image).isEmpty)
        }
    }

    /// It counts among the versions that are kept until newer ones have taken its place.
    @Test func aRemovedVersionKeepsItsPlace() async throws {
        var log = try await Self.open(disk)
        let numbers = try await take(log, 5)
        try await log.removeVersion(numbers[4], of: "key")
        for value in [6, 7] { try await log.checkpoint(value, for: "key", level: 2) }
        #expect(try await values(log) == [7, 6])
        try await log.close()
        // What retention has given up comes back with a greater one as always; what was removed does not.
        log = try await Self.open(disk, keep: 10)
        #expect(try await values(log) == [7, 6, 4, 3, 2, 1])
        try await log.close()
    }

    /// Its end outlasts its frame: the one is compacted away, and the other stays where it is.
    @Test func itDoesNotComeBackFromBehindItsEnd() async throws {
        var log = try await Self.open(disk)
        let number = try await log.checkpoint(1, for: "key", level: 2).sequenceNumber
        // Nearly all live, so that no compaction takes the version with it.
        for ballast in 0..<4 {
            let bytes = NumberedBytes.bytes(ballast, count: 13_000)
            try await log.checkpoint(bytes: bytes, for: CheckpointKey("ballast \(ballast)"), level: 2)
        }
        try await log.close()
        log = try await Self.open(disk)
        try await log.removeVersion(number, of: "key")
        for value in 2...40 { try await log.checkpoint(value, for: "key", level: 2) }
        try await log.close()
        log = try await Self.open(disk)
        try log.engine.requireWriter().maintenance.compact(fully: true)
        try await log.close()
        let manifest = try Manifest(try #require(disk.contents(of: "/log/MANIFEST")), path: "")
        let names = try #require(manifest).segments.map(\.name.fileName)
        #expect(names.count == 2 && names.contains("00000001.log"), "\(names)")
        log = try await Self.open(disk, keep: 60)
        let epochs = try await log.history(for: "key", level: 2).map(\.sequenceNumber.epoch)
        #expect(!epochs.isEmpty && !epochs.contains(1), "\(epochs)")
        try await log.close()
    }

    /// Once nothing older is on disk its end goes, too, and takes nothing with it.
    @Test func itsEndGoesWhenNothingNeedsIt() async throws {
        var log = try await Self.open(disk)
        let numbers = try await take(log, 3)
        try await log.removeVersion(numbers[2], of: "key")
        try await log.removeVersion(numbers[0], of: "key")
        for _ in 0..<3 {
            try await log.close()
            log = try await Self.open(disk)
            try await log.compact()
            #expect(try await values(log) == [2])
        }
        #expect(log.statistics.liveByteCount < 100, "\(log.statistics)")
        let frames = try log.engine.requireWriter().manifest.current.segments.reduce(0) { $0 + $1.entryCount }
        #expect(frames == 1)
        try await log.close()
    }

    /// The ends of two versions in turn; compaction drops the newer one, and the older one is written later, where the
    /// index has no place for it. A snapshot without a key that has nothing left is as good as the log.
    @Test func anEndIsWrittenAfterThatOfANewerVersion() async throws {
        var log = try await Self.open(disk, keep: 1)
        let numbers = try await take(log, 2)
        try await log.close()
        log = try await Self.open(disk, keep: 2)
        try await log.pin(numbers[0], of: "key")
        try await log.close()
        log = try await Self.open(disk, keep: 1)
        try await log.removeVersion(numbers[1], of: "key")
        try await log.close()
        log = try await Self.open(disk, keep: 1)
        #expect(try await values(log) == [1])
        try await log.removeVersion(numbers[0], of: "key")
        let writer = try log.engine.requireWriter()
        try writer.maintenance.compact(fully: true)
        let hash = try log.engine.hash(of: "key", level: 2, origin: .own)
        #expect(log.engine.catalog.index.newestRecord(hash) == nil)
        try writer.appender.roll()
        try writer.maintenance.sealAll()
        try writer.maintenance.writeSnapshot()
        try await log.close()
        #expect(await findings(disk).isEmpty)
        log = try await Self.open(disk, keep: 10)
        #expect(try await values(log).isEmpty)
        try await log.close()
        #expect(await findings(disk).isEmpty)
    }

    /// Versions that are kept at an interval are removed like others, however many come after them.
    @Test func aMarkedVersionIsRemoved() async throws {
        var log = try await Self.open(disk)
        let numbers = try await take(log, 13, level: 4)
        #expect(try await values(log, level: 4) == [13, 12, 8, 4])
        try await log.removeVersion(numbers[7], of: "key")
        try await log.removeVersion(numbers[12], of: "key")
        for _ in 0..<2 {
            #expect(try await values(log, level: 4) == [12, 4])
            try await log.compact()
            try await log.close()
            log = try await Self.open(disk)
        }
        // They are counted on from the one that was removed.
        for value in 14...16 { try await log.checkpoint(value, for: "key", level: 4) }
        #expect(try await values(log, level: 4) == [16, 12, 4])
        try await log.close()
    }

    @Test func theGroupThatHasItIsForgotten() async throws {
        var log = try await Self.open(disk)
        for (name, value) in [("first", 1), ("second", 2)] {
            try await log.commit(CheckpointKey(name), level: 2) { group in
                try group.put(value, for: "key")
                try group.put(value, for: "other")
            }
        }
        try await log.checkpoint(3, for: "key", level: 2)
        let number = try #require(try await log.history(for: "key").last).sequenceNumber
        #expect(try await log.removeVersion(number, of: "key"))
        for turn in 0..<3 {
            #expect(try await log.restoreGroup("first") == nil)
            let second = try await log.restoreGroup("second")
            #expect(try await second?.restore(Int.self, for: "key") == 2)
            #expect(try await values(log) == [3, 2])
            #expect(try await log.history(for: "other").count == 2)
            if turn == 1 { try await log.compact() }
            try await log.close()
            #expect(await findings(disk).isEmpty)
            log = try await Self.open(disk)
        }
        try await log.close()
    }

    /// Its key has nothing left, and is removed all the same: a group has an older version.
    @Test func aKeyThatAGroupAloneHasIsRemoved() async throws {
        let log = try await Self.open(disk, keep: 1)
        try await log.commit("group", level: 2) { try $0.put(1, for: "key") }
        let number = try await log.checkpoint(2, for: "key", level: 2).sequenceNumber
        try await log.removeVersion(number, of: "key")
        #expect(try await log.restoreGroup("group") != nil)
        try await log.removeCheckpoint(for: "key")
        #expect(try await log.restoreGroup("group") == nil)
        try await log.close()
        #expect(await findings(disk).isEmpty)
    }

    /// A group has an older version, which its level has given up: it does not come back to its key, whatever
    /// compaction drops, and whatever its age.
    @Test(arguments: [nil, Duration.seconds(10)]) func whatAGroupAloneHasDoesNotComeBack(age: Duration?) async throws {
        let time = Lock<Int64>(1_700_000_000_000_000)
        var log = try await Self.open(disk, keep: 1, age: age, by: time)
        try await log.commit("group", level: 2) { try $0.put(1, for: "key") }
        let number = try await log.checkpoint(2, for: "key", level: 2).sequenceNumber
        try await log.removeVersion(number, of: "key")
        for _ in 0..<4 {
            time.withLock { $0 += 100_000_000 }
            #expect(try await log.restore(Int.self, for: "key") == nil)
            #expect(try await log.restoreGroup("group")?.restore(Int.self, for: "key") == 1)
            try await log.close()
            log = try await Self.open(disk, keep: 1, age: age, by: time)
            try await log.compact()
        }
        try await log.close()
        #expect(await findings(disk).isEmpty)
    }

    @Test func theFileOfALargeValueGoes() async throws {
        let log = try await Self.open(disk)
        var numbers: [SequenceNumber] = []
        for value in 1...2 {
            let bytes = NumberedBytes.fill(value, count: 40_000)
            numbers.append(try await log.checkpoint(bytes: bytes, for: "large", level: 2).sequenceNumber)
        }
        try await log.removeVersion(numbers[1], of: "large")
        try await log.compact()
        #expect(FreedValueTests.values(disk).count == 1)
        #expect(try await log.restoreBytes(for: "large") == NumberedBytes.fill(1, count: 40_000))
        try await log.close()
        #expect(await findings(disk).isEmpty)
    }

    /// Taken and not written yet, written and taken anew, and in a log without a directory.
    @Test func aVersionInMemoryIsRemoved() async throws {
        let log = try await Self.open(disk)
        let first = try await log.checkpoint(1, for: "key", level: 3)
        #expect(try await log.removeVersion(first.sequenceNumber, of: "key"))
        #expect(try await log.restore(Int.self, for: "key") == nil)
        let second = try await log.checkpoint(2, for: "key", level: 3)
        try await log.save()
        #expect(try await log.removeVersion(second.sequenceNumber, of: "key"))
        #expect(try await log.restore(Int.self, for: "key") == nil)
        try await log.close()
        let again = try await Self.open(disk)
        #expect(try await again.keys().isEmpty)
        try await again.close()
        let inMemory = try await CheckpointLog.inMemory(configuration: Self.configuration(disk))
        let numbers = try await take(inMemory, 3)
        #expect(try await inMemory.removeVersion(numbers[2], of: "key"))
        #expect(try await !inMemory.removeVersion(numbers[2], of: "key", level: 2))
        #expect(try await values(inMemory) == [2, 1])
        try await inMemory.close()
    }

    /// The one thing that a damaged version is still good for.
    @Test func aDamagedVersionIsRemoved() async throws {
        let log = try await Self.open(disk)
        let numbers = try await take(log, 2)
        let location = try #require(log.engine.versions(RecordQuery(key: "key", level: 2)).first)
        guard case .frame(let entry, _, _) = location else { return }
        let name = SegmentName(entry.location.segment, .log).fileName
        #expect(disk.flipBit(entry.location.offset * 8 + 80, of: SpecimenLog.path.appending(name)))
        await #expect(throws: CheckpointLogError.self) { try await log.history(for: "key") }
        #expect(try await log.removeVersion(numbers[1], of: "key"))
        #expect(try await values(log) == [1])
        log.engine.abandon()
    }

    @Test func whatIsNotThereIsNotRemoved() async throws {
        let log = try await Self.open(disk)
        let numbers = try await take(log, 2)
        let end = try log.engine.requireWriter().appender.writtenPosition
        #expect(try await !log.removeVersion(numbers[0], of: "another"))
        #expect(try await !log.removeVersion(numbers[0], of: "key", level: 1))
        #expect(try await !log.removeVersion(numbers[0], of: "key", origin: "C1"))
        #expect(try await !log.removeVersion(SequenceNumber(rawValue: 7), of: "key"))
        #expect(try log.engine.requireWriter().appender.writtenPosition == end)
        #expect(try await values(log) == [2, 1])
        try await log.close()
        let reader = try await CheckpointLog.openForReading(
            at: SpecimenLog.path.string, configuration: Self.configuration(disk))
        let error = await #expect(throws: CheckpointLogError.self) {
            try await reader.removeVersion(numbers[0], of: "key")
        }
        #expect(error?.code == .readOnly)
        try await reader.close()
    }

    /// A large value that was not synced is the newest again, since the one after it was removed: without it the log
    /// ends there, as before a torn frame.
    @Test func aLostValueEndsTheLogWhereWhatSupersededItWasRemoved() async throws {
        for isRemoved in [false, true] {
            let disk = SimulatedFileSystem(seed: 42)
            let engine = try FreedValueTests.open(disk, keep: 2)
            let hash = try engine.hash(of: "key", level: 1, origin: .own)
            _ = try engine.append([1], PowerLossTests.content(), key: "before")
            try FreedValueTests.put(engine, "key", 1)
            _ = try engine.append([2], PowerLossTests.content(), key: "key")
            let small = try #require(engine.catalog.index.newest(hash)).sequenceNumber
            if isRemoved {
                _ = try engine.appendRemoval(of: small, of: "key", Level(validating: 1), origin: .own)
            }
            _ = try engine.append([3], PowerLossTests.content(), key: "after")
            let image = UnsyncedValueTests().image(disk, losing: [0])
            engine.abandon()
            let before = await findings(image)
            #expect(before.contains { $0.severity == .tornTail } == isRemoved, "\(before)")
            let again = try FreedValueTests.open(image, keep: 2)
            #expect((again.report.tornTail != nil) == isRemoved)
            let keys = try again.checkpoints(level: nil).map(\.key)
            #expect(keys == (isRemoved ? ["before"] : ["after", "before", "key"]))
            try again.close()
            #expect(await findings(image).isEmpty)
        }
    }
}
