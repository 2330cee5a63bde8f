import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A full segment that has mostly superseded itself is sealed as a copy of what is left of it.
@Suite struct CopyingSealTests {
    let disk = SimulatedFileSystem(seed: 81)

    static func open(_ disk: SimulatedFileSystem, keep: Int = 1, compacts: Bool = true) throws -> LogEngine {
        var configuration = SpecimenLog.configuration(disk)
        configuration.compactsAutomatically = compacts
        configuration.allowsDroppingVersions = true
        configuration.levels[1] = LevelPolicy(
            durability: .written, retention: .newest(keep), compression: .none)
        configuration.levels[2] = LevelPolicy(
            durability: .written, retention: .newest(1).andEvery(16), compression: .none)
        return try LogEngine.open(at: SpecimenLog.path, configuration)
    }

    static func put(
        _ engine: LogEngine, _ numbers: ClosedRange<Int>, keys: Int = 3, level: Int = 1, count: Int = 1_500
    ) throws {
        for number in numbers {
            _ = try engine.append(
                PowerLossTests.bytes(number, count: count), engine.attributes(level).adding(.raw),
                key: CheckpointKey("key \(number % keys)"))
        }
    }

    static func number(_ engine: LogEngine, _ key: Int, level: UInt8 = 1) throws -> Int? {
        unsafe try engine.withContent(level: level, key: CheckpointKey("key \(key)")) {
            unsafe PowerLossTests.number(Array($1))
        } ?? nil
    }

    static func sealed(_ engine: LogEngine) throws -> [Manifest.Segment] {
        try engine.requireWriter().manifest.current.segments
    }

