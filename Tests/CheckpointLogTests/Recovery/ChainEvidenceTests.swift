import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What a chain tells where POSITION does not: evidence that was lost is no evidence of a power cut.
@Suite struct ChainEvidenceTests {
    static let position = SpecimenLog.path.appending(FileName.position)

    static func path(_ segment: SegmentNumber) -> FilePath {
        SpecimenLog.path.appending(SegmentName(segment, .log).fileName)
    }

    /// Three segments of which nothing is sealed, and nothing was ever synced.
    static func unsynced() throws -> (disk: SimulatedFileSystem, engine: LogEngine) {
        let disk = SimulatedFileSystem(seed: 18)
        let engine = try DurabilityTests.open(disk)
        for number in 0..<ChainTests.count { try ChainTests.append(engine, number) }
        #expect(try engine.requireWriter().appender.unsealedCount == 2)
        return (disk, engine)
    }

    /// By a writer, by a reader, and by the verifier's own code.
    static func expectDamage(_ image: SimulatedFileSystem, of segment: SegmentNumber, _ label: String) throws {
        let report = VerificationAgreementTests.verify(image)
        let name = SegmentName(segment, .log).fileName
        #expect(report.exitCode == 3, "\(label): \(report.findings)")
        #expect(report.findings.contains { $0.file == name && !$0.lost.isEmpty }, "\(label): \(report.findings)")
        let reading = #expect(throws: CheckpointLogError.self, "\(label)") {
            try LogEngine.openForReading(
                at: SpecimenLog.path, SpecimenLog.configuration(image.copy()), isSalvage: false
            ).abandon()
        }
        let writing = #expect(throws: CheckpointLogError.self, "\(label)") { _ = try ChainTests.numbers(image) }
        for error in [reading, writing] {
            #expect(error?.code == .damaged && error?.lost.isEmpty == false, "\(label): \(String(describing: error))")
            #expect(error?.location?.path == path(segment).string, "\(label): \(String(describing: error))")
        }
    }

    @Test(arguments: [CrashBoot.same, .another], [true, false])
    func aSegmentThatAnotherFollowsIsMissed(boot: CrashBoot, withPosition: Bool) throws {
        let (disk, engine) = try Self.unsynced()
        defer { engine.abandon() }
        for segment: SegmentNumber in [1, 2] {
            let image = disk.crashImage(.everything, boot: boot)
            image.removeFile(Self.path(segment))
            if !withPosition { image.removeFile(Self.position) }
            try Self.expectDamage(image, of: segment, "segment \(segment)")
        }
    }

    /// Of two segments that follow the same one, one was never gone on in.
    @Test func aSegmentThatFollowsAnotherThanTheOneBeforeItIsNotOfTheChain() throws {
        let (disk, engine) = try Self.unsynced()
        defer { engine.abandon() }
        let image = disk.crashImage(.everything, boot: .another)
        let whole = try ChainTests.numbers(image.copy())
        var bytes = try #require(image.contents(of: Self.path(3)))
        let identifier = engine.identity.identifier
        var header = try #require(try SegmentHeader(Array(bytes.prefix(128)), of: identifier, path: ""))
        #expect(header.previous == 2)
        header.previous = 1
        bytes.replaceSubrange(..<128, with: header.bytes)
        image.setContents(bytes, of: Self.path(3))
        let kept = try ChainTests.numbers(image)
        #expect(kept.count > 25 && kept.count < whole.count - 5 && kept == Array(whole.prefix(kept.count)))
    }

    /// It is there, synced, before the first frame is.
    @Test(arguments: ["missing", "empty", "another's", "without positions"])
    func framesBehindTheEndAreDamageWithoutAPosition(position: String) throws {
        let (disk, engine) = try Self.unsynced()
        defer { engine.abandon() }
        let image = disk.crashImage(.everything, boot: .another)
        let place = try #require(image.contents(of: Self.path(1))).count / 3
        image.flipBit(place * 8, of: Self.path(1))
        let bytes = try #require(image.contents(of: Self.position))
        // With a position, nothing was promised that the cut takes.
        let cut = image.copy()
        #expect(try (5..<20).contains(ChainTests.numbers(cut).count))
        switch position {
        case "missing": image.removeFile(Self.position)
        case "empty": image.setContents([], of: Self.position)
        case "another's": image.flipBit(20 * 8, of: Self.position)
        default: image.setContents(bytes.prefix(128) + [UInt8](repeating: 0, count: 3_968), of: Self.position)
        }
        try Self.expectDamage(image, of: 1, position)
    }

    /// Also where the end itself is plain: zeros with whole segments after them, or a segment without its header.
    @Test func framesInLaterSegmentsAreDamageWithoutAPosition() throws {
        let (disk, engine) = try Self.unsynced()
        defer { engine.abandon() }
        let image = disk.crashImage(.everything, boot: .another)
        image.removeFile(Self.position)
        let bytes = try #require(image.contents(of: Self.path(1)))
        var offsets: [Int] = []
        let file = try image.openFile(Self.path(1), .read)
        var scanner = SegmentScanner(file, seed: engine.identity.seed(of: 1), end: bytes.count)
        _ = try scanner.scan {
            offsets.append($0.offset)
        }
        let end = offsets[offsets.count / 2]
        let zeros = image.copy()
        zeros.setContents(bytes.prefix(end) + [UInt8](repeating: 0, count: bytes.count - end), of: Self.path(1))
        try Self.expectDamage(zeros, of: 1, "zeros")
        for segment: SegmentNumber in [1, 2, 3] {
            let headless = image.copy()
            headless.flipBit(100, of: Self.path(segment))
            try Self.expectDamage(headless, of: segment, "without the header of \(segment)")
        }
    }

    /// One wrong word of 256 passes its check bits: what no writer can have stated is no position, and makes no sound
    /// log damaged.
    @Test(arguments: [
        LogPosition(segment: 4_000_000, offset: 128), LogPosition(segment: 3, offset: 100 << 20),
        LogPosition(segment: 3, offset: 64),
    ])
    func impossiblePositionsAreNoPositions(position: LogPosition) throws {
        let (disk, engine) = try ChainTests.chain()
        defer { engine.abandon() }
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        for boot in [CrashBoot.same, .another] {
            for offset in [128, 192] {
                let image = disk.crashImage(.everything, boot: boot)
                var bytes = try #require(image.contents(of: Self.position))
                for index in 0..<8 {
                    bytes[offset + index] = UInt8(truncatingIfNeeded: position.word >> UInt64(8 * index))
                }
                image.setContents(bytes, of: Self.position)
                let report = VerificationAgreementTests.verify(image)
                #expect(report.findings.map(\.severity) == [.rebuildable], "\(boot), \(offset): \(report.findings)")
                #expect(try ChainTests.numbers(image) == Array(0..<ChainTests.count), "\(boot), \(offset)")
            }
        }
    }

    // MARK: Removals that a power cut meets

    /// Cuts the power at every call that `body` makes to change the disk, and after the last, and opens what each cut
    /// can leave.
    private static func expectSound(
        _ disk: SimulatedFileSystem, _ label: String, _ body: (SimulatedFileSystem) throws -> Void
    ) throws {
        let whole = disk.copy()
        try body(whole)
        // A copy counts its own calls.
        let calls = whole.mutatingCallCount
        try #require(calls > 2, "\(label)")
        for call in 1...calls + 1 {
            let cut = disk.copy()
            cut.cutPower(atCall: call)
            try? body(cut)
            // All removals are in the last: a header that was not synced and a name that was are kept together in one
            // image of many.
            for seed in 0..<(call > calls ? 256 : takesSamples ? 8 : 24) {
                let image = cut.crashImage(.random(UInt64(seed)), boot: .another)
                let report = VerificationAgreementTests.verify(image)
                #expect(report.exitCode < 3, "\(label), call \(call), image \(seed): \(report.findings)")
                do {
                    try DurabilityTests.open(image).abandon()
                } catch {
                    Issue.record("\(label), call \(call), image \(seed): \(error)")
                }
            }
        }
    }

    /// A closing removes the segment that was prepared, and the one before it when that is empty.
    @Test func aClosingLeavesNoSegmentWithoutThePredecessorItNames() throws {
        let disk = SimulatedFileSystem(seed: 19)
        let first = try DurabilityTests.open(disk)
        try DurabilityTests.put(first, "key 1", 1, count: 2_000)
        try first.close()
        try Self.expectSound(disk, "closing") { disk in
            let engine = try DurabilityTests.open(disk)
            try engine.requireWriter().appender.prepareNext(early: true)
            try engine.close()
        }
    }

    /// A recovery removes all that is after the end.
    @Test func aRecoveryLeavesNoSegmentWithoutThePredecessorItNames() throws {
        let (disk, engine) = try Self.unsynced()
        defer { engine.abandon() }
        try engine.requireWriter().appender.prepareNext(early: true)
        let image = disk.crashImage(.everything, boot: .another)
        let place = try #require(image.contents(of: Self.path(1))).count / 3
        image.flipBit(place * 8, of: Self.path(1))
        try Self.expectSound(image, "recovery") { try DurabilityTests.open($0).abandon() }
    }
}
