/// Counts the checked bytes, on any thread, and reports the progress of the whole.
final class ProgressCounter: Sendable {
    private let counts = Lock((done: 0, total: 0))
    private let progress: LogVerifier.Progress

    init(_ progress: @escaping LogVerifier.Progress) { self.progress = progress }

    /// Adds work that was found.
    func expect(_ byteCount: Int) { counts.withLock { $0.total += byteCount } }

    func advance(_ byteCount: Int) {
        let (done, total) = counts.withLock { counts in
            counts.done += byteCount
            return counts
        }
        progress(done, total)
    }
}
