import CheckpointLog
import TestSupport
import Testing

/// Segment headers, footers, trailers, manifests and positions: what is written is read, and nothing else is.
@Suite struct SegmentBytesTests {
    static let log = LogIdentifier(high: 11, low: 12)
    static let hashSecret = HashSecret(first: 13, second: 14)

    // MARK: Segment header

    static let header = SegmentHeader(
        role: .log, log: log, segment: 5, epoch: 3, previous: 4, created: 1_700_000_000_000_000, hashSecret: hashSecret)

    @Test(arguments: SegmentRole.allCases) func aSegmentHeaderComesBack(role: SegmentRole) throws {
        var header = Self.header
        header.role = role
        #expect(header.bytes.count == SegmentHeader.byteCount)
        #expect(try SegmentHeader(header.bytes, of: Self.log, path: "") == header)
        #expect(try SegmentHeader(header.bytes, of: LogIdentifier(high: 11, low: 13), path: "") == nil)
    }

    @Test func aSegmentHeaderWithAFlippedBitIsNone() throws {
        for bit in 0..<SegmentHeader.byteCount * 8 {
            let bytes = Self.flipped(Self.header.bytes, bit)
            #expect(try SegmentHeader(bytes, of: Self.log, path: "") == nil, "bit \(bit)")
        }
        for count in 0..<SegmentHeader.byteCount {
            #expect(try SegmentHeader(Array(Self.header.bytes.prefix(count)), of: Self.log, path: "") == nil)
        }
    }

    /// Fields that a sound checksum covers, at their offsets, with values that no writer of this version gives.
    @Test(arguments: [(15, 1), (14, 0), (14, 4), (52, 1), (60, 1), (68, 1), (96, 1), (127, 1)])
    func aSegmentHeaderOutsideItsLimitsIsNone(offset: Int, value: Int) throws {
        var bytes = Self.header.bytes
        bytes[offset] = UInt8(value)
        #expect(try SegmentHeader(Self.resealed(bytes), of: Self.log, path: "") == nil)
    }

    @Test func aNewerSegmentIsUnsupportedAndNotDamaged() throws {
        for (offset, part) in [(12, "version 2"), (16, "0x2")] {
            var bytes = Self.header.bytes
            bytes[offset] = 2
            Self.expectUnsupported(part) { _ = try SegmentHeader(Self.resealed(bytes), of: Self.log, path: "f") }
        }
        var bytes = Self.header.bytes
        bytes[24] = 0xFF
        #expect(try SegmentHeader(Self.resealed(bytes), of: Self.log, path: "") == Self.header, "optional features")
    }

    // MARK: Footer and trailer

    static func footer() -> SegmentFooter {
        var footer = SegmentFooter()
        var offset = SegmentHeader.byteCount
        for index in 0..<20 {
            var header = FrameHeader(kind: [.value, .removal, .promise, .reference, .removalOfAll][index % 5])
            header.level = header.kind == .promise ? 0 : UInt8(1 + index * 13 % 255)
            header.crc = UInt32(truncatingIfNeeded: index &* 0x9E37_79B9)
            header.sequenceNumber = SequenceNumber(epoch: UInt32(1 + index % 2), count: UInt32(index * 1_000 + 1))
            header.appendNumber = header.sequenceNumber
            if index == 8 {
                header.flags = [.late]
                header.appendNumber = SequenceNumber(epoch: 9, count: 1)
            }
            header.timestamp = index % 3 == 0 ? -5 : 1_700_000_000_000_000 + Int64(index)
            header.contentByteCount = index * 3
            header.storedByteCount = index * 3
            let key = header.kind.hasKey ? [UInt8](repeating: UInt8(index), count: 1 + index * 50) : []
            let origin = header.kind == .value ? Array("origin \(index)".utf8) : []
            header.keyByteCount = key.count
            header.originByteCount = origin.count
            footer.entries.append(
                SegmentFooter.Entry(
                    header, offset: offset, key: key, origin: origin,
                    value: header.kind.namesValue
                        ? ValueFile(
                            segment: SegmentNumber(.max - UInt32(index)),
                            byteCount: header.kind == .reference ? 1 << 36 : 0) : nil))
            offset += header.frameByteCount
        }
        return footer
    }

