import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A chain of several segments: full ones whose seal found no room, and the active one.
@Suite struct ChainTests {
    static let count = 70

    /// Three segments with a value under each of so many keys; nothing of it is sealed.
    static func chain() throws -> (disk: SimulatedFileSystem, engine: LogEngine) {
        let disk = SimulatedFileSystem(seed: 17)
        // A mapped store needs no room but what was reserved; a footer does.
        disk.fail(.write, where: { $0.string.hasSuffix(".log") }, with: .noSpace, once: false)
        let engine = try DurabilityTests.open(disk)
        for number in 0..<count { try DurabilityTests.put(engine, "key \(number)", number, count: 2_000) }
        #expect(try engine.requireWriter().appender.unsealedCount == 2)
        disk.removeFaults()
        return (disk, engine)
    }

    /// The numbers of the keys that a log opened for writing gives, each of which must be its key's.
    static func numbers(_ disk: SimulatedFileSystem) throws -> [Int] {
        let engine = try DurabilityTests.open(disk)
        defer { engine.abandon() }
        return try (0..<count).filter { number in
            let found = try DurabilityTests.number(engine, "key \(number)")
            #expect(found == nil || found == number)
            return found != nil
        }
    }

    @Test func aSyncCoversEverySegmentOfTheChain() throws {
        let (disk, engine) = try Self.chain()
        defer { engine.abandon() }
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        #expect(try Self.numbers(disk.crashImage(.syncedOnly, boot: .another)) == Array(0..<Self.count))
    }

    @Test(arguments: [1, 2, 3] as [SegmentNumber]) func aMissingSegmentIsDamage(segment: SegmentNumber) throws {
        let (disk, engine) = try Self.chain()
        defer { engine.abandon() }
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        for boot in [CrashBoot.same, .another] {
            try Self.expectDamage(without: segment, in: disk.crashImage(.everything, boot: boot), "\(boot)")
        }
    }

    /// The last sync ended in the second segment. The third one is there and names another than the first before it:
    /// what it says of the end of the log does not hold for what is missing.
    @Test func aSegmentMissingFromTheMiddleIsDamage() throws {
        let (disk, engine) = try Self.chain()
        defer { engine.abandon() }
        let synced = try engine.requireWriter().appender.syncedPosition
        #expect(synced.segment == 2 && synced.offset > SegmentHeader.byteCount)
        try Self.expectDamage(without: 2, in: disk.crashImage(.everything, boot: .another), "the second")
        #expect(try Self.numbers(disk.crashImage(.syncedOnly, boot: .another)).count > 25)
    }

    /// By a writer, and by the verifier's own code.
    private static func expectDamage(without segment: SegmentNumber, in image: SimulatedFileSystem, _ label: String)
        throws
    {
        let path = SpecimenLog.path.appending(SegmentName(segment, .log).fileName)
        #expect(image.removeFile(path), "\(label)")
        let report = VerificationAgreementTests.verify(image)
        #expect(report.exitCode == 3 && report.findings.contains { !$0.lost.isEmpty }, "\(label): \(report.findings)")
        let error = #expect(throws: CheckpointLogError.self, "\(label)") { _ = try numbers(image) }
        #expect(error?.code == .damaged && error?.lost.isEmpty == false, "\(label)")
    }

    /// What the cut took must not come back with a segment after it, neither at once nor after another end.
    @Test func aCutTakesEveryLaterSegmentForGood() throws {
        let disk = SimulatedFileSystem(seed: 18)
        let engine = try DurabilityTests.open(disk)
        // Past the index, so that nothing is sealed and nothing synced.
        for number in 0..<Self.count { try Self.append(engine, number) }
        #expect(try engine.requireWriter().appender.unsealedCount == 2)
        let image = disk.crashImage(.everything, boot: .another)
        engine.abandon()
        let first = SpecimenLog.path.appending(SegmentName(1, .log).fileName)
        let place = try #require(image.contents(of: first)).count / 3
        image.flipBit(place * 8, of: first)
        let kept = try Self.numbers(image)
        #expect((5..<20).contains(kept.count) && kept == Array(0..<kept.count))
        #expect(try Self.numbers(image) == kept)
        #expect(try Self.numbers(image.crashImage(.syncedOnly, boot: .another)) == kept)
    }

    static func append(_ engine: LogEngine, _ number: Int) throws {
        let appender = try engine.requireWriter().appender
        unsafe try PowerLossTests.bytes(number, count: 2_000).withUnsafeBytes { payload in
            unsafe try Array("key \(number)".utf8).withUnsafeBytes { key in
                var header = FrameHeader(kind: .value)
                header.level = 1
                header.flags = .raw
                unsafe header.setPayload(payload)
                _ = unsafe try appender.append(FrameDraft(header: header, key: key, payload: payload))
            }
        }
    }
}
