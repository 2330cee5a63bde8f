import Synchronization

/// What checkpoints cost by level, as moving means: what `suggestedInterval` goes by.
final class CheckpointCosts: Sendable {
    /// Checkpoints of a level that is not synced are so cheap that the clock would show: one in this many is measured.
    private static let sampling: UInt32 = 64
    /// How much of the mean a new measurement makes up.
    private static let weight = 0.125

    /// Times are durations since here: an instant of the clock has no size that is known when this is compiled, and
    /// would cost each call that carries one several calls of the runtime.
    private let origin = ContinuousClock.now
    private let means = Lock<[Int: Double]>([:])
    private let measured = LevelSet()
    private let count = Atomic<UInt32>(0)

    /// The time now, when this checkpoint is one to measure: the first of its level, and then one in many.
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
