/// What an opening found, and what it did about it.
///
/// ```swift
/// let log = try await CheckpointLog.open(at: directory)
/// if let tail = log.recoveryReport.tornTail { print("an unfinished write was cut off: \(tail)") }
/// ```
public struct RecoveryReport: Sendable {
    /// Where an unfinished last write was cut off; nil when the log ended cleanly. Nothing acknowledged as synced was
    /// in it; what was acknowledged as written can have been, when the machine went down: ``possiblyLost``.
    public var tornTail: CheckpointLogError.Location?
    /// The numbers of checkpoints that may have been acknowledged as written, not as synced, and that the log no longer
    /// has: after power loss, after a failed sync, in a copy of a log that was being written, or where `POSITION` is
    /// missing. An upper bound; nil when there are none, as after the end of a process, or when nothing tells of any.
    public var possiblyLost: ClosedRange<SequenceNumber>?
    /// Bytes that the cut removed, at most; zeros of preallocated space are not counted.
    public var cutByteCount = 0
    /// Records found in the log, dead ones included.
    public var recordCount = 0
    /// Whether the index came from its snapshot, rather than from the footers of all segments.
    public var usedSnapshot = false
    /// Sealed segments.
    public var segmentCount = 0
    /// Files of the directory that are not the log's; they are left alone.
    public var foreignFiles: [String] = []
    /// Files that no record refers to, and that were removed: leftovers of a crash.
    public var orphans: [String] = []
    /// Policies that the opening states and the log did not have, with what came of each; ascending by level.
    public var policyChanges: [PolicyChange] = []
    /// Damage that a salvage opening went around; empty after any other.
    public var damage: [CheckpointLogError] = []

    /// Bytes of segments that no snapshot covered.
    package var replayedByteCount = 0
    /// Keys that came from the snapshot.
    package var snapshotKeyCount = 0

    package init() {}
}
