/// The number of a segment's file, used once in the life of a log; at least 1.
///
/// Fields that may refer to no segment say so, and are then 0.
package struct SegmentNumber: Hashable, Comparable, Sendable, BitwiseCopyable {
    package var rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package init?(exactly number: some BinaryInteger) {
        guard let number = UInt32(exactly: number) else { return nil }
        rawValue = number
    }

    /// The number of the segment that is made next.
    ///
    /// - Precondition: it is not ``max``. An opening for writing begins below ``SegmentName/numberLimit``.
    package var next: SegmentNumber { SegmentNumber(rawValue + 1) }

    /// The greatest number that a field holds.
    package static let max = SegmentNumber(.max)

    /// The number `count` later, or ``max`` where there is none.
    package func advanced(by count: UInt32) -> SegmentNumber {
        let (sum, isOver) = rawValue.addingReportingOverflow(count)
        return isOver ? .max : SegmentNumber(sum)
    }

    package static func < (left: SegmentNumber, right: SegmentNumber) -> Bool { left.rawValue < right.rawValue }
}

extension SegmentNumber: ExpressibleByIntegerLiteral {
    package init(integerLiteral number: UInt32) { rawValue = number }
}

extension SegmentNumber: CustomStringConvertible {
    package var description: String { "\(rawValue)" }
}
