import Synchronization

/// What checkpoints cost at each level, as moving averages. `suggestedInterval` is computed from them.
final class CheckpointCosts: Sendable {
    /// At a level that does not sync, a checkpoint is so cheap that reading the clock would show. One in this many is
    /// measured.
    private static let sampling: UInt32 = 64
    /// The weight of a new measurement in the average.
    private static let weight = 0.125

    /// Times are durations since this instant. An instant of the clock has no size that the compiler knows, so each
    /// call that passes one on would cost several calls of the runtime.
    private let origin = ContinuousClock.now
    private let means = Lock<[Int: Double]>([:])
    private let measured = LevelSet()
    private let count = Atomic<UInt32>(0)

    /// The time now, if this checkpoint is to be measured: the first one of its level, and then one in many.
    func start(_ level: UInt8) -> Duration? {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        return number % Self.sampling == 0 || !measured.contains(level) ? now : nil
    }

    private var now: Duration { origin.duration(to: .now) }

    @inline(__always)
    func end(_ start: Duration?, _ level: UInt8) {
        if let start { note(start, level) }
    }

    private func note(_ start: Duration, _ level: UInt8) {
        let seconds = (now - start) / .seconds(1)
        means.withLock { means in
            means[Int(level)] = means[Int(level)].map { $0 + (seconds - $0) * Self.weight } ?? seconds
        }
        measured.insert(level)
    }

    func mean(_ level: Int) -> Duration? { means.withLock { $0[level] }.map { .seconds($0) } }
}
