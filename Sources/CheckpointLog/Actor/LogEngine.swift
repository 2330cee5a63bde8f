import Logging
import SystemPackage

/// The parts of an open log, put together: what the public actor's calls are made of. It only sequences; each part knows its
/// own rules.
package final class LogEngine: Sendable {
    package let identity: LogIdentity
    package let configuration: Configuration
    package let catalog: RecordCatalog
    package let files: SegmentFiles
    package let report: RecoveryReport
    /// The sealed segments that a log opened for reading found; a writer asks its manifest.
    package let segmentsAtOpening: [Manifest.Segment]
    /// Nil for a log that was opened for reading.
    package let writer: Writer?
    package let blocking = BlockingThreads()
    package let encodeBuffers = Lock<[[UInt8]]>([])
    private let isClosed = Lock(false)

    /// The parts that only a writer has.
    package struct Writer: Sendable {
        package let lock: any FileLock
        package let manifest: ManifestFile
        package let position: PositionPage
        package let appender: LogAppender
        package let sync: SyncQueue
        package let maintenance: Maintenance
    }

    package init(
        identity: LogIdentity, configuration: Configuration, catalog: RecordCatalog, files: SegmentFiles,
        report: RecoveryReport, segmentsAtOpening: [Manifest.Segment] = [], writer: Writer?
    ) {
        self.identity = identity
        self.configuration = configuration
        self.catalog = catalog
        self.files = files
        self.report = report
        self.segmentsAtOpening = segmentsAtOpening
        self.writer = writer
    }

    package func checkOpen() throws {
        if isClosed.withLock({ $0 }) { throw CheckpointLogError.closed }
    }

    package func requireWriter() throws -> Writer {
        try checkOpen()
        guard let writer else { throw CheckpointLogError.readOnly }
        return writer
    }

    /// Ends the log: no more appends, everything synced, receipts settled, threads ended, the tail sealed, lock given back.
    ///
    /// A log that a failure closed for writing writes nothing more and throws the first cause.
    package func close() throws {
        let wasOpen = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard wasOpen else { return }
        defer {
            blocking.stop()
            files.closeAll()
        }
        guard let writer else { return }
        _ = writer.appender.refuseAppends()
        defer { writer.lock.unlock() }
        let failure: (any Error)?
        do {
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            failure = nil
        } catch {
            failure = error
        }
        writer.maintenance.stop()
        writer.sync.stop()
        defer { writer.position.close() }
        if let failure { throw failure }
        try writer.maintenance.sealAll()
        if let prepared = writer.appender.takePrepared() { writer.appender.discard(prepared) }
        let active = writer.appender.takeActive()
        if active.end == SegmentHeader.byteCount {
            writer.appender.discard(active.segment)
        } else {
            try SegmentSealer.seal(
                active.segment.name, active.segment.file, end: active.end, identity: identity,
                manifest: writer.manifest)
            active.segment.file.close()
        }
    }

    /// Ends the threads of a log that was dropped without `close()`; nothing is lost that was acknowledged.
    package func abandon() {
        let wasOpen = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard wasOpen else { return }
        blocking.stop()
        guard let writer else { return }
        _ = writer.appender.refuseAppends()
        writer.maintenance.stop()
        writer.sync.stop()
        writer.position.close()
        writer.lock.unlock()
    }
}
