#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One stored checkpoint, without its values.
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
    /// The way by which it came up the tree, as `C4/C1`; nil for the actor's own.
    public var origin: String?
    /// The number, greater for newer checkpoints.
    public var sequenceNumber: SequenceNumber
    /// When the checkpoint was taken, by the clock: never earlier than an older one of the same opening, nor of an
    /// earlier one, unless the clock was more than a day ahead then.
    public var date: Date
    /// Encoded bytes before compression; 0 for a value of the memory level that was not encoded yet.
    public var byteCount: Int
    /// What was said of the checkpoint beside its value, when it was taken.
    public var metadata: CheckpointMetadata
    /// Its names, in the order of their bytes.
    public var tags: [String] = []
    /// Whether it is pinned.
    public var isPinned = false

    /// The number: no two records have the same.
    public var id: UInt64 { sequenceNumber.rawValue }
}
