import CheckpointLog
package import SystemPackage

/// What goes wrong.
extension SimulatedFileSystem {
    // MARK: Power

    /// All calls so far. Those that change the disk are counted a second time, in ``mutatingCallCount``.
    package var callCount: Int { state.withLock { $0.plan.callCount } }

    /// The calls so far at which the power could have been cut.
    package var mutatingCallCount: Int { state.withLock { $0.plan.mutatingCallCount } }

    package var isPowerCut: Bool { state.withLock { $0.plan.isPowerCut } }

    /// Cuts the power at mutating call `call` of this disk, counted from 1.
    ///
    /// With a seed, a write or store there is carried out for a part that the seed chooses, from nothing to all;
    /// without, not at all. Once the power is cut, the disk does not change any more and every call throws `EIO`.
    package func cutPower(atCall call: Int, tearing seed: UInt64? = nil) {
        state.withLock { $0.plan.cutPower(atCall: call, tearing: seed) }
    }

    /// Cuts the power now.
    package func cutPower() {
        state.withLock { $0.plan.cutPower() }
    }

    /// The disk as it is found after a crash at this moment: a new one, on which nothing is open or locked, with the
    /// same quota and behaviour, and without faults, trace or power cut.
    ///
    /// With `boot: .same` only the process died, and `kind` does not matter.
    package func crashImage(_ kind: CrashImageKind = .everything, boot: CrashBoot) -> SimulatedFileSystem {
        let disk = state.withLock { $0.disk }
        return switch boot {
        case .same: SimulatedFileSystem(disk.surviving())
        case .another: SimulatedFileSystem(disk.image(kind))
        }
    }

    /// A disk that goes its own way from here, as after the death of the process.
    package func copy() -> SimulatedFileSystem { crashImage(boot: .same) }

    // MARK: Faults

    /// Fails call `number`, counted from 1 among all calls of this disk; with `once` false, every later one, too.
    ///
    /// Stores cannot fail: a fault that falls on one does nothing.
    package func fail(call number: Int, with code: Errno, once: Bool = true) {
        add(.failure(code), once: once) { once ? $0.number == number : $0.number >= number }
    }

    /// Fails the next call of one of `operations` on a path that `isAffected` accepts, after `skipping` such calls;
    /// with `once` false, every later one, too.
    package func fail(
        _ operations: SimulatedCall.Operation...,
        where isAffected: @escaping @Sendable (FilePath) -> Bool = { _ in true },
        skipping skippedCallCount: Int = 0, with code: Errno, once: Bool = true
    ) {
        add(.failure(code), skipping: skippedCallCount, once: once) {
            operations.contains($0.operation) && isAffected($0.path)
        }
    }

    /// Lets call `number` read or write at most `byteCount` bytes; other calls are not affected.
    package func shorten(call number: Int, toByteCount byteCount: Int, once: Bool = true) {
        add(.short(byteCount), once: once) { once ? $0.number == number : $0.number >= number }
    }

    /// Lets the next call of one of `operations` read or write at most `byteCount` bytes; with `once` false, every
    /// later one, too.
    package func shorten(
        _ operations: SimulatedCall.Operation...,
        where isAffected: @escaping @Sendable (FilePath) -> Bool = { _ in true },
        skipping skippedCallCount: Int = 0, toByteCount byteCount: Int, once: Bool = true
    ) {
        add(.short(byteCount), skipping: skippedCallCount, once: once) {
            operations.contains($0.operation) && isAffected($0.path)
        }
    }

    package func removeFaults() {
        state.withLock { $0.plan.removeFaults() }
    }

    private func add(
        _ effect: FaultPlan.Effect, skipping skippedCallCount: Int = 0, once: Bool,
        matches: @escaping @Sendable (SimulatedCall) -> Bool
    ) {
        let fault = FaultPlan.Fault(
            matches: matches, skippedCallCount: skippedCallCount, isOnce: once, effect: effect)
        state.withLock { $0.plan.add(fault) }
    }

    // MARK: Behaviour

    /// The bytes that the disk has room for, in whole blocks of 4 KiB; nil for no limit.
    package var byteQuota: Int? {
        get { state.withLock { $0.disk.byteQuota } }
        set { state.withLock { $0.disk.byteQuota = newValue } }
    }

    package var usedByteCount: Int { state.withLock { $0.disk.usedByteCount } }

    package var mapping: SimulatedMapping {
        get { state.withLock { $0.disk.mapping } }
        set { state.withLock { $0.disk.mapping = newValue } }
    }

    package var failedSyncBehavior: FailedSyncBehavior {
        get { state.withLock { $0.disk.failedSyncBehavior } }
        set { state.withLock { $0.disk.failedSyncBehavior = newValue } }
    }

    /// Whether ``OpenFile/readIfCached(into:at:)`` finds what it looks for; true at first.
    package var servesCachedReads: Bool {
        get { state.withLock { $0.disk.servesCachedReads } }
        set { state.withLock { $0.disk.servesCachedReads = newValue } }
    }

    /// Whether files take the setting to pass the page cache by; false at first. Nothing else comes of it.
    package var passesCacheBy: Bool {
        get { state.withLock { $0.disk.passesCacheBy } }
        set { state.withLock { $0.disk.passesCacheBy = newValue } }
    }

    /// Forgets all pages that look clean, so that reads see what the disk holds.
    package func evictCleanPages() {
        state.withLock { state in
            for number in state.disk.files.keys { state.disk.files[number]?.evictCleanPages() }
        }
    }

    // MARK: Observation

    /// The calls since this was set to `true`, in order.
    package var trace: [SimulatedCall] { state.withLock { $0.trace ?? [] } }

    package var isTracing: Bool {
        get { state.withLock { $0.trace != nil } }
        set { state.withLock { $0.trace = newValue ? [] : nil } }
    }

    /// Runs `observer` before each call, on its thread and outside all locks: a test can hold a call back there.
    package func observe(_ observer: (@Sendable (SimulatedCall) -> Void)?) {
        state.withLock { $0.observer = observer }
    }
}
