#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One version of a group, without the values of its members.
///
/// ```swift
/// for version in try await log.groupHistory(of: "epoch", level: 2) { print(version.sequenceNumber, version.keys) }
/// ```
public struct GroupVersion: Sendable, Hashable, Identifiable {
    /// The name.
    public var name: CheckpointKey
    /// The level, 1…255.
    public var level: Int
    /// The number, greater for newer groups. Pass it to `.sequence` to restore this group.
    public var sequenceNumber: SequenceNumber
    /// When the group was committed, by the machine's clock.
    public var date: Date
    /// The keys of the members, in the order in which they were added; empty if their list is damaged.
    public var keys: [CheckpointKey]

    /// The number: no two records have the same.
    public var id: UInt64 { sequenceNumber.rawValue }
}
