/// Counts the versions of each key at levels that keep one of every so many, so that each of these is marked when it is
/// appended.
///
/// A frame states which version of its key it is, so the count goes on from the newest of the last opening.
package final class VersionCounts: Sendable {
    private struct State {
        var counts: [KeyHash: UInt32] = [:]
        /// Keys of which a version that was to be marked was not appended: the next is marked for it.
        var owed: Set<KeyHash> = []
    }

    private let state = Lock(State())

    package init() {}

    /// The place of the next version of a key, and whether it is marked.
    ///
    /// - Parameters:
    ///   - interval: of how many versions one is marked.
    ///   - last: the place of the newest version in the log; asked once for each key.
    /// - Complexity: O(1), and one read of a frame for the first version of a key in this opening. A key takes about 40
    ///   bytes.
    package func next(
        _ hash: KeyHash, interval: Int, after last: () throws -> UInt32
    ) rethrows -> (ordinal: UInt32, isMarked: Bool) {
        if state.withLock({ $0.counts[hash] }) == nil {
            let last = try last()
            state.withLock { if $0.counts[hash] == nil { $0.counts[hash] = last } }
        }
        return state.withLock { state in
            // From 2³² versions on they are counted from the beginning.
            let ordinal = max(1, (state.counts[hash] ?? 0) &+ 1)
            state.counts[hash] = ordinal
            let isOwed = state.owed.remove(hash) != nil
            return (ordinal, isOwed || Int(ordinal) % interval == 0)
        }
    }

    /// Notes that a version was not appended.
    package func takeBack(_ hash: KeyHash, ordinal: UInt32, isMarked: Bool) {
        state.withLock { state in
            if isMarked { state.owed.insert(hash) }
            guard state.counts[hash] == ordinal else { return }
            state.counts[hash] = ordinal - 1
            // It comes to its place again.
            if isMarked { state.owed.remove(hash) }
        }
    }
}
