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
package final class ValueReclaimer: Sendable {
    /// Values that died by the time that `position` was the end of the log, or that frames before it declare freed.
    private struct Batch {
        var files: [ValueFile]
        var position: LogPosition

        var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }
    }

    private struct State {
        var dead: [Batch] = []
        var stated: [Batch] = []
        /// Batches whose files are removed.
        var freedCount = 0
    }

    /// Bytes of dead values over which the log is synced for them, beside the two that are on their way to be freed
    /// while every checkpoint is synced.
    private static let idleByteCount = 64 << 20

    private let held: HeldFiles
    private let appender: LogAppender
    private let catalog: RecordCatalog
    private let logger: Logger?
    private let waitUntilSynced: @Sendable (LogPosition) throws -> Void
    private let state = Lock(State())
    /// Only one step runs at a time.
    private let turn = Lock(())

    package init(
        catalog: RecordCatalog, held: HeldFiles, appender: LogAppender, logger: Logger?,
        waitUntilSynced: @escaping @Sendable (LogPosition) throws -> Void
    ) {
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

    /// Does what the syncs so far allow. Where so much is dead that it would not wait for the next, it syncs.
    ///
    /// - Throws: what an append throws, `.ioFailure` of a removal; what is left is done by a later step.
    /// - Complexity: O(n) in the large values of the log, where one may have died.
    package func step() throws {
        guard hasWork, appender.failure == nil else { return }
        try turn.withLock { _ in
            try advance()
            let (byteCount, largest) = state.withLock { state in
                let batches = state.dead + state.stated
                return (
                    batches.reduce(0) { $0 + $1.byteCount }, batches.flatMap(\.files).map(\.byteCount).max() ?? 0
                )
            }
            if byteCount > Self.idleByteCount + 2 * largest { try finishWhileAlone() }
        }
    }

    /// How often the reclaimer has removed files.
    package var freedCount: Int { state.withLock { $0.freedCount } }

    /// Frees all that is dead by now, with the two syncs that this takes.
    ///
    /// - Throws: as ``step()``.
    package func finish() throws {
        guard hasWork, appender.failure == nil else { return }
        try turn.withLock { _ in try finishWhileAlone() }
    }

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
        let files = catalog.values.claimDead(where: catalog.isLive)
        // Whatever superseded them is in the index, so its frame is written.
        let position = appender.writtenPosition
        if !files.isEmpty { state.withLock { $0.dead.append(Batch(files: files, position: position)) } }
    }

    /// Appends the frames for values whose superseding is durable: their promise says so.
    private func declareFreed() throws {
        while let batch = state.withLock({ $0.dead.first }), batch.position <= appender.syncedPosition {
            var end = batch.position
            for file in batch.files { end = try declareFreed(file) }
            state.withLock { state in
                state.dead.removeFirst()
                state.stated.append(Batch(files: batch.files, position: end))
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
            for file in batch.files {
                // It may be gone: its reference was compacted away, and the file with it.
                try wrapping { () throws(FileSystemError) in try held.remove(SegmentName(file.segment, .value)) }
                catalog.values.note(file.segment, isThere: false)
            }
            state.withLock { state in
                state.stated.removeFirst()
                state.freedCount += 1
            }
            logger?.debug(
                "freed large values", metadata: ["values": "\(batch.files.count)", "bytes": "\(batch.byteCount)"])
        }
    }
}
