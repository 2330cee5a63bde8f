/// A place in the log: a segment and the distance of a byte from its start.
///
/// On disk it is one 8-byte word, so that it is stored whole or not at all: segment (32 bits), offset ÷ 8 (24 bits),
/// check bits (8 bits). FORMAT.md, "Log positions".
package struct LogPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first offset, in bytes, that no position can state.
    package static let offsetLimit = 1 << 27

    package var segment: SegmentNumber
    /// Bytes from the start of the segment; a multiple of 8 below ``offsetLimit``.
    package var offset: UInt32

    package init(segment: SegmentNumber, offset: Int) {
        precondition(offset >= 0 && offset < Self.offsetLimit && offset % 8 == 0, "A log position is 8-aligned.")
        self.segment = segment
        self.offset = UInt32(offset)
    }

    /// A position from a disk; nil if its check bits are wrong, as those of a zero word are.
    package init?(word: UInt64) {
        let bits = word >> 8
        guard UInt8(truncatingIfNeeded: word) == CheckBits.of(bits) else { return nil }
        segment = SegmentNumber(UInt32(truncatingIfNeeded: bits >> 24))
        offset = UInt32(truncatingIfNeeded: bits & 0xFF_FFFF) * 8
    }

    package var word: UInt64 {
        let bits = UInt64(segment.rawValue) << 24 | UInt64(offset / 8)
        return bits << 8 | UInt64(CheckBits.of(bits))
    }

    package static func < (left: LogPosition, right: LogPosition) -> Bool {
        (left.segment, left.offset) < (right.segment, right.offset)
    }

    package var description: String { "\(segment):\(offset)" }
}
