import Synchronization

/// Group commit: whoever waits for durability while a sync runs is served by the next one, all at once.
///
/// One thread syncs for all, started when it is first needed; whoever waits alone syncs himself, which spares waking
/// that thread and being woken by it, a fifth of the time that a fast disk takes. A task does so only while syncs are
/// quick: its thread is one of the few that all tasks share.
///
/// When nothing was asked for 50 ms after a sync the thread appends one empty promise frame and syncs that, so that
/// recovery knows what the last sync covered.
package final class SyncQueue: Sendable {
    package typealias Completion = @Sendable (Result<Void, CheckpointLogError>) -> Void

    private static let quietNanoseconds = 50_000_000
    /// How long a sync waits for those whom the last one served: they come back at about the same time, and one that
    /// began with the first of them would leave the others to the next.
    private static let gatherNanoseconds = 60_000
    /// The duration of the last sync from which on tasks leave syncs to the thread.
    private static let slowNanoseconds: Int64 = 1_000_000
    /// Syncs by the thread, for one waiter each, after which waiters are taken to come alone again.
    private static let calmSyncs = 8

    private struct State {
        var waiters: [(position: LogPosition, completion: Completion)] = []
        var isStopping = false
        var isPromiseDue = false
        /// How many the last sync served.
        var lastServed = 0
        /// How many waiters the thread waits for before it syncs; 0 while it does not.
        var gathering = 0
        /// Whether someone who waits alone syncs.
        var isSyncedAlone = false
        /// Syncs of the thread until a waiter may sync alone again.
        var crowd = 0
        var syncCount = 0
        var hasThread = false
    }

    private let appender: LogAppender
    private let runsInline: Bool
    /// Told after each sync that succeeded, on the thread that made it.
    private let onSync: @Sendable () -> Void
    private let state = Lock(State())
    /// How long the last sync took; nobody knows before the first.
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
        // Where the system has none to give, this one serves all who count on it. A promise waits for the next sync.
        func isDone(_ state: inout State) -> Bool {
            if state.waiters.isEmpty { state.hasThread = false }
            return state.waiters.isEmpty
        }
        while !state.withLock(isDone) { serve() }
        state.wakeAll()
    }

    /// Ends the thread once everyone who waits is served, and who syncs alone is done.
    package func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        state.wait { $0.isSyncedAlone || $0.hasThread ? nil : () }
    }

    /// Calls `completion` once everything before `position` is synced, or can never be.
    package func whenSynced(_ position: LogPosition, _ completion: @escaping Completion) {
        if appender.syncedPosition >= position { return completion(.success(())) }
        let (isTaken, isNew, wakes) = state.withLock { state in
            guard !state.isStopping, !runsInline else { return (false, false, false) }
            state.waiters.append((position, completion))
            let isNew = !state.hasThread
            state.hasThread = true
            // Woken for each of those it gathers, the thread would take their processors from them.
            return (true, isNew, state.waiters.count >= state.gathering)
        }
        if !isTaken {
            completion(Result { () throws(CheckpointLogError) in try syncNow() })
        } else if isNew || wakes {
            wakeThread(isNew: isNew)
        }
    }

    /// Syncs on the caller's thread, if nobody else waits and syncs are quick; false where somebody does, or they are
    /// not.
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
            // They came while the disk was busy: the next ones are served together.
            if !state.waiters.isEmpty { state.crowd = Self.calmSyncs }
            let wasPromiseDue = state.isPromiseDue
            Self.note(outcome, &state)
            // Whoever came meanwhile has started it.
            let isNew = state.isPromiseDue && !state.hasThread && !state.isStopping
            if isNew { state.hasThread = true }
            // Without a promise that is due the thread waits without a limit.
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
