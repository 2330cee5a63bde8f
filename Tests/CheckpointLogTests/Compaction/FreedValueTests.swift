import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Files of large values go once nothing can restore them, and never before the log says so for good.
@Suite struct FreedValueTests {
    // MARK: Helpers

    static func configuration(_ disk: SimulatedFileSystem, keep: Int = 1) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.levels[1] = LevelPolicy(durability: .written, retention: .newest(keep))
        configuration.allowsDroppingVersions = true
        return configuration
    }

    static func open(_ disk: SimulatedFileSystem, keep: Int = 1) throws -> LogEngine {
        try LogEngine.open(at: SpecimenLog.path, configuration(disk, keep: keep))
    }

    /// Numbers that do not compress, of a length that gets a file of its own.
    static func put(_ engine: LogEngine, _ key: String, _ number: Int, count: Int = 6_000) throws {
        _ = try engine.append(
            PowerLossTests.bytes(number, count: count), engine.attributes(1).adding(.raw), key: CheckpointKey(key))
    }

    static func sync(_ engine: LogEngine) throws {
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
    }

    static func step(_ engine: LogEngine) throws { try engine.requireWriter().maintenance.values.step() }

    static func number(_ engine: LogEngine, _ key: String) throws -> Int? {
        try unsafe engine.withContent(level: 1, key: CheckpointKey(key)) {
            unsafe PowerLossTests.number(Array($1))
        } ?? nil
    }

    static func values(_ disk: SimulatedFileSystem) -> [SegmentNumber] {
        disk.fileNames(in: SpecimenLog.path).compactMap(SegmentName.init(fileName:)).filter { $0.role == .value }
            .map(\.identifier).sorted()
    }

    static func versionCount(_ engine: LogEngine, _ key: String) throws -> Int {
        try engine.versions(RecordQuery(key: CheckpointKey(key), level: 1)).count
    }

    static func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] {
        await LogVerifier(
            directory: SpecimenLog.path, level: .deep, fileSystem: disk
        ).verify().findings.filter { $0.severity != .note }
    }

    // MARK: Order

    /// Each step waits for a sync: of what took the value's place, then of the frame that says that it is freed.
    @Test func aFileGoesBehindTwoSyncs() throws {
        let disk = SimulatedFileSystem()
        let engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        try Self.sync(engine)
        let first = Self.values(disk)
        #expect(first.count == 1)
        try Self.put(engine, "key", 2)
        let records = try engine.requireWriter().appender.counters.frames
        try Self.step(engine)
        // Nothing says yet that the second one is there after a power cut.
        #expect(try engine.requireWriter().appender.counters.frames == records)
        #expect(Self.values(disk).count == 2)
        try Self.sync(engine)
        try Self.step(engine)
        #expect(try engine.requireWriter().appender.counters.frames == records + 1)
        #expect(Self.values(disk).count == 2)
        try Self.sync(engine)
        try Self.step(engine)
        #expect(Self.values(disk).count == 1 && Self.values(disk) != first)
        #expect(try Self.number(engine, "key") == 2)
        try engine.close()
    }

    /// A thread that is behind with freeing values, here one that does not run, leaves it to those who write more.
    @Test func whoeverWritesMakesAStepWhileNobodyElseDoes() throws {
        let disk = SimulatedFileSystem()
        var configuration = Self.configuration(disk)
        configuration.runsInline = false
        configuration.deadValueByteLimit = 40_000
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        try engine.requireWriter().maintenance.stop()
        var most = 0
        for number in 1...100 {
            try Self.put(engine, "key", number)
            most = max(most, Self.values(disk).count)
        }
        // As many as may be dead, two beside them, and as many as are written between two steps.
        #expect(most > 40_000 / 6_200 && most < 20, "\(most) files of 6,000 bytes")
        #expect(try Self.number(engine, "key") == 100)
        try engine.close()
    }

    /// Damage in what took a value's place must not pass for a torn tail: the log would go back to a value whose file
    /// is gone.
    @Test func damageInWhatTookTheirPlaceIsDamage() throws {
        let disk = SimulatedFileSystem()
        let engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        try Self.sync(engine)
        // As of now, and stale at the power cut.
        let position = try #require(disk.contents(of: SpecimenLog.path.appending("POSITION")))
        let start = try engine.requireWriter().appender.writtenPosition
        try Self.put(engine, "key", 2)
        try Self.sync(engine)
        try Self.step(engine)
        try Self.sync(engine)
        try Self.step(engine)
        #expect(Self.values(disk).count == 1)
        let image = disk.crashImage(.syncedOnly, boot: .another)
        engine.abandon()
        image.setContents(position, of: SpecimenLog.path.appending("POSITION"))
        let whole = image.copy()
        let segment = SpecimenLog.path.appending(SegmentName(start.segment, .log).fileName)
        #expect(image.flipBit(Int(start.offset) * 8 + 300, of: segment))
        let error = #expect(throws: CheckpointLogError.self) { try Self.open(image) }
        #expect(error?.code == .damaged)
        // Undamaged, the second is there, whatever POSITION says.
        let again = try Self.open(whole)
        #expect(try Self.number(again, "key") == 2)
        try again.close()
    }

    /// At every call, power cut: what is found is a value that was taken, at least the newest that was synced.
    @Test func noPowerCutMakesALossOfIt() throws {
        var call = 0
        while true {
            let disk = SimulatedFileSystem()
            var synced = 0
            disk.cutPower(atCall: call)
            do {
                var engine = try Self.open(disk)
                for number in 1...8 {
                    try Self.put(engine, "key", number)
                    if number == 4 { _ = try engine.requireWriter().maintenance.compact(fully: true) }
                    if number % 2 == 0 { try Self.sync(engine) }
                    try Self.step(engine)
                    if !disk.isPowerCut, number % 2 == 0 { synced = number }
                    if number == 6 {
                        try engine.close()
                        engine = try Self.open(disk)
                    }
                }
                try engine.close()
                if !disk.isPowerCut { synced = 8 }
            } catch {}
            let isOver = !disk.isPowerCut
            for (kind, boot) in [
                (CrashImageKind.syncedOnly, CrashBoot.another), (.everything, .same), (.random(UInt64(call)), .another),
            ] {
                let image = disk.crashImage(kind, boot: boot)
                let label = "call \(call), \(kind)"
                do {
                    let engine = try Self.open(image)
                    let found = try Self.number(engine, "key") ?? 0
                    #expect(found >= synced && found <= 8, "\(label): \(found), synced \(synced)")
                    try engine.close()
                    // With room for more versions than the log was written with, none comes back without its file.
                    let many = try Self.open(image, keep: 10)
                    for version in try many.versions(RecordQuery(key: "key", level: 1)) {
                        let bytes = unsafe try many.withContent(level: 1, key: "key", number: version.number) {
                            unsafe Array($1)
                        }
                        #expect(bytes.flatMap(PowerLossTests.number) != nil, "\(label): \(version.number)")
                    }
                    try many.close()
                } catch {
                    Issue.record("\(label): \(error)")
                }
            }
            if isOver { break }
            call += 1
        }
        #expect(call > 150)
    }

    // MARK: For ever

    /// A retention that is raised later brings back the references that still stand there, and none of a freed value.
    @Test func aGreaterRetentionDoesNotBringThemBack() async throws {
        let disk = SimulatedFileSystem()
        var engine = try Self.open(disk)
        for number in 1...5 {
            try Self.put(engine, "key", number)
            try Self.sync(engine)
        }
        try engine.close()
        #expect(Self.values(disk).count == 1)
        for keepsSnapshot in [true, false] {
            if !keepsSnapshot { disk.removeFile(SpecimenLog.path.appending("SNAPSHOT")) }
            engine = try Self.open(disk, keep: 10)
            #expect(try Self.versionCount(engine, "key") == 1)
            #expect(try Self.number(engine, "key") == 5)
            try engine.close()
        }
        engine = try Self.open(disk, keep: 10)
        for number in 6...7 { try Self.put(engine, "key", number) }
        try engine.close()
        #expect(Self.values(disk).count == 3)
        #expect(await Self.findings(disk).isEmpty)
        // And less again: a snapshot of more is not used.
        engine = try Self.open(disk)
        try engine.close()
        #expect(Self.values(disk).count == 1)
        #expect(await Self.findings(disk).isEmpty)
    }

    /// The frame that says it goes no earlier than the last reference, and then it goes.
    @Test func compactionKeepsWhatIsStillNeeded() async throws {
        let disk = SimulatedFileSystem()
        var engine = try Self.open(disk)
        // References that stay where they are, for their segment is nearly all live.
        for number in 1...3 { try Self.put(engine, "key", number) }
        for number in 0..<16 { try Self.put(engine, "ballast \(number)", number, count: 4_000) }
        let first = try engine.requireWriter().appender.activeSegment.name.identifier
        // The frames that say that they are freed, among what dies.
        for number in 0..<40 { try Self.put(engine, "other", number, count: 3_000) }
        try engine.close()
        engine = try Self.open(disk)
        for _ in 0..<3 { _ = try engine.requireWriter().maintenance.compact(fully: true) }
        let places = engine.catalog.values.freedFrames
        #expect(places.count == 2 && places.allSatisfy { $0.segment > first })
        try engine.close()
        disk.removeFile(SpecimenLog.path.appending("SNAPSHOT"))
        engine = try Self.open(disk, keep: 10)
        #expect(try Self.versionCount(engine, "key") == 1)
        #expect(try Self.number(engine, "key") == 3)
        try engine.close()
        #expect(await Self.findings(disk).isEmpty)
    }

    @Test func withoutAFrameAMissingFileIsDamage() async throws {
        let disk = SimulatedFileSystem()
        let engine = try Self.open(disk, keep: 2)
        for number in 1...2 { try Self.put(engine, "key", number) }
        try engine.close()
        let first = try #require(Self.values(disk).first)
        disk.removeFile(SpecimenLog.path.appending(SegmentName(first, .value).fileName))
        let report = await LogVerifier(
            directory: SpecimenLog.path, level: .deep, fileSystem: disk
        ).verify()
        #expect(report.findings.contains { $0.kind == "the file of a large value is missing" && !$0.isHarmless })
        let again = try Self.open(disk, keep: 2)
        #expect(try Self.versionCount(again, "key") == 2)
        try again.close()
    }

    /// A crash between the frame and the removal, or a directory entry that came back.
    @Test func aFileThatIsStillThereIsAnOrphan() async throws {
        let disk = SimulatedFileSystem()
        var engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        let first = SpecimenLog.path.appending(SegmentName(try #require(Self.values(disk).first), .value).fileName)
        let bytes = try #require(disk.contents(of: first))
        try Self.put(engine, "key", 2)
        try engine.close()
        #expect(disk.contents(of: first) == nil)
        disk.setContents(bytes, of: first)
        #expect(await Self.findings(disk).isEmpty)
        engine = try Self.open(disk)
        #expect(engine.report.orphans == [first.lastComponent?.string ?? ""])
        try engine.close()
        #expect(disk.contents(of: first) == nil)
    }

    /// A reader that was told to keep more goes by the log, and has no reference whose file may go.
    @Test func aReaderGoesByTheLog() throws {
        let disk = SimulatedFileSystem()
        let engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        let reader = try LogEngine.openForReading(
            at: SpecimenLog.path, Self.configuration(disk, keep: 10), isSalvage: false)
        try Self.put(engine, "key", 2)
        try reader.refresh()
        #expect(try Self.versionCount(reader, "key") == 1)
        try engine.requireWriter().maintenance.values.finish()
        #expect(Self.values(disk).count == 1)
        try reader.refresh()
        #expect(try Self.versionCount(reader, "key") == 1)
        #expect(try Self.number(reader, "key") == 2)
        try reader.close()
        try engine.close()
    }

    // MARK: All that large values come by

    static func files(_ directory: TemporaryDirectory) throws -> Int {
        try POSIXFileSystem.shared.entries(of: directory.path.appending("log"))
            .count { $0.name.hasSuffix(".val") }
    }

    static func openReal(_ directory: TemporaryDirectory, _ change: (inout Configuration) -> Void = { _ in })
        async throws -> CheckpointLog
    {
        var configuration = Configuration()
        configuration.largeValueByteCount = 64 << 10
        configuration.segmentByteLimit = 1 << 20
        change(&configuration)
        return try await CheckpointLog.open(
            at: directory.path.appending("log").string, configuration: configuration)
    }

    static let field = (0..<16_384).map { Double($0).squareRoot() }

    /// Never more than what is live, the one being written, and one on its way out.
    @Test func syncedValuesAreFreedAsOthersTakeTheirPlace() async throws {
        let directory = try TemporaryDirectory()
        let log = try await Self.openReal(directory)
        for number in 0..<60 {
            try await log.checkpoint(Self.field + [Double(number)], for: "field", level: 2)
            // Two are kept.
            #expect(try Self.files(directory) <= 4, "after \(number)")
        }
        #expect(log.statistics.amplification < 2.5)
        try await log.compact()
        #expect(try Self.files(directory) == 2)
        #expect(log.statistics.valueByteCount == log.statistics.liveValueByteCount)
        try await log.close()
        #expect(try Self.files(directory) == 2)
    }

    @Test func valuesOfGroupsAndSavesAndRemovedKeysAreFreed() async throws {
        let directory = try TemporaryDirectory()
        let log = try await Self.openReal(directory) { $0.levels[3] = LevelPolicy(durability: .memory) }
        for number in 0..<20 {
            try await log.commit("pair", level: 2) { group in
                try group.put(Self.field + [Double(number)], for: "left")
                try group.put(Self.field + [Double(-number)], for: "right")
            }
            try await log.checkpoint(Self.field + [Double(number)], for: "kept", level: 3)
            try await log.save()
        }
        try await log.compact()
        // Two versions of each member, and the one that was saved.
        #expect(try Self.files(directory) == 5)
        try await log.removeCheckpoint(for: "kept", level: 3)
        try await log.removeAllCheckpoints(level: 2)
        try await log.compact()
        #expect(try Self.files(directory) == 0)
        try await log.close()
    }

    /// A member that a later checkpoint of its key has taken the place of lives on in its group.
    @Test func valuesOfGroupsStayWithThem() throws {
        let disk = SimulatedFileSystem()
        var engine = try Self.open(disk)
        let members = ["left", "right"].map {
            (CheckpointKey($0), PowerLossTests.bytes(1, count: 6_000), FrameHeader.Flags.raw)
        }
        _ = try engine.appendGroup("pair", members, Level(validating: 1))
        for number in 2...4 { try Self.put(engine, "left", number) }
        for _ in 0..<2 {
            try engine.requireWriter().maintenance.values.finish()
            // Two of the group, and the newest.
            #expect(Self.values(disk).count == 3)
            #expect(try Self.number(engine, "left") == 4)
            let name = try engine.hash(of: "pair", level: 1, origin: .own, space: .group)
            let group = try #require(engine.catalog.groups.group(name))
            for member in group.members {
                let bytes = try engine.frames.header(at: member.location)
                #expect(bytes.header.kind == .reference)
            }
            try engine.close()
            engine = try Self.open(disk)
        }
        // Without the group they are dead.
        _ = try engine.appendRemoval(of: "right", Level(validating: 1))
        try engine.close()
        #expect(Self.values(disk).count == 1)
    }

    /// Where nothing syncs by itself, the log does for the dead ones' sake.
    @Test func writtenValuesAreFreedToo() async throws {
        let directory = try TemporaryDirectory()
        let log = try await Self.openReal(directory)
        var generator = SeededGenerator(seed: 23)
        let noise = generator.bytes(8 << 20)
        for number in 0..<30 {
            try await log.checkpoint(bytes: noise + [UInt8(number)], for: "field")
            // 64 MiB that wait, one that is live, one that is written, and two for what is under way.
            #expect(try Self.files(directory) <= 8 + 4, "after \(number)")
        }
        try await log.close()
        #expect(try Self.files(directory) == 1)
    }
}
