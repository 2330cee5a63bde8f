/// Decides when a running log writes its index: an opening after a kill has to read what was appended since.
///
/// There are two reasons, each with a bound on its cost. If the log has grown by four times the index, snapshots are at
/// most a quarter of what is written. If a quarter of the keys are new, each key is written at most four times. With
/// the first reason alone, a log of very many small records under distinct keys would never get a snapshot, because its
/// index grows with it.
package struct SnapshotSchedule: Sendable {
    /// What a log had at some moment.
    package struct Extent: Sendable {
        /// Bytes of frames that were appended since the opening.
        package var frameByteCount: Int
        package var keyCount: Int
        /// Bytes of the index in memory.
        package var indexByteCount: Int

        package init(frameByteCount: Int, keyCount: Int, indexByteCount: Int) {
            self.frameByteCount = frameByteCount
            self.keyCount = keyCount
            self.indexByteCount = indexByteCount
        }
    }

    private static let indexFactor = 4
    /// Fewer new keys are read from the footers in a moment.
    private static let leastKeyCount = 500_000

    /// Bytes of frames that no snapshot is written for.
    private let leastByteCount: Int
    private let leastKeyCount: Int
    private var frameByteCount: Int
    private var keyCount: Int

    /// - Parameters:
    ///   - leastByteCount: the growth of the log, in bytes of frames, that a snapshot is written for.
    ///   - replayedByteCount: bytes that the opening read beside the last snapshot.
    ///   - keyCount: keys that this snapshot had; 0 if there is none.
    package init(
        leastByteCount: Int, leastKeyCount: Int = Self.leastKeyCount, replayedByteCount: Int, keyCount: Int
    ) {
        self.leastByteCount = leastByteCount
        self.leastKeyCount = leastKeyCount
        frameByteCount = -replayedByteCount
        self.keyCount = keyCount
    }

    package func isDue(_ now: Extent) -> Bool {
        let growth = now.frameByteCount - frameByteCount
        let newKeyCount = now.keyCount - keyCount
        return growth >= leastByteCount
            && (growth >= now.indexByteCount * Self.indexFactor
                || newKeyCount >= max(leastKeyCount, now.keyCount / 4))
    }

    /// Whether a closing writes one: footers would take the next opening longer.
    package func isDueAtClose(frameByteCount now: Int) -> Bool {
        now > frameByteCount && now - frameByteCount >= leastByteCount
    }

    package mutating func didWrite(_ extent: Extent) {
        frameByteCount = extent.frameByteCount
        keyCount = extent.keyCount
    }
}
