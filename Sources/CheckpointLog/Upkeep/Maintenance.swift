import Logging

/// The work in the background: preparing the next segment, sealing full ones, compacting dead bytes.
///
/// Two threads at most, so that a seal never waits for a compaction.
package final class Maintenance: Sendable {
    /// A thread that runs while there is work for it, and a moment longer.
    private struct Worker {
        var isWanted = false
        var isRunning = false
    }

    private struct State {
        var sealer = Worker()
        var compactor = Worker()
        var isStopping = false
        var lastCompaction: CompactionOutcome?
        var compactionCount = 0
        /// Whether a thread is looking for full segments.
        var isSealing = false
        /// When no room could be made last, and what had been by then.
        var vain: (time: ContinuousClock.Instant, roomMade: Int, dead: Int)?
    }

    let appender: LogAppender
    let sync: SyncQueue
    package let compactor: Compactor
    package let values: ValueReclaimer
    private let catalog: RecordCatalog
    let configuration: Configuration
    private let state = Lock(State())
    private let snapshots: Lock<SnapshotSchedule>
    private let roomTurn = Lock(())
    /// A caller who waits for a seal may seal himself.
    let sealTurn = Lock(())

    package init(
        appender: LogAppender, sync: SyncQueue, compactor: Compactor, values: ValueReclaimer, catalog: RecordCatalog,
        configuration: Configuration, snapshots: SnapshotSchedule
    ) {
        self.catalog = catalog
        self.snapshots = Lock(snapshots)
        self.appender = appender
        self.sync = sync
        self.compactor = compactor
        self.values = values
        self.configuration = configuration
    }

    package var lastCompaction: CompactionOutcome? { state.withLock { $0.lastCompaction } }

    package var compactionCount: Int { state.withLock { $0.compactionCount } }

    /// How often anything made room on the disk: compactions that won some, holders that let files go, and values that
    /// were freed.
    package var roomMade: Int { compactor.winCount + values.freedCount }

    package var isCompacting: Bool { compactor.isCompacting }

    /// Whether room is being won at this moment, which whoever wants some waits for.
    package var isMakingRoom: Bool { appender.gate.isBusy || compactor.isSealingByCopying }

    /// Looks for work that the last opening left: dead values, and segments that are due for compaction.
    package func start() {
        if appender.wantsNext || values.hasWork { noteRoll() }
        if configuration.compactsAutomatically, compactor.isDue { noteSegment() }
    }

    /// Called under the append lock after a roll or a growth. Only notifies a thread.
    package func noteRoll() {
        wake(\.sealer, "ckpt-seal") { [self] in
            run(\.sealer) {
                defer { endSealing() }
                try prepareAndSeal()
            }
        }
    }

    /// Called after a sync, and when a large value may have died. Notifies a thread if there is something to free.
    package func noteValues() {
        if values.hasWork { noteRoll() }
    }

    /// Called when a segment was added outside of the chain: there may be something to compact.
    package func noteSegment() {
        guard configuration.compactsAutomatically else { return }
        wake(\.compactor, "ckpt-compact") { [self] in
            NamedThread.lowerPriority()
            run(\.compactor) {
                try compact()
                try writeSnapshotIfDue()
            }
        }
    }

    package func stop() {
        state.withLock { $0.isStopping = true }
        compactor.stop()
        state.wakeAll()
        state.wait { $0.sealer.isRunning || $0.compactor.isRunning ? nil : () }
    }

    /// How many threads run now.
    package var threadCount: Int {
        state.withLock { ($0.sealer.isRunning ? 1 : 0) + ($0.compactor.isRunning ? 1 : 0) }
    }

    /// When a log closes, compacts what is due and quick. A failure only costs disk space.
    package func compactAtClose() {
        guard configuration.compactsAutomatically, appender.failure == nil else { return }
        do {
            try compactor.finish()
            compactor.shrinkReserve()
        } catch {
            configuration.logger?.warning("what was due for compaction when the log closed is left: \(error)")
        }
    }

    /// Waits for a compaction that was asked for; none begins after ``stop()``.
    package func waitUntilIdle() { compactor.whileIdle {} }

    /// Prepares the next segment and seals what waits for it.
    package func prepareAndSeal() throws {
        do throws(FileSystemError) {
            if try appender.prepareNext() { configuration.logger?.debug("prepared the next segment") }
        } catch {
            // The append that needs the segment creates it itself, and throws if it cannot.
            configuration.logger?.warning("the next segment could not be prepared: \(error)")
            // An earlier compaction may have failed for the same want of room.
            if error.isDiskFull { noteSegment() }
        }
        try sealAll()
        try freeValues()
    }

    /// Frees dead large values as far as the log's syncs allow.
    ///
    /// - Throws: `.ioFailure`; not that the log is closed or has no room, which is for who appends to be told.
    package func freeValues() throws { try notingLackOfRoom { try values.step() } }

    /// Frees dead values before another one is written. At a level that does not sync, where many may be dead, this is
    /// left to a thread of the log while that keeps up.
    package func freeValues(before byteCount: Int, isSynced: Bool) throws {
        let isBehind = !values.admits(byteCount)
        if isSynced || isBehind || configuration.runsInline { try freeValues() }
    }

    /// A frame that says that a value is freed may need a new segment: what a compaction wins can be room for it.
    private func notingLackOfRoom(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CheckpointLogError where error.code == .closed || error.isLackOfRoom {
            configuration.logger?.debug("large values are freed later: \(error)")
        }
    }

    /// Makes the reserve again, where it was given up and there is room again. False if appends have to wait for that
    /// still, or never had to.
    package func regainReserve() -> Bool {
        guard !appender.gate.isOpen else { return false }
        compactor.keepReserve()
        return appender.gate.isOpen
    }

    /// Runs `body` while no other append makes room.
    package func inTurn<Result>(_ body: () throws -> Result) rethrows -> Result {
        try roomTurn.withLock { _ in try body() }
    }

    /// How long it is believed that no room can be made: many may ask at once.
    private static let vainDuration = Duration.milliseconds(500)

    /// Makes room for an append that found none: seals full segments, frees dead values, and compacts.
    ///
    /// - Returns: whether there is more room now, or may be soon; false if everything on the disk is needed.
    /// - Throws: what a compaction throws; where that found no room either, this returns false.
    package func makeRoom(until deadline: ContinuousClock.Instant) throws -> Bool {
        let before = roomMade
        let dead = appender.counters.frameBytes - catalog.usage.liveByteCount
        // Unless something has died since, by a removal or by appends that found room nevertheless: a seal gives some
        // back, and so do others who use the disk.
        if let vain = state.withLock({ $0.vain }), vain.roomMade == before, dead <= vain.dead,
            !isMakingRoom, !catalog.values.hasCandidates, .now - vain.time < Self.vainDuration
        {
            return false
        }
        let isMade = try appender.gate.whileClosed {
            do {
                // Only sealed segments are compacted, and the thread that seals them may be behind.
                sealAhead(until: deadline)
                // Makes the reserve again with what it wins, before the appends get the rest.
                try compact(fully: true)
            } catch let error as CheckpointLogError where error.isLackOfRoom || error.code == .closed {}
            return roomMade != before
        }
        // Another compaction may have won room since, and not come to this yet.
        _ = regainReserve()
        // The next segment could not be prepared meanwhile.
        noteRoll()
        if isMade || isMakingRoom { return true }
        let now = ContinuousClock.now
        state.withLock { $0.vain = (now, before, dead) }
        return false
    }

    /// Ends the active segment where much of it is dead, and has all that is full sealed: only what is sealed is
    /// compacted.
    private func sealWhatIsDead() throws {
        let end = appender.writtenPosition
        let live = catalog.usage.liveByteCount(of: end.segment)
        let dead = Int(end.offset) - SegmentHeader.byteCount - live
        if dead > Int(end.offset) / 4, dead >= Self.leastDeadByteCount { try appender.roll() }
        if configuration.runsInline { try sealAll() } else { sealAhead(until: .now + .seconds(10)) }
    }

    /// A smaller segment is not worth a seal.
    private static let leastDeadByteCount = 64 << 10

    /// Waits until full segments are sealed, or cannot be sealed.
    private func sealAhead(until deadline: ContinuousClock.Instant) {
        guard !configuration.runsInline else { return }
        while appender.failure == nil, .now < deadline {
            let waiting = appender.unsealedCount
            guard waiting > 0 else { return }
            noteRoll()
            let isDone = state.wait(atMost: 1_000_000_000) { state -> Bool? in
                if state.isStopping || !state.sealer.isRunning { return false }
                return state.sealer.isWanted || state.isSealing ? nil : true
            }
            if isDone == false {
                // The system had no thread to give: this one seals, and what fails shows in what is left.
                let hasThread = state.withLock { $0.isStopping || $0.sealer.isRunning }
                if !hasThread { try? sealAll() }
                return
            }
            if appender.unsealedCount >= waiting { return }
        }
    }

    /// Bytes of frames that an opening may have to read.
    private var storedByteCount: Int { appender.counters.frameBytes - compactor.leftOutByteCount }

    private var extent: SnapshotSchedule.Extent {
        SnapshotSchedule.Extent(
            frameByteCount: storedByteCount, keyCount: catalog.index.count,
            indexByteCount: catalog.index.memoryByteCount)
    }

    /// Writes a snapshot of the index if the log has grown enough since the last one.
    package func writeSnapshotIfDue() throws {
        let now = extent
        if snapshots.withLock({ $0.isDue(now) }) { try writeSnapshot() }
    }

    /// Writes a snapshot for the next opening when footers would take that longer. A failure costs time alone.
    package func writeSnapshotAtClose() {
        let written = storedByteCount
        guard snapshots.withLock({ $0.isDueAtClose(frameByteCount: written) }) else { return }
        do {
            try writeSnapshot()
        } catch {
            configuration.logger?.warning("the index snapshot could not be written: \(error)")
        }
    }

    package func writeSnapshot() throws {
        let written = extent
        // No record changes its place while the tables are written one after another.
        try compactor.whileSealingPlainly {
            _ = try IndexSnapshot.write(
                catalog, manifest: appender.manifest.current, excluding: { catalog.usage.isHeld($0) },
                identity: appender.identity
            ) {
                try sync.waitUntilSynced(appender.writtenPosition)
            }
        }
        snapshots.withLock { $0.didWrite(written) }
        configuration.logger?.debug("wrote a snapshot of the index")
    }

    /// Compacts until the log is within its bound; gives the last outcome, nil when there was nothing to do.
    @discardableResult
    package func compact(fully: Bool = false) throws -> CompactionOutcome? {
        if fully {
            try compactor.expireVersions()
            try notingLackOfRoom { try values.finish() }
            try notingLackOfRoom { try sealWhatIsDead() }
        }
        compactor.keepReserve()
        var last: CompactionOutcome?
        defer { if last != nil || !appender.gate.isOpen { compactor.keepReserve() } }
        while let outcome = try compactor.runOnce(fully: fully) {
            last = outcome
            note(outcome)
            // Live bytes are counted in size classes, which round up: what wins next to nothing is the end.
            if outcome.outputByteCount * 16 > outcome.inputByteCount * 15 { break }
        }
        return last
    }

    func note(_ outcome: CompactionOutcome) {
        state.withLock { state in
            state.lastCompaction = outcome
            state.compactionCount += 1
        }
        configuration.logger?.debug(
            "compacted",
            metadata: [
                "inputs": "\(outcome.inputCount)", "inputBytes": "\(outcome.inputByteCount)",
                "outputBytes": "\(outcome.outputByteCount)", "records": "\(outcome.recordCount)",
            ])
    }

    private func endSealing() {
        state.withLock { $0.isSealing = false }
        state.wakeAll()
    }

    /// How long a thread without work waits before it ends.
    private static let idleNanoseconds = 1_000_000_000

    /// Notifies a thread of the log, and starts it if it does not run.
    private func wake(
        _ worker: any WritableKeyPath<State, Worker> & Sendable, _ name: String, _ body: @escaping @Sendable () -> Void
    ) {
        let isNew = state.withLock { state in
            state[keyPath: worker].isWanted = true
            guard !configuration.runsInline, !state.isStopping, !state[keyPath: worker].isRunning else { return false }
            state[keyPath: worker].isRunning = true
            return true
        }
        if isNew, NamedThread(name: name, body) == nil {
            state.withLock { $0[keyPath: worker].isRunning = false }
            // The work waits for the next note, or for the closing.
            configuration.logger?.warning("the system has no thread to give for work in the background")
        }
        state.wakeAll()
    }

    private func run(_ worker: any WritableKeyPath<State, Worker> & Sendable, _ body: () throws -> Void) {
        func take(_ state: inout State) -> Bool? {
            if state.isStopping {
                state[keyPath: worker].isRunning = false
                return false
            }
            guard state[keyPath: worker].isWanted else { return nil }
            state[keyPath: worker].isWanted = false
            // In one step with that: whoever waits for the seal must not look in between.
            if worker == \.sealer { state.isSealing = true }
            return true
        }
        while true {
            let goesOn =
                state.wait(atMost: Self.idleNanoseconds, until: take)
                ?? state.withLock { state in
                    let taken = take(&state)
                    if taken == nil { state[keyPath: worker].isRunning = false }
                    return taken ?? false
                }
            guard goesOn else { break }
            do {
                try body()
            } catch {
                configuration.logger?.error("work in the background failed: \(error)")
            }
        }
        state.wakeAll()
    }
}
