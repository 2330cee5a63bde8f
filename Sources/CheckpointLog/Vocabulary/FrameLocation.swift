/// Where a frame stands and about how long it is, in eight bytes: what the index keeps of a record.
///
/// The byte count is rounded up to one of 256 *size classes* (three significant bits), so that a reader fetches the
/// whole frame in one call and at most an eighth too much. In memory only.
package struct FrameLocation: Hashable, Sendable, CustomStringConvertible {
    package var bits: UInt64

    package init(bits: UInt64) {
        self.bits = bits
    }

    /// - Parameter byteCount: the length of the whole frame, a multiple of 8.
    package init(segment: SegmentNumber, offset: Int, byteCount: Int) {
        let position = LogPosition(segment: segment, offset: offset)
        bits = UInt64(segment.rawValue) << 32 | UInt64(position.offset / 8) << 8 | UInt64(Self.sizeClass(of: byteCount))
    }

    package var segment: SegmentNumber { SegmentNumber(UInt32(truncatingIfNeeded: bits >> 32)) }

    package var offset: Int { Int(bits >> 8 & 0xFF_FFFF) * 8 }

    package var position: LogPosition { LogPosition(segment: segment, offset: offset) }

    /// An upper bound of the bytes of a frame. A location from a snapshot can make a reader allocate this much at most.
    private static let byteCountLimit = 4 << 20

    /// So many bytes are sure to contain the whole frame.
    package var byteCountBound: Int {
        min(Self.byteCountBound(ofSizeClass: UInt8(truncatingIfNeeded: bits)), Self.byteCountLimit)
    }

    package var description: String { "\(segment):\(offset)" }

    private static func sizeClass(of byteCount: Int) -> UInt8 {
        let units = (byteCount + 7) / 8
        if units < 16 { return UInt8(units) }
        // Four significant bits, the first of them always set and so not stored.
        let shift = Int.bitWidth - units.leadingZeroBitCount - 4
        let mantissa = (units + (1 << shift) - 1) >> shift
        return UInt8(clamping: shift * 8 + mantissa)
    }

    private static func byteCountBound(ofSizeClass sizeClass: UInt8) -> Int {
        let value = Int(sizeClass)
        if value < 16 { return value * 8 }
        let shift = value / 8 - 1
        return (value - shift * 8) << shift * 8
    }
}
