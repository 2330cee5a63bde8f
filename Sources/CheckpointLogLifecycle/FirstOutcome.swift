#if Lifecycle
internal import CheckpointLog

/// Resumes a continuation with the first of several outcomes.
struct FirstOutcome: Sendable {
    private let waiting: Lock<CheckedContinuation<Void, any Error>?>

    init(_ continuation: CheckedContinuation<Void, any Error>) {
        waiting = Lock(continuation)
    }

    /// Whether `outcome` was the first.
    @discardableResult
    func settle(with outcome: Result<Void, any Error>) -> Bool {
        let continuation = waiting.withLock { waiting in
            let continuation = waiting
            waiting = nil
            return continuation
        }
        guard let continuation else { return false }
        continuation.resume(with: outcome)
        return true
    }
}
#endif
