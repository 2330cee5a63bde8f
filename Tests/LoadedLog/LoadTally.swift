import CheckpointLog
import TestSupport

/// What all tasks of a load have in common: what they did, what went wrong, and what the disk is doing to them.
final class LoadTally: Sendable {
    struct Counts: Sendable {
        var operations = 0
        var restores = 0
        var saves = 0
        /// Calls that a full disk refused.
        var refusals = 0
    }

    private struct State {
        var counts = Counts()
        var isStopping = false
        var mayRefuse = false
        var problems: [String] = []
    }

    /// More say nothing more.
    private static let problemLimit = 20

    private let state = Lock(State())

    var counts: Counts { state.withLock { $0.counts } }

    var problems: [String] { state.withLock { $0.problems } }

    /// Whether the tasks are to end. The first problem ends them, too.
    var isStopping: Bool { state.withLock { $0.isStopping || !$0.problems.isEmpty } }

    func stop() { state.withLock { $0.isStopping = true } }

    /// Whether the disk is full, or was a moment ago.
    var mayRefuse: Bool {
        get { state.withLock { $0.mayRefuse } }
        set { state.withLock { $0.mayRefuse = newValue } }
    }

    func count(_ what: WritableKeyPath<Counts, Int>) { state.withLock { $0.counts[keyPath: what] += 1 } }

    func complain(_ problem: String) {
        state.withLock { if $0.problems.count < Self.problemLimit { $0.problems.append(problem) } }
    }

    /// Takes in what a call threw: a refusal while the disk is full is one of the answers that are stated.
    func take(_ error: any Error, from what: @autoclosure () -> String) {
        if mayRefuse, (error as? CheckpointLogError)?.code == .diskFull {
            count(\.refusals)
        } else {
            complain("\(what()): \(error)")
        }
    }
}
