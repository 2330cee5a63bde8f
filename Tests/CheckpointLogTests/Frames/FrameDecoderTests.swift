import CheckpointLog
import TestSupport
import Testing

/// A frame is valid if and only if FORMAT.md says so: each rule is broken alone, under a header checksum that holds.
@Suite struct FrameDecoderTests {
    static let seed = FrameSeed(log: LogIdentifier(high: 0x0123_4567_89AB_CDEF, low: 42), segment: 7)
    static let offset = 4_096
    static let key = Array("key".utf8)
    static let metadata: [UInt8] = [0xA1, 0x61, 0x61, 0x01]
    static let payload = Array("payload".utf8)

    /// A sound value frame, as its header and the bytes after it.
    static func soundHeader() -> FrameHeader {
        var header = FrameHeader(kind: .value)
        header.level = 3
        header.flags = [.raw]
        header.storedByteCount = payload.count
        header.contentByteCount = payload.count
        header.payloadCRC = Checksum.mask(Checksum.of(payload))
        header.contentCRC = header.payloadCRC
        header.sequenceNumber = SequenceNumber(epoch: 2, count: 9)
        header.appendNumber = header.sequenceNumber
        header.timestamp = 1_700_000_000_000_000
        header.promise = LogPosition(segment: 6, offset: 1_024)
        header.keyByteCount = key.count
        header.metadataByteCount = metadata.count
        return header
    }

