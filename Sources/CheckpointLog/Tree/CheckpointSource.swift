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

    /// Reserves the source for one ``run()``; false when a checkpoint of it is still being taken.
    func begin() -> Bool { !isRunning.exchange(true, ordering: .acquiringAndReleasing) }

    /// Takes a checkpoint, after ``begin()``.
    func run() async throws {
        defer { isRunning.store(false, ordering: .releasing) }
        try await take()
    }
}
