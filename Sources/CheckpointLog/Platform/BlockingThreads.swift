/// A few threads for calls that wait on a disk, which must not occupy Swift's cooperative pool.
package final class BlockingThreads: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
        var idle = 0
        var isStopping = false
    }

    private enum Next {
        case job(@Sendable () -> Void)
        case end
    }

    /// How long a thread without a job lives.
    private static let idleNanoseconds = 1_000_000_000

    private let state = Lock(State())

    private let threadLimit: Int

    /// - Parameter limit: the most threads at a time.
    package init(limit: Int = 2) { threadLimit = limit }

    /// Runs `body` on one of these threads and returns its result.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let job: @Sendable () -> Void = { continuation.resume(with: Result { try body() }) }
            let startsThread = state.withLock { state in
                state.jobs.append(job)
                guard state.idle < state.jobs.count, state.threads < threadLimit else { return false }
                state.threads += 1
                return true
            }
            if startsThread, NamedThread(name: "ckpt-io", { [state] in Self.work(state) }) == nil {
                workWithoutThread()
            } else {
                state.wakeAll()
            }
        }
    }

    /// Lets the threads end after their jobs.
    package func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }

    /// If the system cannot start a thread, the caller's thread does the work: blocking others is better than never
    /// finishing.
    private func workWithoutThread() {
        state.withLock { $0.threads -= 1 }
        // All waiting jobs: whoever added one meanwhile relied on the thread that could not be started.
        while let job = state.withLock({ state in
            state.threads == 0 && !state.jobs.isEmpty ? state.jobs.removeFirst() : nil
        }) {
            job()
        }
    }

    private static func work(_ state: Lock<State>) {
        func take(_ state: inout State) -> Next? {
            if !state.jobs.isEmpty {
                state.idle -= 1
                return .job(state.jobs.removeFirst())
            }
            return state.isStopping ? end(&state) : nil
        }
        func end(_ state: inout State) -> Next {
            state.threads -= 1
            state.idle -= 1
            return .end
        }
        state.withLock { $0.idle += 1 }
        while true {
            let next =
                state.wait(atMost: idleNanoseconds, until: take) ?? state.withLock { take(&$0) ?? end(&$0) }
            guard case .job(let job) = next else { return }
            job()
            state.withLock { $0.idle += 1 }
        }
    }
}
