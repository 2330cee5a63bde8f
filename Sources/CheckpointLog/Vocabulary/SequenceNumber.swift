/// The number of a record in the whole history of a log: the version of a checkpoint.
///
/// The upper 32 bits are the *epoch*, a block of 2³² numbers that an opening for writing reserved in the manifest,
/// synced before the first of them was used; the lower 32 bits count within it. A number is never given twice, also not
/// after a crash, so a greater number is always the newer record.
///
/// That holds within one history of a log. A directory that is put back from a backup, and a copy that goes on beside
/// the original, give the numbers from there on once more. Every opening for writing has a random word in the manifest
/// by which readers and parents tell such histories apart; whoever keeps numbers elsewhere must know of a restored
/// backup.
///
/// ```swift
/// let receipt = try log.submit(state, for: "simulation")
/// let again = try await log.restore(State.self, for: "simulation", version: .sequence(receipt.sequenceNumber))
/// ```
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The number as it stands on disk. Zero is no record's.
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
