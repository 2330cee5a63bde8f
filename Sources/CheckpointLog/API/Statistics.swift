/// Counts of what a log did since it was opened, and of what it holds.
///
/// ```swift
/// print("\(log.statistics.amplification) bytes in sealed segments for each live one")
/// ```
public struct Statistics: Sendable, Hashable, Codable {
    /// Records appended: values, removals, groups, marks.
    public var recordCount = 0
    /// Frames appended: records, and those that a roll or a quiet time adds.
    public var frameCount = 0
    /// Bytes of these frames.
    public var frameByteCount = 0
    /// Files synced, those of large values and of compaction not counted.
    public var syncCount = 0
    /// Empty frames that were appended, and synced, 50 ms after the last sync of a time in which something was synced.
    public var promiseCount = 0
    /// Bytes of frames that were copied into a mapped segment, which takes no system call; frames of 8 KiB and more
    /// are written instead.
    public var mappedByteCount = 0
    /// Calls that wrote to files.
    public var writeCallCount = 0
    /// All bytes written to files: appended frames, large values, what compaction wrote, footers, manifests, snapshots
    /// of the index. Against `frameByteCount` it is the write amplification.
    public var writtenByteCount = 0
    /// All syncs of files and directories: those of the frames, of large values, of compaction and of the manifest.
    public var flushCount = 0
    /// Segments that became full.
    public var rollCount = 0
    /// Sealed segments.
    public var segmentCount = 0
    /// Bytes of the sealed segments.
    public var sealedByteCount = 0
    /// Bytes that something can still restore, by size classes, which are up to an eighth too large.
    public var liveByteCount = 0
    /// Keys in the index, each level counted by itself.
    public var keyCount = 0
    /// Bytes of memory that the index takes.
    public var indexByteCount = 0
    /// Compactions that were carried out.
    public var compactionCount = 0
    /// Whether a compaction is being carried out at this moment.
    public var isCompacting = false
    /// Segments that the last compaction rewrote.
    public var lastCompactionInputCount = 0

    /// Ticks of a timer, or of a source, that met the one before still at work, and were skipped.
    public var skippedTickCount = 0
    /// Failures that no caller waited for.
    public var backgroundFailureCount = 0
    /// Checkpoints that the memory level holds.
    public var memoryRecordCount = 0

    /// Snapshots of the log that nobody has let go yet.
    public var openSnapshotCount = 0
    /// How long ago the oldest of them was taken, by the configuration's clock; nil where there is none. One that is
    /// forgotten shows here: it keeps `heldByteCount` from going down.
    public var oldestSnapshotAge: Duration?
    /// Bytes of files that the log is done with, and that snapshots and backups keep on the disk.
    public var heldByteCount = 0

    /// Bytes of the files of large values.
    public var valueByteCount = 0
    /// Bytes of those files of large values that something can still restore.
    public var liveValueByteCount = 0

    /// Bytes of sealed segments and large values for each live byte; 1 for an empty log. The active segment, the one
    /// prepared after it and the reserve do not count, so a small log takes more of the disk.
    public var amplification: Double {
        let live = liveByteCount + liveValueByteCount
        return live > 0 ? Double(sealedByteCount + valueByteCount) / Double(live) : 1
    }
}

extension LogEngine {
    var statistics: Statistics {
        var statistics = Statistics()
        statistics.liveByteCount = catalog.usage.liveByteCount
        (statistics.valueByteCount, statistics.liveValueByteCount) = catalog.values.byteCounts(where: catalog.isLive)
        statistics.keyCount = catalog.index.count
        statistics.memoryRecordCount = memory.count
        statistics.indexByteCount = catalog.index.memoryByteCount
        let (snapshotCount, oldest) = snapshots.summary
        statistics.openSnapshotCount = snapshotCount
        statistics.oldestSnapshotAge = oldest.map { .microseconds(max(0, configuration.now() - $0)) }
        let segments = writer?.manifest.current.segments ?? follower?.segments ?? []
        statistics.segmentCount = segments.count
        statistics.sealedByteCount = segments.reduce(0) { $0 + $1.byteCount }
        guard let writer else { return statistics }
        let counters = writer.appender.counters
        statistics.recordCount = counters.records
        statistics.frameCount = counters.frames
        statistics.frameByteCount = counters.frameBytes
        statistics.syncCount = counters.syncs
        statistics.rollCount = counters.rolls
        statistics.promiseCount = counters.promises
        statistics.mappedByteCount = counters.mappedBytes
        if let disk = identity.fileSystem.counters {
            statistics.writeCallCount = disk.writeCount
            statistics.writtenByteCount = disk.writtenByteCount + counters.mappedBytes
            statistics.flushCount = disk.syncCount
        }
        statistics.heldByteCount = writer.held.byteCount
        statistics.compactionCount = writer.maintenance.compactionCount
        statistics.isCompacting = writer.maintenance.isCompacting
        statistics.lastCompactionInputCount = writer.maintenance.lastCompaction?.inputCount ?? 0
        return statistics
    }
}
