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
        for opening in 1...3 {
            let engine = try Self.open(disk)
            try Self.put(engine, "key", opening)
            let writer = try engine.requireWriter()
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
}