    static func bytes(_ header: FrameHeader = soundHeader()) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        unsafe bytes.withUnsafeMutableBytes { unsafe header.write(to: $0) }
        bytes += key + metadata + payload
        bytes.pad(toMultipleOf: 8)
        return sealed(bytes)
    }

    /// The bytes with the header checksum that belongs to them at `offset`.
    static func sealed(_ bytes: [UInt8], prefixByteCount: Int? = nil) -> [UInt8] {
        var bytes = bytes
        let crc = unsafe bytes.withUnsafeBytes { buffer in
            let count = prefixByteCount ?? FrameHeader.byteCount + key.count + metadata.count
            return unsafe seed.checksum(of: UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        }
        unsafe bytes.withUnsafeMutableBytes { $0.set(crc, at: 0) }
        return bytes
    }

    /// What a reader finds wrong; nil for a frame that is valid.
    static func fault(
        _ bytes: [UInt8], at offset: Int = offset, seed: FrameSeed = seed
    ) -> FrameFault? {
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(FrameFault) {
                let header = unsafe try FrameDecoder.header(in: buffer, at: offset, seed: seed)
                unsafe try FrameDecoder.checkPayload(of: header, in: buffer)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func everyFieldComesBack() throws {
        let bytes = Self.bytes()
        let header = unsafe try bytes.withUnsafeBytes { buffer in
            unsafe try FrameDecoder.header(in: buffer, at: Self.offset, seed: Self.seed)
        }
        var expected = Self.soundHeader()
        expected.crc = header.crc
        #expect(header == expected)
        #expect(header.frameByteCount == bytes.count && header.crc != 0)
        #expect(Self.fault(bytes) == nil)
    }

    struct Break: Sendable, CustomTestStringConvertible {
        var name: String
        var expected: FrameFault
        var change: @Sendable (inout [UInt8]) -> Void
        var testDescription: String { name }

        init(_ name: String, _ expected: FrameFault, _ change: @escaping @Sendable (inout [UInt8]) -> Void) {
            self.name = name
            self.expected = expected
            self.change = change
        }

        static func set<Integer: FixedWidthInteger & BitwiseCopyable & Sendable>(
            _ name: String, _ value: Integer, at offset: Int, _ expected: FrameFault = .badField
        ) -> Break {
            Break(name, expected) { bytes in
                unsafe bytes.withUnsafeMutableBytes { $0.set(value, at: offset) }
            }
        }
    }

    static let breaks: [Break] = [
        .set("kind 0", 0 as UInt8, at: 4, .unknownKind), .set("kind 14", 14 as UInt8, at: 4, .unknownKind),
        .set("the removal of a version that is not late", 11 as UInt8, at: 4),
        .set("a kind that may be stepped over", 128 as UInt8, at: 4, .unknownKind),
        .set("an unknown flag", 0x14 as UInt8, at: 5), .set("level 0 of a value", 0 as UInt8, at: 6),
        .set("compression 3", 3 as UInt8, at: 7),
        .set("stored bytes over the limit", UInt32(2 << 20) + 1, at: 8, .overLimit),
        .set("stored bytes of 4 GiB", UInt32.max, at: 8, .overLimit),
        Break("content over the limit", .overLimit) { $0.replaceSubrange(11..<14, with: [1, 0, 0x20]) },
        .set("other content bytes without compression", 8 as UInt16, at: 11),
        .set("metadata of a removal", 3 as UInt8, at: 4),
        .set("another content checksum without compression", 1 as UInt32, at: 20),
        .set("number 0", 0 as UInt64, at: 24), .set("a later append number without flag", UInt64.max, at: 32),
        .set("a promise with wrong check bits", 0x1234_5600 as UInt64, at: 48),
        .set("marked, and not counted", 32 as UInt8, at: 5),
        Break("late without a later append number", .badField) { $0[5] |= 1 },
        Break("a roll with a key", .badField) { $0[4] = 6 },
        Break("payload", .payloadChecksum) { $0[72] ^= 1 },
        Break("padding", .padding) { $0[$0.count - 1] = 1 },
        Break("the last byte missing", .truncated) { $0.removeLast() },
        Break("half a header", .truncated) { $0.removeLast($0.count - 40) },
    ]

    @Test(arguments: breaks) func aBrokenRuleIsTold(rule: Break) {
        var bytes = Self.bytes()
        rule.change(&bytes)
        if bytes.count >= FrameHeader.byteCount + Self.key.count + Self.metadata.count {
            bytes = Self.sealed(bytes)
        }
        #expect(Self.fault(bytes) == rule.expected)
    }

    @Test func aFrameInAnotherPlaceIsNone() {
        let bytes = Self.bytes()
        #expect(Self.fault(bytes, at: Self.offset + 8) == .headerChecksum)
        let log = LogIdentifier(high: 0x0123_4567_89AB_CDEF, low: 42)
        #expect(Self.fault(bytes, seed: FrameSeed(log: log, segment: 8)) == .headerChecksum)
        #expect(
            Self.fault(bytes, seed: FrameSeed(log: LogIdentifier(high: log.high, low: 43), segment: 7))
                == .headerChecksum)
    }

    /// No length but those of key, origin and metadata is used before the checksum holds.
    @Test func lengthsAreNotBelievedBeforeTheChecksum() {
        for (offset, value) in [(56, 1_025), (58, 1_025), (14, 4_097), (56, .max), (58, .max), (14, UInt16.max)] {
            var bytes = Self.bytes() + [UInt8](repeating: 0, count: 8_192)
            unsafe bytes.withUnsafeMutableBytes { $0.set(value, at: offset) }
            #expect(Self.fault(bytes) == .headerChecksum)
        }
        var bytes = Self.bytes()
        unsafe bytes.withUnsafeMutableBytes { $0.set(UInt32.max, at: 8) }
        #expect(Self.fault(bytes) == .headerChecksum)
    }

    @Test func everyFlippedBitIsFound() {
        let sound = Self.bytes()
        for bit in 0..<sound.count * 8 {
            var bytes = sound
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Self.fault(bytes) != nil, "bit \(bit)")
        }
    }

    @Test func lateAndKeylessFramesAreValid() {
        var late = Self.soundHeader()
        late.flags.insert(.late)
        late.appendNumber = SequenceNumber(epoch: 2, count: 10)
        #expect(Self.fault(Self.bytes(late)) == nil)
        for kind in [RecordKind.roll, .promise, .removalOfAll] {
            var header = FrameHeader(kind: kind)
            header.sequenceNumber = SequenceNumber(epoch: 1, count: 1)
            header.appendNumber = header.sequenceNumber
            var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
            unsafe bytes.withUnsafeMutableBytes { unsafe header.write(to: $0) }
            #expect(Self.fault(Self.sealed(bytes, prefixByteCount: FrameHeader.byteCount)) == nil, "\(kind)")
        }
    }

    /// A payload whose checksum holds can still not be what it says: a bomb, or other content.
    @Test(arguments: [CompressionMethod.lz4, .zlib]) func contentIsBelievedAtExactlyItsLength(method: CompressionMethod)
        throws
    {
        let content = [UInt8](repeating: 9, count: 5_000)
        var stored = [UInt8](repeating: 0, count: 5_000)
        let count = try #require(
            unsafe content.withUnsafeBytes { source in
                unsafe stored.withUnsafeMutableBytes { target in
                    unsafe Compression.compress(source, into: target, method: method)
                }
            })
        stored.removeLast(stored.count - count)
        for (length, crc, expected) in [
            (5_000, Checksum.of(content), nil), (4_999, Checksum.of(content), FrameFault.decompression),
            (5_001, Checksum.of(content), .decompression), (2 << 20, Checksum.of(content), .decompression),
            (5_000, 7, .contentChecksum),
        ] {
            var header = Self.soundHeader()
            header.compression = method
            header.storedByteCount = count
            header.contentByteCount = length
            header.contentCRC = Checksum.mask(crc)
            let frame = [UInt8](repeating: 0, count: header.prefixByteCount) + stored
            var fault: FrameFault?
            do {
                let found = unsafe try frame.withUnsafeBytes { bytes in
                    unsafe try FrameDecoder.withContent(of: header, in: bytes) { unsafe Array($0) }
                }
                #expect(found == content)
            } catch {
                fault = error as? FrameFault
            }
            #expect(fault == expected, "\(length)")
        }
    }
}
