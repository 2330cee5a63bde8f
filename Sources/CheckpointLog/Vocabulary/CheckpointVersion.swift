#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One version of a checkpoint, without its value.
///
/// ```swift
/// for version in try await log.history(for: "model", level: 2) {
///     print(version.sequenceNumber, version.date, version.byteCount, version.metadata["loss"] ?? "no loss")
/// }
/// ```
public struct CheckpointVersion: Sendable, Hashable, Identifiable {
    /// The key.
    public var key: CheckpointKey
    /// The level, 1…255.
    public var level: Int
    /// The path by which it came up the tree, such as `C4/C1`; nil for the log's own.
    public var origin: String?
    /// The number, greater for newer checkpoints.
    public var sequenceNumber: SequenceNumber
    /// When the checkpoint was taken, by the machine's clock. It is never earlier than the date of an older checkpoint
    /// of the same opening. The same holds for earlier openings, unless the clock was more than a day ahead then.
    public var date: Date
    /// The length of the encoded value, before compression; 0 for a value of the memory level that was never encoded.
    public var byteCount: Int
    /// The metadata that was saved with the checkpoint.
    public var metadata: CheckpointMetadata
    /// The version's tags, in the order of their bytes.
    public var tags: [String] = []
    /// Whether the version is pinned.
    public var isPinned = false

    /// The number: no two records have the same.
    public var id: UInt64 { sequenceNumber.rawValue }
}
