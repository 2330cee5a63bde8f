internal import Synchronization

/// Where an actor takes checkpoints from by itself. It never overlaps itself.
final class CheckpointSource: Sendable {
    let key: CheckpointKey
    let level: Int
    private let isRunning = Atomic(false)
    private let take: @Sendable () async throws -> Void

    init(key: CheckpointKey, level: Int, _ take: @escaping @Sendable () async throws -> Void) {
        self.key = key
        self.level = level
        self.take = take
    }

    /// Takes a checkpoint; false when the last one is still being taken.
    func run() async throws -> Bool {
        guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return false }
        defer { isRunning.store(false, ordering: .releasing) }
        try await take()
        return true
    }
}
