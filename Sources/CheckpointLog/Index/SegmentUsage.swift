/// How many bytes of each segment are live, by the size classes of their frames: what compaction chooses by.
package final class SegmentUsage: Sendable {
    private let live = Lock<[UInt32: Int]>([:])
    private let held = Lock<Set<UInt32>>([])

    package init() {}

    package func add(_ location: FrameLocation) {
        live.withLock { $0[location.segment, default: 0] += location.byteCountBound }
    }

    package func remove(_ location: FrameLocation) {
        live.withLock { $0[location.segment, default: 0] -= location.byteCountBound }
    }

    /// Live bytes by segment, for a snapshot.
    var all: [UInt32: Int] { live.withLock { $0 } }

    func replace(_ usage: [UInt32: Int]) { live.withLock { $0 = usage } }

    /// Keeps a segment from compaction until all of its records are in the index.
    package func hold(_ segment: UInt32) { _ = held.withLock { $0.insert(segment) } }

    package func release(_ segment: UInt32) { _ = held.withLock { $0.remove(segment) } }

    package func isHeld(_ segment: UInt32) -> Bool { held.withLock { $0.contains(segment) } }

    package func forget(_ segment: UInt32) { live.withLock { $0[segment] = nil } }

    package func liveByteCount(of segment: UInt32) -> Int { live.withLock { max(0, $0[segment] ?? 0) } }

    package var liveByteCount: Int { live.withLock { $0.values.reduce(0) { $0 + max(0, $1) } } }
}
