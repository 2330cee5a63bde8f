package import Logging
import SystemPackage

/// Removes the files of dead large values, wherever their references are.
///
/// This order survives power cuts and damage. What superseded the value is synced. A frame is appended that says that
/// the value is freed; its promise covers what superseded the value. That frame is synced. Then the file is removed. So
/// a file is missing only if the log says why, and the log never says so while what replaced the value could be cut off
/// as a torn tail.
///
/// It does not sync itself while others do: each step goes as far as the log's syncs allow.
///
/// Where so much is dead that it would not wait for the next sync, values go without one whose references no sync has
/// stated. Until a sync states such a reference, a power cut may take its value anyway, and each sync from then on
/// covers what superseded it. So most values that are saved often never reach the disk. So that a power cut does not
/// take ever more, the log is synced about once a second while values go that way.
package final class ValueReclaimer: Sendable {
    /// Values that died by the time that `position` was the end of the log, or that frames before it declare freed.
    private struct Batch {
        var values: [ValueTable.DeadValue]
        var position: LogPosition

        var byteCount: Int { values.reduce(0) { $0 + $1.file.byteCount } }
    }

    private struct State {
        var dead: [Batch] = []
        var stated: [Batch] = []
        /// Batches whose files are removed.
        var freedCount = 0
        /// Since when values went without a sync: the end of the log then, and the time.
        var unstated: (position: LogPosition, time: Int64)?

        /// Whether so much is dead that it does not wait for the log's next sync. Two values may be on their way beside
        /// that, as they are while every checkpoint is synced.
        func isOver(_ limit: Int) -> Bool {
            let batches = dead + stated
            let largest = batches.flatMap(\.values).map(\.file.byteCount).max() ?? 0
            return batches.reduce(0) { $0 + $1.byteCount } > limit + 2 * largest
        }
    }

    /// Microseconds after which the log is synced while values go without a sync.
    private static let unstatedSpan: Int64 = 1_000_000

    private let held: HeldFiles
    private let appender: LogAppender
    private let catalog: RecordCatalog
    private let logger: Logger?
    /// Bytes of dead values that wait for the log's next sync.
    private let deadByteLimit: Int
    private let waitUntilSynced: @Sendable (LogPosition) throws -> Void
    /// Has the log synced, and does not wait for it.
    private let startSync: @Sendable (LogPosition) -> Void
    private let state = Lock(State())
    /// Only one step runs at a time.
    private let turn = Lock(())
    /// Bytes of values that were written since the last step began that has ended.
    private let writtenByteCount = Lock(0)

    package init(
        catalog: RecordCatalog, held: HeldFiles, appender: LogAppender, logger: Logger?, deadByteLimit: Int,
        startSync: @escaping @Sendable (LogPosition) -> Void,
        waitUntilSynced: @escaping @Sendable (LogPosition) throws -> Void
    ) {
        self.deadByteLimit = deadByteLimit
        self.startSync = startSync
        self.held = held
        self.appender = appender
        self.catalog = catalog
        self.logger = logger
        self.waitUntilSynced = waitUntilSynced
    }

    /// Whether a value may have died, or is on its way to be freed.
    package var hasWork: Bool {
        catalog.values.hasCandidates || state.withLock { !$0.dead.isEmpty || !$0.stated.isEmpty }
    }

    /// Does what the syncs so far allow. Where so much is dead that it would not wait for the next, it frees what needs
    /// no sync, and syncs where that is not enough.
    ///
    /// - Throws: what an append throws, `.ioFailure` of a removal; what is left is done by a later step.
    /// - Complexity: O(n) in the large values of the log, where one may have died.
    package func step() throws {
        let written = writtenByteCount.withLock { $0 }
        defer { writtenByteCount.withLock { $0 -= written } }
        guard hasWork, appender.failure == nil else { return }
        try turn.withLock { _ in
            try advance()
            guard isOver else { return }
            try freeUnstated()
            if isOver { try finishWhileAlone() }
        }
    }

    /// Notes that a value is going to be written. False if the caller has to make a step first, since more values were
    /// written after the last one than may be dead: a thread that is behind must not leave ever more on the disk.
    package func admits(_ byteCount: Int) -> Bool {
        writtenByteCount.withLock { count in
            defer { count += byteCount }
            return count <= deadByteLimit
        }
    }

    /// How often the reclaimer has removed files.
    package var freedCount: Int { state.withLock { $0.freedCount } }

    /// Frees all that is dead by now, with the two syncs that this takes.
    ///
    /// - Throws: as ``step()``.
    package func finish() throws {
        guard appender.failure == nil else { return }
        // Asked in its turn: a step that is under way has taken over what died, and may not be done with it.
        try turn.withLock { _ in if hasWork { try finishWhileAlone() } }
    }

    private var isOver: Bool { state.withLock { $0.isOver(deadByteLimit) } }

    private func finishWhileAlone() throws {
        try advance()
        for _ in 0..<2 where state.withLock({ !$0.dead.isEmpty || !$0.stated.isEmpty }) {
            try waitUntilSynced(appender.writtenPosition)
            try advance()
        }
    }

    private func advance() throws {
        claim()
        try declareFreed()
        try remove()
    }

    private func claim() {
        guard catalog.values.hasCandidates else { return }
        let values = catalog.values.claimDead(where: catalog.isLive)
        // Whatever superseded them is in the index, so its frame is written.
        let position = appender.writtenPosition
        if !values.isEmpty { state.withLock { $0.dead.append(Batch(values: values, position: position)) } }
    }

    /// Frees values whose references no sync has stated, the oldest first, until few enough are dead.
    ///
    /// Before a sync that is due for their sake it frees them all: after the sync each would wait for two more.
    private func freeUnstated() throws {
        let isSyncDue = isSyncDue()
        var freed: [ValueFile] = []
        defer { note(freed) }
        while isSyncDue || isOver, let value = nextUnstated {
            _ = try declareFreed(value.file)
            // Its descriptor would keep its pages.
            appender.unsyncedValues.remove(value.file.segment)
            try remove(value.file)
            freed.append(value.file)
            state.withLock { state in
                for index in state.dead.indices { state.dead[index].values.removeAll { $0.file == value.file } }
                state.dead.removeAll { $0.values.isEmpty }
                state.freedCount += 1
            }
        }
        if isSyncDue { startSync(appender.writtenPosition) }
    }

    /// The first dead value that needs no sync. What superseded it is appended, so a sync that begins later covers it.
    private var nextUnstated: ValueTable.DeadValue? {
        state.withLock { $0.dead.lazy.flatMap(\.values) }.first {
            $0.file.isUnsynced && appender.isBehindEverySync($0.location)
        }
    }

    /// Whether values have gone without a sync for long enough. Begins to count where none has since the last sync.
    private func isSyncDue() -> Bool {
        let (position, synced, now) = (appender.writtenPosition, appender.syncedPosition, appender.now())
        return state.withLock { state in
            let since = state.unstated.flatMap { $0.position > synced ? $0 : nil }
            if let start = since?.time, (0..<Self.unstatedSpan).contains(now &- start) { return false }
            state.unstated = (position, now)
            return since != nil
        }
    }

    /// Appends the frames for values whose superseding is durable: their promise says so.
    private func declareFreed() throws {
        while let batch = state.withLock({ $0.dead.first }), batch.position <= appender.syncedPosition {
            var end = batch.position
            for value in batch.values { end = try declareFreed(value.file) }
            state.withLock { state in
                state.dead.removeFirst()
                state.stated.append(Batch(values: batch.values, position: end))
            }
        }
    }

    private func declareFreed(_ file: ValueFile) throws -> LogPosition {
        var header = FrameHeader(kind: .freed)
        return unsafe try FreedValue(segment: file.segment).bytes.withUnsafeBytes { payload in
            unsafe header.setPayload(payload)
            let appended = unsafe try appender.append(FrameDraft(header: header, payload: payload))
            unsafe catalog.insert(
                CatalogRecord(
                    kind: .freed, level: 0, sequenceNumber: appended.sequenceNumber, location: appended.location,
                    key: .empty, origin: .empty, value: file))
            appended.indexed()
            catalog.values.note(file.segment, isThere: true)
            return appended.end
        }
    }

    /// Removes the files whose frames are durable. A reader that has one open reads on; a directory entry that a power
    /// cut brings back is an orphan, which the next opening removes.
    private func remove() throws {
        while let batch = state.withLock({ $0.stated.first }), batch.position <= appender.syncedPosition {
            for value in batch.values { try remove(value.file) }
            state.withLock { state in
                state.stated.removeFirst()
                state.freedCount += 1
            }
            note(batch.values.map(\.file))
        }
    }

    private func remove(_ file: ValueFile) throws {
        // It may be gone: its reference was compacted away, and the file with it.
        try wrapping { () throws(FileSystemError) in try held.remove(SegmentName(file.segment, .value)) }
        catalog.values.note(file.segment, isThere: false)
    }

    private func note(_ files: [ValueFile]) {
        guard !files.isEmpty else { return }
        logger?.debug(
            "freed large values",
            metadata: ["values": "\(files.count)", "bytes": "\(files.reduce(0) { $0 + $1.byteCount })"])
    }
}
