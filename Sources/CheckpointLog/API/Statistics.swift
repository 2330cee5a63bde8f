/// What a log has done since it was opened, and what it holds, in numbers.
///
/// ```swift
/// print("\(log.statistics.amplification) bytes in sealed segments for each live one")
/// ```
public struct Statistics: Sendable, Hashable, Codable {
    /// Records appended: values, removals, groups, marks.
    public var recordCount = 0
    /// Frames appended: records, and the frames that a roll or a quiet time adds.
    public var frameCount = 0
    /// Bytes of the appended frames.
    public var frameByteCount = 0
    /// Syncs of files, without those of large values and of compaction.
    public var syncCount = 0
    /// Promise frames: when the log falls quiet, it appends an empty frame 50 ms after the last sync, and syncs it.
    public var promiseCount = 0
    /// Bytes of frames that the log copied into a mapped segment, without a system call. It writes frames of 8 KiB and
    /// more with a system call, and so a frame that will be synced alone.
    public var mappedByteCount = 0
    /// System calls that wrote to files.
    public var writeCallCount = 0
    /// All bytes written to files: appended frames, large values, compaction, footers, manifests, snapshots of the
    /// index. Divided by `frameByteCount` it is the write amplification. The system writes whole pages; and a sync of
    /// few bytes writes up to 64 KiB of zeros behind them for the next ones, which are not counted.
    public var writtenByteCount = 0
    /// All syncs of files and directories: of frames, large values, compaction and manifest.
    public var flushCount = 0
    /// Segments that became full.
    public var rollCount = 0
    /// Sealed segments.
    public var segmentCount = 0
    /// Bytes of the sealed segments.
    public var sealedByteCount = 0
    /// Bytes of the frames that a restore can still reach. The index rounds sizes up, so this can be an eighth too
    /// large.
    public var liveByteCount = 0
    /// Keys in the index. A key with checkpoints at two levels counts twice.
    public var keyCount = 0
    /// Bytes of memory that the index uses.
    public var indexByteCount = 0
    /// Compactions that have finished, and full segments that were sealed as a copy of the little that is left of them.
    public var compactionCount = 0
    /// Whether a compaction is under way.
    public var isCompacting = false
    /// How many segments the last compaction rewrote.
    public var lastCompactionInputCount = 0

    /// Turns of a timer or a source that the log skipped, because the one before was still at work.
    public var skippedTickCount = 0
    /// Failures that no caller waited for.
    public var backgroundFailureCount = 0
    /// Checkpoints that the memory level holds.
    public var memoryRecordCount = 0

    /// Snapshots of the log that are still open.
    public var openSnapshotCount = 0
    /// The age of the oldest open snapshot, by the configuration's clock; nil if there is none. A forgotten snapshot
    /// shows here, and keeps `heldByteCount` from going down.
    public var oldestSnapshotAge: Duration?
    /// Bytes of files that the log no longer needs, but that snapshots and backups keep on the disk.
    public var heldByteCount = 0

    /// Bytes of the files of large values.
    public var valueByteCount = 0
    /// Bytes of those files of large values that a restore can still reach.
    public var liveValueByteCount = 0

    /// Bytes of sealed segments and large values, divided by the live bytes; 1 for an empty log. It does not include
    /// the active segment, the prepared one and the reserve, so a small log uses more of the disk.
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
