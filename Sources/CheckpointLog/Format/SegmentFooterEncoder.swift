/// What the manifest says of the frames that a footer lists.
package struct FrameSummary: Sendable, Equatable {
    package var frameCount = 0
    /// The smallest number of a record; `UInt64.max` if there is none.
    package var lowestSequenceNumber = SequenceNumber(rawValue: .max)
    package var highestSequenceNumber = SequenceNumber(rawValue: 0)
    package var newestTimestamp: Int64?

    package init() {}

    package mutating func note(_ entry: SegmentFooter.Entry) {
        frameCount += 1
        if entry.kind.isRecord { lowestSequenceNumber = min(lowestSequenceNumber, entry.sequenceNumber) }
        highestSequenceNumber = max(highestSequenceNumber, entry.sequenceNumber, entry.appendNumber)
        newestTimestamp = max(newestTimestamp ?? entry.timestamp, entry.timestamp)
    }
}

/// A footer as it stands in the file, and what the manifest says of its frames.
package struct EncodedFooter: Sendable, Equatable {
    /// The entries, padded to 8 bytes.
    package var bytes: [UInt8]
    package var summary: FrameSummary
}

/// Encodes a footer frame by frame. FORMAT.md, "Footer and trailer".
package struct SegmentFooterEncoder {
    private var summary = FrameSummary()
    private var bytes: [UInt8] = []
    private var sequence: UInt64 = 0
    private var timestamp: Int64 = 0

    package init() {}

    /// Adds a frame. Its key and origin are the arguments, not those of the entry.
    package mutating func append(
        _ entry: SegmentFooter.Entry, key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer
    ) {
        summary.note(entry)
        bytes.append(variableLength: UInt64(entry.byteCount / 8))
        bytes.append(entry.kind.rawValue)
        bytes.append(entry.flags.rawValue)
        bytes.append(entry.level)
        bytes.append(variableLength: Self.zigzag(Int64(bitPattern: entry.sequenceNumber.rawValue &- sequence)))
        sequence = entry.sequenceNumber.rawValue
        if entry.flags.contains(.late) { bytes.append(variableLength: entry.appendNumber.rawValue &- sequence) }
        bytes.append(variableLength: Self.zigzag(entry.timestamp &- timestamp))
        timestamp = entry.timestamp
        bytes.append(littleEndian: entry.headerCRC)
        bytes.append(variableLength: UInt64(entry.contentByteCount))
        bytes.append(variableLength: UInt64(key.count))
        unsafe bytes.append(contentsOf: key)
        bytes.append(variableLength: UInt64(origin.count))
        unsafe bytes.append(contentsOf: origin)
        if entry.kind.namesValue { bytes.append(variableLength: UInt64(entry.valueSegment.rawValue)) }
        if entry.kind == .reference { bytes.append(variableLength: UInt64(entry.valueByteCount)) }
    }

    package consuming func finish() -> EncodedFooter {
        bytes.pad(toMultipleOf: 8)
        return EncodedFooter(bytes: bytes, summary: summary)
    }

    private static func zigzag(_ integer: Int64) -> UInt64 { UInt64(bitPattern: integer << 1 ^ integer >> 63) }
}
