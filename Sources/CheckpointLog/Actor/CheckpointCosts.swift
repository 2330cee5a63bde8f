/// What checkpoints cost by level, as moving means: what `suggestedInterval` goes by.
final class CheckpointCosts: Sendable {
    /// Checkpoints of a level that is not synced are so cheap that the clock would show: one in this many is measured.
    private static let sampling: UInt32 = 64
    /// How much of the mean a new measurement makes up.
    private static let weight = 0.125

    private struct State {
        var means: [Int: Double] = [:]
        var count: UInt32 = 0
    }

    private let state = Lock(State())

    func start(_ level: Int) -> ContinuousClock.Instant? {
        let isMeasured = state.withLock { state in
            state.count &+= 1
            return state.count % Self.sampling == 0 || state.means[level] == nil
        }
        return isMeasured ? .now : nil
    }

    func end(_ start: ContinuousClock.Instant?, _ level: Int) {
        guard let start else { return }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        state.withLock { state in
            state.means[level] = state.means[level].map { $0 + (seconds - $0) * Self.weight } ?? seconds
        }
    }

    func mean(_ level: Int) -> Duration? { state.withLock { $0.means[level] }.map { .seconds($0) } }
}
