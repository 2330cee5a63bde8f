import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What was acknowledged as durable is on the disk, each thing by itself: nothing that comes later may have to help.
@Suite struct DurabilityTests {
    let disk = SimulatedFileSystem(seed: 16)

    static func open(_ disk: SimulatedFileSystem) throws -> LogEngine {
        var configuration = SpecimenLog.configuration(disk)
        configuration.snapshotByteCount = .max
        return try LogEngine.open(at: SpecimenLog.path, configuration)
    }

    static func put(_ engine: LogEngine, _ key: String, _ number: Int, count: Int = 200) throws {
        let bytes = PowerLossTests.bytes(number, count: count)
        _ = try engine.append(bytes, PowerLossTests.content(), key: CheckpointKey(key))
    }

    static func group(_ engine: LogEngine, _ number: Int, count: Int) throws {
        let members = ["left", "right"].map {
            (CheckpointKey($0), PowerLossTests.bytes(number, count: count), FrameHeader.Flags.raw)
        }
        _ = try engine.appendGroup("pair", members, Level(validating: 1))
    }

    static func number(_ engine: LogEngine, _ key: String) throws -> Int? {
        unsafe try engine.withContent(level: 1, key: CheckpointKey(key)) { unsafe Array($1) }
            .flatMap(PowerLossTests.number)
    }

    /// The disk after a power cut that nothing survives but what was synced.
    func reopened() throws -> LogEngine { try Self.open(disk.crashImage(.syncedOnly, boot: .another)) }

    @Test func aSyncMakesDurableWhatWasAppended() throws {
        var last = SequenceNumber(rawValue: 0)
        for opening in 1...3 {
            let engine = try Self.open(disk)
            try Self.put(engine, "key", opening)
            let writer = try engine.requireWriter()
            // Of two records with one number an opening takes the one that it reads first.
            #expect(writer.appender.lastSequenceNumber > last, "opening \(opening)")
            last = writer.appender.lastSequenceNumber
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            let after = try reopened()
            #expect(try Self.number(after, "key") == opening, "opening \(opening)")
            after.abandon()
            engine.abandon()
        }
    }

    @Test func aSealedSegmentIsDurable() throws {
        let engine = try Self.open(disk)
        for number in 1...40 { try Self.put(engine, "key \(number % 3)", number, count: 2_000) }
        #expect(try engine.requireWriter().manifest.current.segments.count == 1)
        let after = try reopened()
        #expect(after.report.segmentCount == 1)
        #expect(try Self.number(after, "key 1") ?? 0 > 20)
        after.abandon()
        engine.abandon()
    }

    /// Values and batches over `largeValueByteCount` have files of their own, which are synced before they count.
    @Test func largeValuesAndBatchesAreDurableWithWhatCommitsThem() throws {
        let engine = try Self.open(disk)
        try Self.put(engine, "large", 1, count: 9_000)
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        try Self.group(engine, 2, count: 3_000)
        let after = try reopened()
        #expect(try Self.number(after, "large") == 1)
        #expect(try Self.number(after, "left") == 2 && Self.number(after, "right") == 2)
        after.abandon()
        engine.abandon()
    }

    /// A batch that the manifest commits does not wait for a sync of the chain; what was written before it must not be
    /// lost alone.
    @Test func aBatchOfItsOwnTakesAlongWhatWasWrittenBefore() throws {
        let engine = try Self.open(disk)
        try Self.put(engine, "before", 1)
        try Self.group(engine, 2, count: 3_000)
        let after = try reopened()
        #expect(try Self.number(after, "left") == 2)
        #expect(try Self.number(after, "before") == 1)
        after.abandon()
        engine.abandon()
    }

    /// POSITION may reach the disk by itself at any moment, and the process may die between any two calls.
    @Test func aPositionIsStatedAfterTheFactAndABatchIsWhole() throws {
        let engine = try Self.open(disk)
        let images = Lock<[SimulatedFileSystem]>([])
        let position = SpecimenLog.path.appending("POSITION")
        disk.observe { [disk] _ in
            let killed = disk.crashImage(boot: .same)
            let cut = disk.crashImage(.syncedOnly, boot: .another)
            cut.setContents(disk.contents(of: position) ?? [], of: position)
            images.withLock { $0 += [killed, cut] }
        }
        for number in 1...3 {
            try Self.put(engine, "key", number)
            try Self.group(engine, number, count: 200)
            let writer = try engine.requireWriter()
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        }
        disk.observe(nil)
        engine.abandon()
        let seen = images.withLock { $0 }
        #expect(seen.count > 40)
        for (index, image) in seen.enumerated() {
            #expect(throws: Never.self, "image \(index)") {
                let engine = try Self.open(image)
                #expect(try Self.number(engine, "left") == Self.number(engine, "right"), "image \(index)")
                engine.abandon()
            }
        }
    }

    /// After a kill a hole in what was written last is damage, be it a record's or a batch's.
    @Test(arguments: [false, true]) func whatWasWrittenLastIsNoTornTailAfterAKill(isBatch: Bool) throws {
        let engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        if isBatch { try Self.group(engine, 2, count: 200) } else { try Self.put(engine, "key", 2) }
        let end = try engine.requireWriter().appender.writtenPosition
        let image = disk.crashImage(boot: .same)
        engine.abandon()
        let path = SpecimenLog.path.appending(SegmentName(end.segment, .log).fileName)
        #expect(image.flipBit((Int(end.offset) - 40) * 8, of: path))
        let error = #expect(throws: CheckpointLogError.self) { try Self.open(image).abandon() }
        #expect(error?.code == .damaged)
    }

    /// Some 50 ms after the last sync, a frame promises what that sync made durable, and is synced itself.
    @Test func aQuietLogPromisesWhatWasSyncedLast() throws {
        var configuration = SpecimenLog.configuration(disk)
        configuration.runsInline = false
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        let syncCount = Lock(0)
        disk.observe { call in
            guard call.operation == .sync, call.path.string.hasSuffix(".log") else { return }
            syncCount.withLock { $0 += 1 }
            syncCount.wakeAll()
        }
        try Self.put(engine, "key", 1)
        let writer = try engine.requireWriter()
        let end = writer.appender.writtenPosition
        try writer.sync.waitUntilSynced(end)
        #expect(syncCount.wait(atMost: 10_000_000_000) { $0 == 2 ? () : nil } != nil)
        disk.observe(nil)
        engine.abandon()
        let image = disk.crashImage(.syncedOnly, boot: .another)
        image.removeFile(SpecimenLog.path.appending("POSITION"))
        image.flipBit(
            (Int(end.offset) - 40) * 8, of: SpecimenLog.path.appending(SegmentName(end.segment, .log).fileName))
        let error = #expect(throws: CheckpointLogError.self) { try Self.open(image).abandon() }
        #expect(error?.code == .damaged)
    }
}
