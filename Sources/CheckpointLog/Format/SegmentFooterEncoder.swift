/// Encodes a footer frame by frame. FORMAT.md, "Footer and trailer".
package struct SegmentFooterEncoder {
    private var bytes: [UInt8] = []
    private var sequence: UInt64 = 0
    private var timestamp: Int64 = 0

    package init() {}

    /// Adds a frame; its key and origin are those given, not the entry's own.
    package mutating func append(
        _ entry: SegmentFooter.Entry, key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer
    ) {
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
        if entry.kind == .reference { bytes.append(variableLength: UInt64(entry.valueSegment.rawValue)) }
    }

    /// The footer, padded to 8 bytes.
    package mutating func finish() -> [UInt8] {
        bytes.pad(toMultipleOf: 8)
        return bytes
    }

    private static func zigzag(_ integer: Int64) -> UInt64 { UInt64(bitPattern: integer << 1 ^ integer >> 63) }
}
