import Synchronization

/// Group commit: the next sync serves everybody who began to wait while the current sync runs.
///
/// One thread syncs for all; it starts when it is first needed. A caller who waits alone syncs on his own thread: to
/// wake the sync thread, and be woken by it, costs a fifth of the time that a fast disk takes. A task does that only
/// while syncs are quick, since its thread is one of the few that all tasks share.
///
/// If nobody asks for a sync within 50 ms after one, the thread appends an empty promise frame and syncs it, so that
/// recovery knows what the last sync covered.
package final class SyncQueue: Sendable {
    package typealias Completion = @Sendable (Result<Void, CheckpointLogError>) -> Void

    private static let quietNanoseconds = 50_000_000
    /// How long a sync waits for the callers whom the last one served. They return at about the same time; a sync that
    /// began with the first of them would leave the others to the next one.
    private static let gatherNanoseconds = 60_000
    /// If the last sync took longer than this, tasks leave syncs to the thread.
    private static let slowNanoseconds: Int64 = 1_000_000
    /// After so many syncs of the thread with one waiter each, a waiter may sync alone again.
    private static let calmSyncs = 8

    private struct State {
        var waiters: [(position: LogPosition, completion: Completion)] = []
        var isStopping = false
        var isPromiseDue = false
        /// How many the last sync served.
        var lastServed = 0
        /// How many waiters the thread waits for before it syncs; 0 if it does not wait.
        var gathering = 0
        /// Whether a single waiter is syncing on his own thread.
        var isSyncedAlone = false
        /// Syncs of the thread until a waiter may sync alone again.
        var crowd = 0
        var syncCount = 0
        var hasThread = false
    }

    private let appender: LogAppender
    private let runsInline: Bool
    /// Called after each successful sync, on the thread that made it.
    private let onSync: @Sendable () -> Void
    private let state = Lock(State())
    /// How long the last sync took; nil before the first.
    private let lastNanoseconds = Atomic(Int64.max)

    package init(_ appender: LogAppender, runsInline: Bool, onSync: @escaping @Sendable () -> Void = {}) {
        self.appender = appender
        self.onSync = onSync
        self.runsInline = runsInline
    }

    /// Whether the thread runs.
    package var hasThread: Bool { state.withLock { $0.hasThread } }

    /// Wakes the thread.
    ///
    /// - Parameter isNew: whether it has to be started; the caller has said under the lock that there is one.
    private func wakeThread(isNew: Bool) {
        guard isNew, NamedThread(name: "ckpt-sync", { [self] in run() }) == nil else { return state.wakeAll() }
        // If the system cannot start a thread, this thread serves all who wait. The promise waits for the next sync.
        func isDone(_ state: inout State) -> Bool {
            if state.waiters.isEmpty { state.hasThread = false }
            return state.waiters.isEmpty
        }
        while !state.withLock(isDone) { serve() }
        state.wakeAll()
    }

    /// Ends the thread after everybody who waits has been served, and after a single syncing waiter is done.
    package func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        state.wait { $0.isSyncedAlone || $0.hasThread ? nil : () }
    }

    /// Calls `completion` when everything before `position` is synced, or can never be.
    package func whenSynced(_ position: LogPosition, _ completion: @escaping Completion) {
        if appender.syncedPosition >= position { return completion(.success(())) }
        let (isTaken, isNew, wakes) = state.withLock { state in
            guard !state.isStopping, !runsInline else { return (false, false, false) }
            state.waiters.append((position, completion))
            let isNew = !state.hasThread
            state.hasThread = true
            // If each new waiter woke the thread while it gathers, it would take processors from them.
            return (true, isNew, state.waiters.count >= state.gathering)
        }
        if !isTaken {
            completion(Result { () throws(CheckpointLogError) in try syncNow() })
        } else if isNew || wakes {
            wakeThread(isNew: isNew)
        }
    }

    /// Syncs on the caller's thread if nobody else waits and syncs are quick; otherwise returns false.
    ///
    /// - Parameter isPatient: whether the caller's thread may wait for however long a sync takes.
    package func syncAlone(isPatient: Bool) throws(CheckpointLogError) -> Bool {
        guard !runsInline, isPatient || lastNanoseconds.load(ordering: .relaxed) < Self.slowNanoseconds else {
            return false
        }
        let isAlone = state.withLock { state in
            guard state.waiters.isEmpty, state.crowd == 0, !state.isSyncedAlone, !state.isStopping else { return false }
            state.isSyncedAlone = true
            return true
        }
        guard isAlone else { return false }
        let outcome = Result { () throws(CheckpointLogError) in try syncNow() }
        let (isNew, wakes) = state.withLock { state in
            state.isSyncedAlone = false
            // Others came while the disk was busy: the thread serves the next ones together.
            if !state.waiters.isEmpty { state.crowd = Self.calmSyncs }
            let wasPromiseDue = state.isPromiseDue
            Self.note(outcome, &state)
            // Whoever came meanwhile has started it.
            let isNew = state.isPromiseDue && !state.hasThread && !state.isStopping
            if isNew { state.hasThread = true }
            // If no promise is due, the thread waits without a limit.
            return (isNew, state.isPromiseDue != wasPromiseDue || state.isStopping)
        }
        if isNew || wakes { wakeThread(isNew: isNew) }
        try outcome.get()
        return true
    }

    private static func note(_ outcome: Result<Void, CheckpointLogError>, _ state: inout State) {
        state.syncCount += 1
        state.isPromiseDue = (try? outcome.get()) != nil
    }

    /// Blocks until everything before `position` is synced.
    package func waitUntilSynced(_ position: LogPosition) throws {
        if appender.syncedPosition >= position { return }
        if try syncAlone(isPatient: true) { return }
        let outcome = Lock<Result<Void, CheckpointLogError>?>(nil)
        whenSynced(position) { result in
            outcome.withLock { $0 = result }
            outcome.wakeAll()
        }
        try outcome.wait { $0 }.get()
    }

    private func syncNow() throws(CheckpointLogError) {
        let start = ContinuousClock.now
        do {
            _ = try appender.syncAll()
            let nanoseconds = (ContinuousClock.now - start) / .nanoseconds(1)
            lastNanoseconds.store(Int64(nanoseconds), ordering: .relaxed)
            onSync()
        } catch {
            throw error as? CheckpointLogError
                ?? CheckpointLogError(code: .ioFailure, message: "The sync failed.", cause: error)
        }
    }

    private enum Step { case sync, promise, wait, stop }

    private func run() {
        while true {
            let (isPromiseDue, syncCount) = state.withLock { ($0.isPromiseDue, $0.syncCount) }
            let next: @Sendable (inout State) -> Step? = { state in
                if !state.waiters.isEmpty { return .sync }
                if state.isStopping { return .stop }
                return state.isPromiseDue && !isPromiseDue ? .wait : nil
            }
            let step =
                isPromiseDue
                ? state.wait(atMost: Self.quietNanoseconds, until: next) ?? .promise : state.wait(until: next)
            switch step {
            case .stop:
                state.withLock { $0.hasThread = false }
                state.wakeAll()
                return
            case .wait:
                continue
            case .promise:
                let isQuiet = state.withLock { state in
                    guard state.syncCount == syncCount else { return false }
                    state.isPromiseDue = false
                    return true
                }
                guard isQuiet else { continue }
                // A failure poisons the appender, and whoever writes or waits next is told.
                if (try? appender.appendPromise()) != nil { try? syncNow() }
            case .sync:
                gather()
                serve()
            }
        }
    }

    private func gather() {
        let expected = state.withLock { state in
            state.gathering = state.isStopping || state.lastServed < 2 ? 0 : state.lastServed
            return state.gathering
        }
        guard expected > 1 else { return }
        _ = state.wait(atMost: Self.gatherNanoseconds) { state -> Bool? in
            state.waiters.count >= expected || state.isStopping ? true : nil
        }
        state.withLock { $0.gathering = 0 }
    }

    private func serve() {
        let outcome = Result { () throws(CheckpointLogError) in try syncNow() }
        let hasFailed = (try? outcome.get()) == nil
        let synced = appender.syncedPosition
        let served = state.withLock { state in
            let served = state.waiters.filter { hasFailed || $0.position <= synced }
            state.waiters.removeAll { hasFailed || $0.position <= synced }
            Self.note(outcome, &state)
            state.lastServed = served.count
            state.crowd = served.count > 1 ? Self.calmSyncs : max(0, state.crowd - 1)
            return served
        }
        for waiter in served { waiter.completion(outcome) }
    }
}
