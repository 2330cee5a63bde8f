import CheckpointLog

/// Lets something happen once, at a moment that a test counts out: before the call of a disk that has the number
/// `turn`.
///
/// ```swift
/// let interruption = Interruption(turn: 3)
/// disk.observe { _ in interruption.arrive { try? engine.close() } }
/// ```
package final class Interruption: Sendable {
    private let left: Lock<Int>

    package init(turn: Int) { left = Lock(turn) }

    /// Whether it has happened.
    package var isDone: Bool { left.withLock { $0 <= 0 } }

    /// Counts one call, and runs `body` when it is the one; calls that `body` makes are not counted any more.
    package func arrive(_ body: () -> Void) {
        let isTurn = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isTurn { body() }
    }
}
