/// A registered source of checkpoints. The log asks it for one state at a time.
final class CheckpointSource: Sendable {
    /// The source whose code the current task runs. A source that deregisters itself must not wait for itself.
    @TaskLocal static var current: CheckpointSource?

    typealias Outcome = Task<(any Error)?, Never>

    private struct State {
        /// How often the log has asked it.
        var turns = 0
        /// The last turn, which may be over.
        var last: Outcome?
        var isAnswering = false
        var isEnded = false
    }

    let key: CheckpointKey
    let level: Int
    private let take: @Sendable (CheckpointSource) async -> (any Error)?
    private let state = Lock(State())

    /// - Parameter take: asks for the state and saves it, unless the source was removed meanwhile; returns the failure.
    init(key: CheckpointKey, level: Int, _ take: @escaping @Sendable (CheckpointSource) async -> (any Error)?) {
        self.key = key
        self.level = level
        self.take = take
    }

    /// Whether the log discards its answers from now on.
    var isEnded: Bool { state.withLock { $0.isEnded } }

    func end() { state.withLock { $0.isEnded = true } }

    /// Asks the source; false if it is still answering.
    func beginTurn() -> Bool {
        state.withLock { state in
            guard !state.isAnswering else { return false }
            begin(&state)
            return true
        }
    }

    /// Waits for a turn that began after this call, its own or another's.
    ///
    /// - Returns: the failure of that turn.
    func takeTurn() async -> (any Error)? {
        guard Self.current !== self else { return nil }
        let wanted = state.withLock { $0.turns } + 1
        while true {
            let (turn, isNew) = state.withLock { state in
                if !state.isAnswering, state.turns < wanted { begin(&state) }
                return (state.last, state.turns >= wanted)
            }
            let failure = await turn?.value
            if isNew { return failure ?? nil }
        }
    }

    /// Waits until it is not answering.
    func finishTurn() async {
        guard Self.current !== self else { return }
        _ = await state.withLock { $0.isAnswering ? $0.last : nil }?.value
    }

    private func begin(_ state: inout State) {
        state.turns += 1
        state.isAnswering = true
        state.last = Task {
            await Self.$current.withValue(self) {
                let failure = await take(self)
                self.state.withLock { $0.isAnswering = false }
                return failure
            }
        }
    }
}