    func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] {
        await LogVerifier(directory: SpecimenLog.path, level: .deep, fileSystem: disk).verify().findings
            .filter { $0.severity != .note }
    }

    /// One short segment stays of however many, and nothing was synced for it but itself.
    @Test func oneShortSegmentStays() async throws {
        var engine = try Self.open(disk)
        try Self.put(engine, 1...400)
        let writer = try engine.requireWriter()
        #expect(writer.appender.counters.rolls > 7 && writer.appender.counters.syncs == 0)
        #expect(try Self.sealed(engine).map(\.entryCount) == [3])
        #expect(try Self.sealed(engine).allSatisfy { $0.name.role == .output })
        #expect(writer.maintenance.compactionCount == writer.appender.counters.rolls)
        let files = try disk.entries(of: SpecimenLog.path).map(\.name).filter { $0.hasSuffix(".log") }
        #expect(files.count <= 2, "\(files)")
        let images = [disk.crashImage(.everything, boot: .same), disk.crashImage(.syncedOnly, boot: .another)]
        try engine.close()
        for (index, image) in (images + [disk]).enumerated() {
            #expect(await findings(image).isEmpty)
            engine = try Self.open(image)
            // After a power cut the log ends at the last seal, or behind it.
            let least = index == 1 ? 350 : 398
            for key in 0..<3 { #expect(try Self.number(engine, key).map { $0 >= least && $0 % 3 == key } == true) }
            try engine.close()
            #expect(await findings(image).isEmpty)
        }
    }

    /// As many versions stay as the level keeps, and those at an interval, whichever segments they were in.
    @Test func whatIsKeptStays() async throws {
        var engine = try Self.open(disk, keep: 4)
        for part in 0..<8 {
            try Self.put(engine, (part * 50 + 1)...(part * 50 + 50))
            try Self.put(engine, (part * 50 + 1)...(part * 50 + 50), level: 2)
        }
        #expect(try Self.sealed(engine).contains { $0.name.role == .output })
        var before: [[SequenceNumber]] = []
        for turn in 0..<3 {
            var found: [[SequenceNumber]] = []
            for key in 0..<3 {
                for level in [UInt8(1), 2] {
                    let versions = try engine.versions(RecordQuery(key: CheckpointKey("key \(key)"), level: level))
                    found.append(
                        versions.compactMap { version in
                            guard case .frame(let entry, _, _) = version else { return nil }
                            return entry.sequenceNumber
                        })
                    #expect(versions.count == (level == 1 ? 4 : 9))
                }
            }
            if turn == 0 { before = found }
            #expect(found == before)
            if turn == 1 { try engine.requireWriter().maintenance.compact(fully: true) }
            try engine.close()
            #expect(await findings(disk).isEmpty)
            engine = try Self.open(disk, keep: 4)
        }
        try engine.close()
    }

    /// A segment with anything but values, or with little that is superseded, is sealed as it is; so is every one of a
    /// log that does not compact.
    @Test(arguments: ["removal", "many keys", "never"]) func othersAreSealedAsTheyAre(_ reason: String) throws {
        let engine = try Self.open(disk, compacts: reason != "never")
        for number in 1...400 {
            try Self.put(engine, number...number, keys: reason == "many keys" ? 400 : 3)
            if reason == "removal", number % 10 == 0 {
                _ = try engine.appendRemoval(of: CheckpointKey("key \(number % 3)"), Level(validating: 1))
            }
        }
        #expect(try Self.sealed(engine).count > 7)
        #expect(try Self.sealed(engine).allSatisfy { $0.name.role == .log })
        try engine.close()
    }

    /// Of each key the newest versions as many as the level keeps, each with its own bytes: also when nothing newer
    /// than the copy holds them.
    @Test func eachKeptVersionIsItsOwn() async throws {
        var engine = try Self.open(disk, keep: 3)
        let appender = try engine.requireWriter().appender
        var last = 0
        while appender.counters.rolls < 4 {
            last += 1
            try Self.put(engine, last...last, keys: 2)
        }
        #expect(try Self.sealed(engine).allSatisfy { $0.name.role == .output })
        let image = disk.crashImage(.everything, boot: .same)
        for turn in 0..<2 {
            for key in 0..<2 {
                let query = RecordQuery(key: CheckpointKey("key \(key)"), level: 1)
                let numbers = try engine.versions(query).map { version in
                    var query = query
                    query.version = .sequence(version.number)
                    return try unsafe engine.withContent(query) { unsafe PowerLossTests.number(Array($1)) } ?? nil
                }
                let newest = last % 2 == key ? last : last - 1
                #expect(numbers == [newest, newest - 2, newest - 4])
            }
            try engine.close()
            if turn == 0 { engine = try Self.open(image, keep: 3) }
        }
        #expect(await findings(disk).isEmpty)
        #expect(await findings(image).isEmpty)
    }

    /// A pin keeps a version that the level has given up, and a snapshot of the log everything it had.
    @Test func pinnedAndSnapshotVersionsStay() async throws {
        let engine = try Self.open(disk)
        try Self.put(engine, 1...3)
        let key = CheckpointKey("key 1")
        let first = try #require(engine.versions(RecordQuery(key: key, level: 1)).first)
        guard case .frame(let entry, _, _) = first else {
            Issue.record("the version is no frame of the log: \(first)")
            return
        }
        #expect(
            try engine.changeLabels(
                of: key, Level(validating: 1), origin: .own, keeping: entry.sequenceNumber
            ) { $0.insert(VersionLabels.Entry(entry.sequenceNumber)) })
        try Self.put(engine, 4...60)
        let snapshot = try engine.snapshot()
        try Self.put(engine, 61...600)
        #expect(try Self.sealed(engine).contains { $0.name.role == .output })
        #expect(try engine.versions(RecordQuery(key: key, level: 1)).count == 2)
        for key in 0..<3 {
            #expect(try Self.number(snapshot, key).map { (58...60).contains($0) } == true)
            #expect(try Self.number(engine, key).map { (598...600).contains($0) } == true)
        }
        try snapshot.close()
        try engine.close()
        #expect(await findings(disk).isEmpty)
        let again = try Self.open(disk)
        #expect(try again.versions(RecordQuery(key: key, level: 1)).count == 2)
        try again.close()
    }

    /// The log after a power cut at any call is that of one moment, no earlier than the last seal, and a log that was
    /// killed at any call lacks nothing that was answered.
    @Test func aCutAnywhereLeavesOneMoment() async throws {
        var call = 1
        var isOver = false
        while !isOver {
            let turn = SimulatedFileSystem(seed: 82)
            turn.cutPower(atCall: call)
            var (written, durable) = (0, 0)
            var lastSealed = SegmentNumber(0)
            do {
                let engine = try Self.open(turn)
                for number in 1...260 {
                    try Self.put(engine, number...number)
                    if turn.isPowerCut { break }
                    written = number
                    let now = try engine.requireWriter().manifest.current.lastSealed
                    // The append that needed another segment is not in the one that was sealed.
                    if now != lastSealed { (lastSealed, durable) = (now, number - 1) }
                }
                isOver = !turn.isPowerCut
                engine.abandon()
            } catch {
                // Otherwise the sweep would have no end.
                guard turn.isPowerCut else { throw error }
            }
            for (kind, boot) in [
                (CrashImageKind.everything, CrashBoot.same), (.syncedOnly, .another), (.random(UInt64(call)), .another),
            ] {
                let image = turn.crashImage(kind, boot: boot)
                let again = try Self.open(image)
                let numbers = try (0..<3).map { try Self.number(again, $0) ?? 0 }
                let last = numbers.max() ?? 0
                for key in 0..<3 {
                    let expected = (0...last).last { $0 % 3 == key && $0 > 0 } ?? 0
                    #expect(numbers[key] == expected, "call \(call), \(kind): \(numbers)")
                }
                #expect(last >= (boot == .same ? written : durable) && last <= 260, "call \(call), \(kind)")
                try again.close()
                #expect(await findings(image).isEmpty, "call \(call), \(kind)")
            }
            call += takesSamples ? 5 : 1
        }
        #expect(call > 60)
    }

    /// What somebody looks at segment by segment stays where it is meanwhile.
    @Test(arguments: ["snapshot", "expiry"]) func nothingIsCopiedMeanwhile(_ reason: String) async throws {
        let time = Lock<Int64>(1_000_000_000_000)
        var configuration = SpecimenLog.configuration(disk)
        configuration.now = { time.withLock { $0 } }
        configuration.compactsAutomatically = true
        configuration.levels[1] = LevelPolicy(durability: .written, compression: .none)
        configuration.levels[2] = LevelPolicy(
            durability: .written, retention: .newest(50).younger(than: .seconds(1)), compression: .none)
        var engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        // A segment with old versions and young ones: an expiry has to read its footer.
        try Self.put(engine, 1...20, keys: 1, level: 2)
        time.withLock { $0 += 2_000_000 }
        try Self.put(engine, 21...40, keys: 1, level: 2)
        try Self.put(engine, 1...200)
        let before = try Self.sealed(engine)
        let during = Lock<[Manifest.Segment]?>(nil)
        disk.observe { [disk, engine] call in
            let isWanted =
                reason == "snapshot"
                ? call.operation == .write && call.path.string.contains("SNAPSHOT")
                : call.operation == .read && call.path.string.contains(".log")
            guard isWanted else { return }
            disk.observe(nil)
            #expect(throws: Never.self) {
                try Self.put(engine, 201...400)
                let sealed = try Self.sealed(engine)
                during.withLock { $0 = sealed }
            }
        }
        let maintenance = try engine.requireWriter().maintenance
        if reason == "snapshot" {
            try maintenance.writeSnapshot()
        } else {
            try maintenance.compactor.expireVersions()
        }
        disk.observe(nil)
        let meanwhile = try #require(during.withLock { $0 })
        #expect(before.allSatisfy { meanwhile.contains($0) })
        let added = meanwhile.filter { !before.contains($0) }
        #expect(added.count >= 4 && added.allSatisfy { $0.name.role == .log }, "\(added.map(\.name))")
        // Nothing is held off afterwards.
        let copied = maintenance.compactionCount
        try Self.put(engine, 401...600)
        #expect(maintenance.compactionCount >= copied + 4)
        try engine.close()
        #expect(await findings(disk).isEmpty)
        engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        #expect(try (0..<3).map { try Self.number(engine, $0) } == [600, 598, 599])
        try engine.close()
    }

    /// A backup is of sealed segments, and seals the one that is being written; a copy of that would be of later.
    @Test func aBackupHasWhatWasJustWritten() async throws {
        var engine = try Self.open(disk)
        let appender = try engine.requireWriter().appender
        var last = 0
        while appender.counters.rolls < 3 {
            last += 1
            try Self.put(engine, last...last)
        }
        try Self.put(engine, (last + 1)...(last + 20))
        #expect(appender.counters.rolls == 3)
        _ = try engine.backUp(to: "/copy") { _, _ in }
        try Self.put(engine, (last + 21)...(last + 40))
        try engine.close()
        engine = try LogEngine.open(at: "/copy", SpecimenLog.configuration(disk))
        let numbers = try (0..<3).map { try Self.number(engine, $0) ?? 0 }
        #expect(numbers.sorted() == Array((last + 18)...(last + 20)))
        try engine.close()
    }
}
