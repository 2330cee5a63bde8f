/// Counts the bytes that are checked, on any thread, and tells how far the whole is.
final class ProgressCounter: Sendable {
    private let counts = Lock((done: 0, total: 0))
    private let progress: LogVerifier.Progress

    init(_ progress: @escaping LogVerifier.Progress) { self.progress = progress }

    /// Adds work that has come to light.
    func expect(_ byteCount: Int) { counts.withLock { $0.total += byteCount } }

    func advance(_ byteCount: Int) {
        let (done, total) = counts.withLock { counts in
            counts.done += byteCount
            return counts
        }
        progress(done, total)
    }
}
