/// How an opening waits for another writer: it tries again, after growing pauses.
package struct LockWait {
    private static let first = Duration.milliseconds(5)
    private static let longest = Duration.milliseconds(100)

    private let limit: Duration
    private var waited = Duration.zero
    private var pause = first

    package init(_ limit: Duration) { self.limit = limit }

    /// How long to wait before the next attempt.
    ///
    /// - Throws: `refusal`, with the time that was waited, when the limit is reached.
    package mutating func next(after refusal: CheckpointLogError) throws(CheckpointLogError) -> Duration {
        guard waited < limit else {
            var refusal = refusal
            if limit > .zero { refusal.message = "After a wait of \(limit): \(refusal.message)" }
            throw refusal
        }
        let next = min(pause, limit - waited)
        waited += next
        pause = min(pause * 2, Self.longest)
        return next
    }
}
