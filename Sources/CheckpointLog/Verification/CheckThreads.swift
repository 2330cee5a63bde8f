/// Runs the checks of single files on a bounded set of threads.
enum CheckThreads {
    /// A unit of work for one thread.
    typealias Job = @Sendable () throws -> CheckOutcome

    /// - Returns: the outcomes, in the order of the jobs.
    static func run(_ jobs: [Job], threadCount: Int) throws -> [CheckOutcome] {
        let next = Lock(0)
        let results = Lock([Int: Result<CheckOutcome, any Error>]())
        let work: @Sendable () -> Void = {
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < jobs.count else { return }
                let result = Result { try jobs[index]() }
                results.withLock { $0[index] = result }
            }
        }
        let count = max(1, min(threadCount, jobs.count))
        let threads = (1..<count).compactMap { _ in NamedThread(name: "ckpt-verify", work) }
        work()
        for thread in threads { thread.join() }
        return try results.withLock { results in try jobs.indices.compactMap { try results[$0]?.get() } }
    }
}

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
