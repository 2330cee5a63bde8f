/// Counts the versions of each key at levels with an interval, so that one of every so many is marked when it is
/// appended.
///
/// A frame states its version's place among those of its key, so the count goes on from the newest one of the last
/// opening.
package final class VersionCounts: Sendable {
    private struct State {
        var counts: [KeyHash: UInt32] = [:]
        /// Keys with a version that was to be marked and was not appended: the next one is marked instead.
        var owed: Set<KeyHash> = []
    }

    private let state = Lock(State())

    package init() {}

    /// The place of the next version of a key, and whether it is marked.
    ///
    /// - Parameters:
    ///   - interval: one of this many versions is marked.
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
            // After 2³² versions the count begins anew.
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
            // The mark is due again.
            if isMarked { state.owed.remove(hash) }
        }
    }
}
