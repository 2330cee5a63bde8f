/// How many bytes of each segment are live, by the size classes of their frames. Compaction chooses segments by it.
package final class SegmentUsage: Sendable {
    private let live = Lock(SegmentCounters(), isBrief: true)
    private let held = Lock<Set<SegmentNumber>>([])

    package init() {}

    package func add(_ location: FrameLocation) {
        live.withLock { $0.add(location.byteCountBound, to: location.segment) }
    }

    package func remove(_ location: FrameLocation) {
        live.withLock { $0.add(-location.byteCountBound, to: location.segment) }
    }

    /// Counts a new frame, and those that died with it according to `outcome`, unless `isHeld` keeps them.
    @inline(__always)
    func apply(_ location: FrameLocation, _ outcome: InsertOutcome, unless isHeld: (FrameLocation) -> Bool) {
        live.withLock { live in
            live.add(location.byteCountBound, to: location.segment)
            outcome.forEachDead { dead in
                if !isHeld(dead) { live.add(-dead.byteCountBound, to: dead.segment) }
            }
        }
    }

    /// Counts the bytes that a batch of records made live, minus those that it made dead.
    func apply(_ changes: SegmentCounters) {
        let changes = changes.all
        live.withLock { live in
            for (segment, byteCount) in changes { live.add(byteCount, to: segment) }
        }
    }

    /// Live bytes by segment, for a snapshot.
    var all: [SegmentNumber: Int] { live.withLock { $0.all } }

    /// Takes over the counts of `other`.
    func replace(by other: SegmentUsage) {
        let counters = other.live.withLock { $0 }
        live.withLock { $0 = counters }
    }

    func replace(_ usage: [SegmentNumber: Int]) { live.withLock { $0 = SegmentCounters(usage) } }

    /// Excludes a segment from compaction until all of its records are in the index.
    package func hold(_ segment: SegmentNumber) { _ = held.withLock { $0.insert(segment) } }

    package func release(_ segment: SegmentNumber) { _ = held.withLock { $0.remove(segment) } }

    package func isHeld(_ segment: SegmentNumber) -> Bool { held.withLock { $0.contains(segment) } }

    package func forget(_ segment: SegmentNumber) { live.withLock { $0.remove(segment) } }

    package func liveByteCount(of segment: SegmentNumber) -> Int { live.withLock { max(0, $0[segment]) } }

    package var liveByteCount: Int { live.withLock { $0.all.values.reduce(0) { $0 + max(0, $1) } } }
}
