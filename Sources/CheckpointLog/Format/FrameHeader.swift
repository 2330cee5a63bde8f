/// The 64 fixed bytes at the start of a frame. FORMAT.md, "Frames".
package struct FrameHeader: Sendable, Equatable {
    package static let byteCount = 64

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The sequence number was taken before the frame was appended; the append number is later.
        package static let late = Flags(rawValue: 1)
        /// The frame belongs to the same batch as the next one: neither counts without the other.
        package static let batchContinues = Flags(rawValue: 2)
        /// The content is the caller's bytes, unchanged, and not CBOR.
        package static let raw = Flags(rawValue: 4)
        /// The content is an array that holds the several values of one checkpoint.
        package static let severalValues = Flags(rawValue: 8)

        /// Of a reference: its value was not known to be synced when the reference was appended.
        package static let unsynced = Flags(rawValue: 16)

        /// The version is one that its level keeps at an interval, in addition to the newest ones.
        package static let marked = Flags(rawValue: 32)

        package static let known: Flags = [.late, .batchContinues, .raw, .severalValues, .unsynced, .marked]
    }

    package var crc: UInt32 = 0
    package var kind: RecordKind
    package var flags: Flags = []
    package var level: UInt8 = 0
    package var compression: CompressionMethod = .none
    package var storedByteCount = 0
    package var contentByteCount = 0
    package var payloadCRC = Checksum.mask(0)
    package var contentCRC = Checksum.mask(0)
    package var sequenceNumber = SequenceNumber(rawValue: 0)
    package var appendNumber = SequenceNumber(rawValue: 0)
    /// Microseconds since 1970-01-01 UTC.
    package var timestamp: Int64 = 0
    package var promise: LogPosition?
    package var keyByteCount = 0
    package var originByteCount = 0
    package var metadataByteCount = 0
    /// The version's place among those of its key, at levels that keep some at an interval; 0 if nobody counts them.
    package var ordinal: UInt32 = 0

    package init(kind: RecordKind) {
        self.kind = kind
    }

    /// Bytes before the payload.
    package var prefixByteCount: Int { Self.byteCount + keyByteCount + originByteCount + metadataByteCount }

    /// Bytes of the whole frame, padding included.
    package var frameByteCount: Int { (prefixByteCount + storedByteCount + 7) & ~7 }

    /// Whether a reader accepts these lengths and fields. Writers ask this of each frame before they write a byte of
    /// it: a frame that no reader accepts would make everything after it unreadable, acknowledged records too.
    ///
    /// - Throws: `.invalidArgument`.
    package func requireReadable() throws {
        guard keyByteCount <= FrameDecoder.keyByteLimit, originByteCount <= FrameDecoder.originByteLimit,
            metadataByteCount <= (kind.hasMetadata ? FrameDecoder.metadataByteLimit : 0),
            storedByteCount <= FrameDecoder.payloadByteLimit, contentByteCount <= FrameDecoder.payloadByteLimit,
            kind.hasKey == (keyByteCount > 0), kind.hasKey ? level > 0 : originByteCount == 0
        else { throw unreadable }
    }

    private var unreadable: CheckpointLogError {
        let lengths = [
            ("The key", keyByteCount, FrameDecoder.keyByteLimit),
            ("The origin", originByteCount, kind.hasKey ? FrameDecoder.originByteLimit : 0),
            ("The metadata", metadataByteCount, kind.hasMetadata ? FrameDecoder.metadataByteLimit : 0),
            ("A part of a value", storedByteCount, FrameDecoder.payloadByteLimit),
            ("A part of a value", contentByteCount, FrameDecoder.payloadByteLimit),
        ]
        for (what, byteCount, limit) in lengths where byteCount > limit {
            return .overLimit(what, byteCount: byteCount, limit: limit)
        }
        return CheckpointLogError(
            code: .invalidArgument, message: "A record of this kind has no such key or level; nothing was written.")
    }

    /// Writes everything except the checksum, which also covers key, origin and metadata.
    package func write(to bytes: UnsafeMutableRawBufferPointer) {
        bytes.set(UInt32(0), at: 0)
        bytes.set(kind.rawValue, at: 4)
        bytes.set(flags.rawValue, at: 5)
        bytes.set(level, at: 6)
        bytes.set(compression.rawValue, at: 7)
        // These fields have three bytes. Each is written as four, and the next field then overwrites the fourth.
        bytes.set(UInt32(storedByteCount), at: 8)
        bytes.set(UInt32(contentByteCount), at: 11)
        bytes.set(UInt16(metadataByteCount), at: 14)
        bytes.set(payloadCRC, at: 16)
        bytes.set(contentCRC, at: 20)
        bytes.set(sequenceNumber.rawValue, at: 24)
        bytes.set(appendNumber.rawValue, at: 32)
        bytes.set(timestamp, at: 40)
        bytes.set(promise?.word ?? 0, at: 48)
        bytes.set(UInt16(keyByteCount), at: 56)
        bytes.set(UInt16(originByteCount), at: 58)
        bytes.set(ordinal, at: 60)
    }
}

/// The start value of a header's checksum. It depends on log, segment and place, so that a frame that was moved never
/// verifies.
package struct FrameSeed: Sendable, Equatable {
    private let crc: UInt32

    package init(log: LogIdentifier, segment: SegmentNumber) {
        var words = (log.high.littleEndian, log.low.littleEndian, UInt64(segment.rawValue).littleEndian)
        crc = unsafe withUnsafeBytes(of: &words) { unsafe Checksum.extend(0, $0) }
    }

    /// The checksum of header, key, origin and metadata, which are in `prefix` and begin at `offset` of the segment.
    package func checksum(of prefix: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        var place = UInt64(offset).littleEndian
        let seeded = unsafe withUnsafeBytes(of: &place) { unsafe Checksum.extend(crc, $0) }
        return Checksum.mask(unsafe Checksum.extend(seeded, UnsafeRawBufferPointer(rebasing: prefix[4...])))
    }
}
