/// The number of a record in the whole history of a log: the version of a checkpoint.
///
/// The upper 32 bits are the *epoch*: a block of 2³² numbers that an opening for writing reserves in the manifest, and
/// syncs, before it uses the first of them. The lower 32 bits count within it. No number is used twice, not even after
/// a crash. So a greater number is always the newer record.
///
/// That holds within one history of a log. If you restore a directory from a backup, or write to a copy, the log uses
/// numbers again from there on. Each opening for writing puts a random word into the manifest, by which readers and
/// parents distinguish such histories. If you keep numbers elsewhere, you must know about a restored backup.
///
/// ```swift
/// let receipt = try log.submit(state, for: "simulation")
/// let again = try await log.restore(State.self, for: "simulation", version: .sequence(receipt.sequenceNumber))
/// ```
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The number as it is stored. No record has the number zero.
    public let rawValue: UInt64

    /// Makes a sequence number of its 64 bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(epoch: UInt32, count: UInt32) {
        self.rawValue = UInt64(epoch) << 32 | UInt64(count)
    }

    /// The block the number was taken from.
    public var epoch: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

    /// One past the greatest epoch: the index keeps the top bits of a number for what it is of.
    package static let epochLimit: UInt32 = 1 << 29

    /// The greatest number that a record can have.
    package static let greatest = SequenceNumber(epoch: epochLimit - 1, count: .max)

    /// Orders records by their place in the history.
    public static func < (left: SequenceNumber, right: SequenceNumber) -> Bool { left.rawValue < right.rawValue }

    /// The epoch and the number within it, as `3.17`.
    public var description: String { "\(epoch).\(UInt32(truncatingIfNeeded: rawValue))" }
}
