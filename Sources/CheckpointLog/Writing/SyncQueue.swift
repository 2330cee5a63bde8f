/// Group commit: whoever waits for durability while a sync runs is served by the next one, all at once.
///
/// One thread syncs. When nothing was asked for 50 ms after a sync it appends one empty promise frame and syncs that,
/// so that recovery knows what the last sync covered.
package final class SyncQueue: Sendable {
    package typealias Completion = @Sendable (Result<Void, CheckpointLogError>) -> Void

    private static let quietNanoseconds = 50_000_000
    /// How long a sync waits for those whom the last one served: they come back at about the same time, and one that
    /// began with the first of them would leave the others to the next.
    private static let gatherNanoseconds = 60_000

    private struct State {
        var waiters: [(position: LogPosition, completion: Completion)] = []
        var isStopping = false
        var isPromiseDue = false
        /// How many the last sync served.
        var lastServed = 0
    }

    private let appender: LogAppender
    private let runsInline: Bool
    private let state = Lock(State())
    private let thread = Lock<NamedThread?>(nil)

    package init(_ appender: LogAppender, runsInline: Bool) {
        self.appender = appender
        self.runsInline = runsInline
    }

    /// - Throws: `.ioFailure` when the system has no thread to give.
    package func start() throws {
        guard !runsInline else { return }
        guard let made = NamedThread(name: "ckpt-sync", { [self] in run() }) else {
            throw CheckpointLogError.threadRefused
        }
        thread.withLock { $0 = made }
    }

    /// Ends the thread once everyone who waits is served.
    package func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    /// Calls `completion` once everything before `position` is synced, or can never be.
    package func whenSynced(_ position: LogPosition, _ completion: @escaping Completion) {
        if appender.syncedPosition >= position { return completion(.success(())) }
        let isStopping = state.withLock { state in
            if !state.isStopping, !runsInline { state.waiters.append((position, completion)) }
            return state.isStopping
        }
        if runsInline || isStopping {
            completion(Result { () throws(CheckpointLogError) in try syncNow() })
        } else {
            state.wakeAll()
        }
    }

    /// Blocks until everything before `position` is synced.
    package func waitUntilSynced(_ position: LogPosition) throws {
        let outcome = Lock<Result<Void, CheckpointLogError>?>(nil)
        whenSynced(position) { result in
            outcome.withLock { $0 = result }
            outcome.wakeAll()
        }
        try outcome.wait { $0 }.get()
    }

    private func syncNow() throws(CheckpointLogError) {
        do {
            _ = try appender.syncAll()
        } catch {
            throw error as? CheckpointLogError
                ?? CheckpointLogError(code: .ioFailure, message: "The sync failed.", cause: error)
        }
    }

    private enum Step { case sync, promise, stop }

    private func run() {
        while true {
            let isPromiseDue = state.withLock { $0.isPromiseDue }
            let next: @Sendable (inout State) -> Step? = { state in
                if !state.waiters.isEmpty { return .sync }
                return state.isStopping ? .stop : nil
            }
            let step =
                isPromiseDue
                ? state.wait(atMost: Self.quietNanoseconds, until: next) ?? .promise : state.wait(until: next)
            switch step {
            case .stop:
                return
            case .promise:
                state.withLock { $0.isPromiseDue = false }
                // A failure poisons the appender, and whoever writes or waits next is told.
                if (try? appender.appendPromise()) != nil { try? syncNow() }
            case .sync:
                gather()
                serve()
            }
        }
    }

    private func gather() {
        let expected = state.withLock { $0.isStopping ? 0 : $0.lastServed }
        guard expected > 1 else { return }
        _ = state.wait(atMost: Self.gatherNanoseconds) { state -> Bool? in
            state.waiters.count >= expected || state.isStopping ? true : nil
        }
    }

    private func serve() {
        let failure: CheckpointLogError?
        do throws(CheckpointLogError) {
            try syncNow()
            failure = nil
        } catch {
            failure = error
        }
        let synced = appender.syncedPosition
        let served = state.withLock { state in
            let served = state.waiters.filter { failure != nil || $0.position <= synced }
            state.waiters.removeAll { failure != nil || $0.position <= synced }
            state.isPromiseDue = failure == nil
            state.lastServed = served.count
            return served
        }
        for waiter in served { waiter.completion(failure.map { .failure($0) } ?? .success(())) }
    }
}
