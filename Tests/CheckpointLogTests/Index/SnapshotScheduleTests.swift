import CheckpointLog
import Testing

/// When a running log writes its index: often enough for an opening after a kill, seldom enough for the disk.
@Suite struct SnapshotScheduleTests {
    private func extent(bytes: Int, keys: Int) -> SnapshotSchedule.Extent {
        SnapshotSchedule.Extent(frameByteCount: bytes, keyCount: keys, indexByteCount: keys * 46)
    }

    /// What the snapshots of a log add up to, in keys, that is asked each time it has grown by a thousandth.
    private func written(upTo end: SnapshotSchedule.Extent, from startKeys: Int) -> (count: Int, keys: Int, last: Int) {
        var schedule = SnapshotSchedule(
            leastByteCount: 16 << 20, leastKeyCount: 10_000, replayedByteCount: 0, keyCount: startKeys)
        var result = (count: 0, keys: 0, last: startKeys)
        for step in 1...1_000 {
            let now = extent(
                bytes: end.frameByteCount / 1_000 * step,
                keys: startKeys + (end.keyCount - startKeys) / 1_000 * step)
            guard schedule.isDue(now) else { continue }
            schedule.didWrite(now)
            result = (result.count + 1, result.keys + now.keyCount, now.keyCount)
        }
        return result
    }

    @Test func ofOverwrittenKeysTheSnapshotsAreAQuarterOfTheLog() {
        // A gigabyte over a million keys that are there from the start: 46 MB of index.
        let (count, _, _) = written(upTo: extent(bytes: 1 << 30, keys: 1_000_000), from: 1_000_000)
        #expect(count == 5)
    }

    @Test func ofNewKeysAQuarterAtMostIsInNoSnapshotAndEachIsWrittenFourTimesAtMost() {
        let end = extent(bytes: 1 << 30, keys: 10_000_000)
        let (count, keys, last) = written(upTo: end, from: 0)
        #expect(count == 13)
        #expect(last * 4 >= end.keyCount * 3 - 40_000)
        #expect(keys <= end.keyCount * 4)
    }

    @Test func whatIsSmallIsReadInAMomentAndNotWritten() {
        #expect(written(upTo: extent(bytes: 15 << 20, keys: 1_000_000), from: 0).count == 0)
        #expect(written(upTo: extent(bytes: 1 << 20, keys: 9_000), from: 0).count == 0)
    }

    @Test func whatAnOpeningHadToReadCounts() {
        let now = extent(bytes: 0, keys: 3_000)
        let replayed = SnapshotSchedule(leastByteCount: 1 << 20, replayedByteCount: 2 << 20, keyCount: 3_000)
        #expect(replayed.isDue(now) && replayed.isDueAtClose(frameByteCount: 0))
        let covered = SnapshotSchedule(leastByteCount: 1 << 20, replayedByteCount: 0, keyCount: 3_000)
        #expect(!covered.isDue(now) && !covered.isDueAtClose(frameByteCount: 0))
    }
}
