package import CBOR
import Logging
import Synchronization
import SystemPackage

/// The parts of an open log, put together. The public actor calls it. It only puts steps in order; each part knows its
/// own rules.
package final class LogEngine: Sendable {
    package let identity: LogIdentity
    package let configuration: Configuration
    package let report: RecoveryReport
    /// The payload of the mode, in properties: reading one is cheaper for each append and restore than matching an
    /// enum.
    package let writer: Writer?
    package let follower: LogFollower?
    package let isInMemory: Bool
    package let memory: MemoryStore
    /// Releases the files of a snapshot; nil if this is not one.
    private let endsSnapshot: (@Sendable () -> Void)?
    package let snapshots = OpenSnapshots()
    /// The view of a log that never changes its view; a follower has its own.
    private let ownView: LogView?
    // Parts of the view that every append and restore uses.
    private let ownCatalog: RecordCatalog?
    /// Nil for a reader, whose view changes.
    let uncountedView: UncountedView?
    private let uncounted: Uncounted?
    private let storagePolicies: [StoragePolicy]
    /// Whether any level keeps versions at an interval: most logs count none.
    let countsVersions: Bool
    /// Whether any level is a memory level. Most logs have none, and skip that look-up.
    package let hasMemoryLevel: Bool
    /// The last number and time in a log without a directory.
    package let memoryNumbers = Lock(TakenNumber(sequenceNumber: SequenceNumber(epoch: 1, count: 0), timestamp: 0))
    package let writingOut = Lock(())
    /// One change of labels at a time, since each frame lists all labels of a key.
    let labelling = Lock(())
    let versionCounts = VersionCounts()
    /// Large batches between their first number and their last index entry.
    package let batchesUnderWay = Lock(0)
    /// Held while a large batch is added to the index (it has no pending entries), and while the index is copied.
    let batchIndexing = Lock(())
    package let blocking: BlockingThreads
    /// Runs calls that execute code of the program, such as a type's `init(from:)`. However long that takes, listings,
    /// appends and closings do not wait for it.
    package let decoding: BlockingThreads
    private let encodeBuffers: EncodeBuffers
    private let isClosed = Atomic(false)
    private let process = ProcessMark()

    /// The parts that only a writer has. A class, so that an append takes one reference and not six.
    package final class Writer: Sendable {
        package let lock: any FileLock
        package let manifest: ManifestFile
        package let position: PositionPage
        package let appender: LogAppender
        package let records: RecordWriter
        package let sync: SyncQueue
        package let maintenance: Maintenance
        package let held: HeldFiles

        init(
            lock: any FileLock, manifest: ManifestFile, position: PositionPage, appender: LogAppender,
            records: RecordWriter,
            sync: SyncQueue, maintenance: Maintenance, held: HeldFiles
        ) {
            self.lock = lock
            self.manifest = manifest
            self.position = position
            self.appender = appender
            self.records = records
            self.sync = sync
            self.maintenance = maintenance
            self.held = held
        }
    }

    /// The parts of a writer that every append uses, not reference-counted: each would cost it a retain and a release.
    /// They live as long as the engine, which holds them, too.
    ///
    /// `@unchecked Sendable`: they are constants, and what they refer to is `Sendable`.
    @safe struct Uncounted: @unchecked Sendable {
        let records: Unmanaged<RecordWriter>
        let catalog: Unmanaged<RecordCatalog>
        let appender: Unmanaged<LogAppender>

        init(_ writer: Writer, _ view: LogView) {
            unsafe records = .passUnretained(writer.records)
            unsafe catalog = .passUnretained(view.catalog)
            unsafe appender = .passUnretained(writer.appender)
        }
    }

    /// The same for what every restore uses.
    ///
    /// `@unchecked Sendable`: as there.
    @safe struct UncountedView: @unchecked Sendable {
        let catalog: Unmanaged<RecordCatalog>
        let frames: Unmanaged<FrameReader>

        init(_ view: LogView) {
            unsafe catalog = .passUnretained(view.catalog)
            unsafe frames = .passUnretained(view.frames)
        }
    }

    /// How the log was opened.
    package enum Mode: Sendable {
        case writer(Writer, LogView)
        /// For reading. The follower reads what a writer, in this process or another, has written since.
        case follower(LogFollower)
        /// Without a directory: every level is a memory level.
        case memory(LogView)
    }

    package init(
        _ mode: Mode, identity: LogIdentity, configuration: Configuration, report: RecoveryReport
    ) {
        (writer, follower, ownView, isInMemory) =
            switch mode {
            case .writer(let writer, let view): (writer, nil, view, false)
            case .follower(let follower): (nil, follower, nil, false)
            case .memory(let view): (nil, nil, view, true)
            }
        (memory, endsSnapshot) = (MemoryStore(), nil)
        self.identity = identity
        self.configuration = configuration
        self.report = report
        blocking = BlockingThreads()
        decoding = BlockingThreads(limit: 8)
        encodeBuffers = EncodeBuffers(
            configuration.encoder, lendingFrom: isInMemory ? .max : configuration.largeValueLimit)
        ownCatalog = ownView?.catalog
        uncountedView = ownView.map { UncountedView($0) }
        uncounted = if let writer, let ownView { Uncounted(writer, ownView) } else { nil }
        let policies = ownView?.policies ?? follower?.view.policies
        storagePolicies = (0...UInt8.max).map { StoragePolicy(policies?[$0] ?? .standard(for: Int($0))) }
        countsVersions = policies?.countsVersions ?? false
        hasMemoryLevel = isInMemory || ownView?.policies.hasMemoryLevel ?? false
    }

    /// A snapshot of `other`. It has no threads of its own.
    ///
    /// - Parameters:
    ///   - memory: what the memory level held.
    ///   - end: releases the files.
    init(
        snapshotOf other: LogEngine, _ view: LogView, _ memory: MemoryStore, _ configuration: Configuration,
        end: @escaping @Sendable () -> Void
    ) {
        (writer, follower, ownView, uncounted, isInMemory) = (nil, nil, view, nil, other.isInMemory)
        (self.memory, endsSnapshot) = (memory, end)
        (identity, self.configuration, report) = (other.identity, configuration, other.report)
        (blocking, decoding, encodeBuffers) = (other.blocking, other.decoding, other.encodeBuffers)
        ownCatalog = view.catalog
        uncountedView = UncountedView(view)
        storagePolicies = other.storagePolicies
        countsVersions = false
        hasMemoryLevel = other.hasMemoryLevel
    }

    /// The current view of the log. A reader may have another view the next time.
    @inline(__always)
    package var view: LogView {
        if let ownView { return ownView }
        guard let follower else { preconditionFailure("a log is written, followed or in memory") }
        return follower.view
    }

    @inline(__always)
    package var catalog: RecordCatalog {
        if let ownCatalog { return ownCatalog }
        return view.catalog
    }

    @inline(__always) package var files: SegmentFiles { view.files }
    @inline(__always) package var frames: FrameReader { view.frames }

    /// How checkpoints of a level are stored.
    @inline(__always)
    package func storagePolicy(for level: UInt8) -> StoragePolicy { storagePolicies[Int(level)] }

    package func policy(for level: UInt8) -> LevelPolicy { view.policies[level] }

    package func retention(of level: UInt8) -> LevelPolicy.Retention { view.policies.retentions[level] }

    package func checkOpen() throws {
        if isClosed.load(ordering: .acquiring) { throw CheckpointLogError.closed }
    }

    /// Whether this is the process that opened the log, rather than a child of it.
    package var isOfThisProcess: Bool { process.isThisProcess }

    /// - Throws: `.writerFailed` in a child of the process that opened the log.
    package func checkProcess() throws {
        guard isOfThisProcess else { throw CheckpointLogError.openInParent }
    }

    @inline(__always)
    package func requireWriter() throws -> Writer {
        try checkOpen()
        try checkProcess()
        guard let writer else { throw noWriter }
        return writer
    }

    /// The same, for an append.
    @inline(__always)
    func requireUncounted() throws -> Uncounted {
        try checkOpen()
        try checkProcess()
        guard let uncounted else { throw noWriter }
        return uncounted
    }

    private var noWriter: CheckpointLogError {
        isInMemory
            ? .unsupported("The log has no directory; open one with `open(at:)` to keep checkpoints.")
            : .readOnly
    }

    /// Whether this is a snapshot.
    package var isSnapshot: Bool { endsSnapshot != nil }

    /// Whether it was opened so that nothing can be stored.
    package var isReadOnly: Bool { follower != nil || isSnapshot }

    /// - Throws: `.readOnly` for a snapshot of a log without a directory; a log with one is asked for its writer.
    func requireStoring() throws {
        try checkOpen()
        if isSnapshot { throw CheckpointLogError.readOnly }
    }

    package func borrowEncodeBuffer() -> CBOREncodingBuffer { encodeBuffers.borrow() }

    package func giveBack(_ buffer: CBOREncodingBuffer) { encodeBuffers.giveBack(buffer) }

    /// A buffer of which the caller owns a reference that is not counted for him: he gives it back or takes it.
    @inline(__always)
    func borrowUncountedBuffer() -> Unmanaged<CBOREncodingBuffer> { unsafe encodeBuffers.borrowUncounted() }

    @inline(__always)
    func giveBack(_ buffer: Unmanaged<CBOREncodingBuffer>) { unsafe encodeBuffers.giveBack(buffer) }

    /// Waits for everything that may still edit the manifest. Appends are already refused. After the lock is released,
    /// the manifest belongs to another writer.
    private func finishWrites(_ writer: Writer) {
        writer.records.finish()
        writer.maintenance.stop()
        writer.maintenance.waitUntilIdle()
    }

    /// Brings a log that was opened for reading up to what its writer has written. Nothing for any other.
    ///
    /// - Parameter isForced: whether to look for moved records although nothing new was written.
    /// - Throws: ``WouldWait`` in a mode that must not wait.
    package func refresh(_ mode: ReadMode = .waiting, isForced: Bool = false) throws {
        guard let follower else { return }
        if mode == .cachedOnly { throw WouldWait() }
        try follower.refresh(isForced: isForced)
    }

    /// Closes the log: refuses appends, syncs everything, settles receipts, ends the threads, seals the last segment
    /// and releases the lock.
    ///
    /// A log that a failure closed for writing writes nothing more and throws the first cause.
    package func close() throws {
        guard isOfThisProcess else {
            // A forked child must not end the threads, lock and files of its parent.
            if writer != nil { throw CheckpointLogError.openInParent }
            return
        }
        // The memory level goes into the log while the log still accepts appends.
        let unsaved = saveForClose()
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        snapshots.endAll()
        defer {
            endThreads()
            view.files.closeAll()
            endsSnapshot?()
        }
        guard let writer else { return }
        // The next opening frees a value that cannot be freed now.
        try? writer.maintenance.values.finish()
        _ = writer.appender.refuseAppends()
        writer.records.finish()
        defer {
            writer.held.stop()
            writer.lock.unlock()
        }
        let failure: (any Error)?
        do {
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            // With everything synced the log may have failed at something else, such as an edit of the manifest.
            failure = writer.appender.failure.map(LogAppender.refusal)
        } catch {
            failure = error
        }
        finishWrites(writer)
        writer.sync.stop()
        defer { writer.position.close() }
        if let failure { throw failure }
        try writer.maintenance.sealAll()
        let prepared = writer.appender.removePrepared()
        if let prepared { writer.appender.discard(prepared) }
        let active = writer.appender.activeToSeal()
        // Whoever appended last may not have told the index yet, and the snapshot says what the index says.
        while active.segment.hasPendingEntries { NamedThread.yield() }
        if active.end == SegmentHeader.byteCount {
            // Not before the one that names it is gone for good: a segment whose predecessor is missing is damage.
            if prepared == nil || (try? identity.directory.sync()) != nil {
                writer.appender.discard(active.segment)
            } else {
                active.segment.file.close()
            }
        } else {
            let (name, file) = (active.segment.name, active.segment.file)
            let footer = try LogFooters.footer(ofUnsealed: name, file, end: active.end, identity: identity)
            try SegmentSealer.seal(name, file, footer, end: active.end, manifest: writer.manifest)
            file.close()
        }
        writer.maintenance.compactAtClose()
        writer.maintenance.writeSnapshotAtClose()
        if let unsaved { throw unsaved }
    }

    /// Ends the reading threads. A snapshot uses those of its log.
    private func endThreads() {
        guard !isSnapshot else { return }
        blocking.stop()
        decoding.stop()
    }

    /// Writes the memory level out before the log closes; gives the first failure, which does not keep it from closing.
    private func saveForClose() -> (any Error)? {
        guard !isClosed.load(ordering: .acquiring), let writer, writer.appender.failure == nil, hasMemoryLevel else {
            return nil
        }
        do {
            _ = try writeOutAll()
            return nil
        } catch {
            return error
        }
    }

    /// Ends the threads of a log that was dropped without `close()`; nothing is lost that was acknowledged.
    package func abandon() {
        guard process.isThisProcess, !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        snapshots.endAll()
        endThreads()
        endsSnapshot?()
        guard let writer else { return }
        writer.held.stop()
        _ = writer.appender.refuseAppends()
        finishWrites(writer)
        writer.sync.stop()
        // A receipt may outlive the log.
        writer.appender.endSyncing()
        writer.position.close()
        writer.lock.unlock()
    }
}