    @Test func aFooterComesBack() {
        let footer = Self.footer()
        let bytes = footer.bytes
        #expect(bytes.count % 8 == 0)
        #expect(SegmentFooter(bytes, count: 20) == footer)
        #expect(SegmentFooter([], count: 0) == SegmentFooter())
    }

    @Test func aFooterOfAnotherLengthOrCountIsNone() {
        let bytes = Self.footer().bytes
        for count in [0, 19, 21, 1 << 30, -1] { #expect(SegmentFooter(bytes, count: count) == nil, "\(count)") }
        for length in stride(from: 0, to: bytes.count, by: 8) {
            #expect(SegmentFooter(Array(bytes.prefix(length)), count: 20) == nil, "\(length)")
        }
        #expect(SegmentFooter(bytes + [UInt8](repeating: 0, count: 8), count: 20) == nil)
        var padded = bytes
        if padded.last == 0 { padded[padded.count - 1] = 1 }
        #expect(padded == bytes || SegmentFooter(padded, count: 20) == nil)
    }

    /// A footer is believed under its checksum; without one it must still not trap.
    @Test func hostileFootersAreRefusedOrRead() {
        var generator = SeededGenerator(seed: testSeed(31))
        let bytes = Self.footer().bytes
        var refusals = 0
        for _ in 0..<20_000 {
            var hostile = bytes
            for _ in 0...generator.number(below: 4) {
                hostile[generator.number(below: hostile.count)] = UInt8(truncatingIfNeeded: generator.next())
            }
            if SegmentFooter(hostile, count: 20) == nil { refusals += 1 }
        }
        #expect(refusals > 1_000)
    }

    @Test func aTrailerComesBackAndNothingElseDoes() {
        let footer = Self.footer().bytes
        let trailer = SegmentTrailer(segment: 9, footerOffset: 4_096, footer: footer, entryCount: 20)
        #expect(SegmentTrailer(trailer.bytes) == trailer)
        #expect(trailer.bytes.count == SegmentFooter.trailerByteCount)
        for bit in 0..<trailer.bytes.count * 8 { #expect(SegmentTrailer(Self.flipped(trailer.bytes, bit)) == nil) }
        for (offset, value) in [(16 + 7, 0x80), (24 + 7, 1), (32 + 7, 1), (40 + 4, 1), (63, 1)] {
            var bytes = trailer.bytes
            bytes[offset] = UInt8(value)
            #expect(SegmentTrailer(Self.resealed(bytes)) == nil, "\(offset)")
        }
    }

    // MARK: Manifest

    static func manifest(_ count: Int) -> Manifest {
        var manifest = Manifest(identifier: log, hashSecret: hashSecret)
        manifest.generation = 77
        manifest.nextEpoch = 1
        for word in 1...4 { manifest.open(as: UInt64(word)) }
        manifest.policies = [
            1: RecordedPolicy(durability: .memory, retention: .newest(1)),
            9: RecordedPolicy(durability: .synced, retention: .newest(3).andEvery(100).younger(than: .seconds(9))),
        ]
        manifest.nextSegment = 900
        manifest.lastSealed = 12
        let footer = footer()
        for number in 0..<count {
            let trailer = SegmentTrailer(
                segment: SegmentNumber(UInt32(number + 1)), footerOffset: footer.frameEnd, footer: footer.bytes,
                entryCount: 20)
            manifest.segments.append(
                Manifest.Segment(
                    name: SegmentName(SegmentNumber(UInt32(number + 1)), number % 2 == 0 ? .log : .output),
                    footer: footer,
                    trailer: trailer))
        }
        return manifest
    }

    @Test(arguments: [0, 1, 7]) func aManifestComesBack(count: Int) throws {
        let manifest = Self.manifest(count)
        #expect(manifest.bytes.count == 352 + 24 * 2 + 64 * count)
        #expect(try Manifest(manifest.bytes, path: "") == manifest)
    }

    /// Zero is no opening's word: a mark that names it would be none.
    @Test func anOpeningWithoutAWordIsNotKnown() throws {
        var bytes = Self.manifest(1).bytes
        #expect(try Manifest(bytes, path: "")?.newestOpening == Opening(epoch: 4, word: 4))
        bytes[96] = 0
        let manifest = try #require(try Manifest(Self.resealed(bytes), path: ""))
        #expect(manifest.newestOpening == nil)
        #expect(manifest.ancestry(of: Opening(epoch: 4, word: 4)) == .unknown)
        #expect(manifest.ancestry(of: Opening(epoch: 3, word: 3)) == .descends)
        #expect(manifest.ancestry(of: Opening(epoch: 3, word: 4)) == .differs)
        #expect(manifest.ancestry(of: Opening(epoch: 5, word: 4)) == .differs)
    }

    @Test func aManifestThatIsNotExactIsNone() throws {
        let bytes = Self.manifest(2).bytes
        for bit in 0..<bytes.count * 8 { #expect(try Manifest(Self.flipped(bytes, bit), path: "") == nil) }
        for count in 0..<bytes.count { #expect(try Manifest(Array(bytes.prefix(count)), path: "") == nil) }
        #expect(try Manifest(bytes + [0], path: "") == nil)
        // Twice the same segment, one more than there are, segment 0, an unknown role, a footer after the end.
        let first = 352 + 48
        var changes: [(Int, UInt8)] = [
            (first + 64, 1), (84, 3), (first, 0), (first + 4, 4), (first + 16 + 7, 1), (first + 8 + 7, 1), (92, 1),
            (14, 1),
        ]
        // A word for an opening that never was; one policy more than there are, and 256.
        changes += [(96 + 8 * 4, 1), (88, 3), (89, 1)]
        // Level 0, levels out of order, an unknown durability, reserved bytes, no version, an interval of one, an age
        // before time.
        changes += [(352, 0), (352, 10), (353, 3), (354, 1), (356, 0), (376 + 8, 1), (352 + 12, 1), (352 + 23, 0x80)]
        for (offset, value) in changes {
            var hostile = bytes
            hostile[offset] = value
            #expect(try Manifest(Self.resealed(hostile), path: "") == nil, "offset \(offset)")
        }
    }

    @Test func aNewerManifestIsUnsupportedAndNotDamaged() {
        for (offset, part) in [(12, "version 2"), (16, "0x2")] {
            var bytes = Self.manifest(1).bytes
            bytes[offset] = 2
            Self.expectUnsupported(part) { _ = try Manifest(Self.resealed(bytes), path: "f") }
        }
    }

    // MARK: Positions

    @Test func aPositionComesBackAndAFlippedBitDoesNot() {
        var generator = SeededGenerator(seed: testSeed(33))
        for _ in 0..<500 {
            let position = LogPosition(
                segment: SegmentNumber(UInt32(truncatingIfNeeded: generator.next())),
                offset: generator.number(below: LogPosition.offsetLimit / 8) * 8)
            #expect(LogPosition(word: position.word) == position)
            for bit in 0..<64 {
                #expect(LogPosition(word: position.word ^ 1 << UInt64(bit)) == nil, "\(position) \(bit)")
            }
        }
        #expect(LogPosition(word: 0) == nil)
    }

    @Test func positionsAreOrderedBySegmentFirst() {
        let positions = [(1, 128), (1, 136), (2, 0), (2, 128), (3, 8)].map { LogPosition(segment: $0, offset: $1) }
        #expect(positions.shuffled().sorted() == positions)
    }

    // MARK: Names

    @Test func onlyNamesThatTheEngineWritesAreSegments() {
        #expect(SegmentName(fileName: "0000002a.log") == SegmentName(42, .log))
        #expect(SegmentName(.max, .output).fileName == "ffffffff.out")
        let foreign = [
            "", "2a.log", "0000002A.log", "0000002a.LOG", "0000002a.log.tmp", "00000000.log", "0000002a", "0000002a.",
            "+000002a.log", "0000002a.txt", "00000002a.log", "../0000002a.log", "0000002a.log\n", "0000002٢.log",
        ]
        for name in foreign { #expect(SegmentName(fileName: name) == nil, "\(name)") }
    }

    // MARK: Helpers

    static func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
        var bytes = bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes
    }

    /// The bytes with the checksum that belongs to them, at offset 8, over all that follows it.
    static func resealed(_ bytes: [UInt8]) -> [UInt8] {
        var sealed = Array(bytes.prefix(8))
        sealed.append(littleEndian: Checksum.mask(Checksum.of(Array(bytes[12...]))))
        return sealed + bytes[12...]
    }

    static func expectUnsupported(_ part: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("it was read")
        } catch {
            let error = error as? CheckpointLogError
            #expect(error?.code == .unsupportedFormat && error?.message.contains(part) == true, "\(part)")
        }
    }
}
