/// What an opening found, and what it did about it.
///
/// ```swift
/// let log = try await CheckpointLog.open(at: directory)
/// if let tail = log.recoveryReport.tornTail { print("an unfinished write was cut off: \(tail)") }
/// ```
public struct RecoveryReport: Sendable {
    /// Where an unfinished last write was cut off; nil when the log ended cleanly. Nothing acknowledged was in it.
    public var tornTail: CheckpointLogError.Location?
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
    /// Damage that a salvage opening went around; empty after any other.
    public var damage: [CheckpointLogError] = []

    /// Bytes of segments that no snapshot covered.
    package var replayedByteCount = 0

    package init() {}
}
