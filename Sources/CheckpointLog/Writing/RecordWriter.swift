/// Gives records their form on disk: a frame in the active segment, or, for a large value, a file of its own and the
/// reference to it. What is stored counts once it is written; the index is told by whoever asked.
package final class RecordWriter: Sendable {
    package struct Limits: Sendable {
        package var segmentByteCount: Int
        package var valueByteCount: Int
        /// Bytes over which a value, or a batch, goes to files of its own.
        package var frameContentByteCount: Int

        package init(segmentByteCount: Int, valueByteCount: Int, frameContentByteCount: Int) {
            self.segmentByteCount = segmentByteCount
            self.valueByteCount = valueByteCount
            self.frameContentByteCount = frameContentByteCount
        }
    }

    /// A record that has its place.
    package struct AppendedRecord {
        package var frame: Appended
        package var kind: RecordKind
        /// The file that a large value is in.
        package var value: ValueFile?
    }

    let identity: LogIdentity
    let limits: Limits
    let manifest: ManifestFile
    let appender: LogAppender
    /// Makes durable all that is written so far.
    let syncWritten: @Sendable () throws -> Void
    private let compressions = CompressionHistory()
    /// Writes that may make files or edit the manifest: a closing waits for them before it gives the lock back.
    private let unfinished = Lock(0)

    package init(
        identity: LogIdentity, limits: Limits, manifest: ManifestFile, appender: LogAppender,
        syncWritten: @escaping @Sendable () throws -> Void
    ) {
        self.identity = identity
        self.limits = limits
        self.manifest = manifest
        self.appender = appender
        self.syncWritten = syncWritten
    }

    /// Whether so many bytes, a value's or a batch's, go to files of their own, which are synced before they count:
    /// whoever stores them waits for the disk.
    @inline(__always)
    package func isLarge(_ byteCount: Int) -> Bool { byteCount > limits.frameContentByteCount }

    /// Appends one value that is not large.
    ///
    /// - Throws: `.valueTooLarge`; what the appender throws.
    @inline(__always)
    package func append(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer
    ) throws -> AppendedRecord {
        try requireWithinLimit(bytes.count)
        guard bytes.count < Compression.leastByteCount || attributes.policy.compression == .none else {
            return unsafe try appendCompressed(bytes, attributes, key: key, origin: origin)
        }
        // No closure stands on the way of most small values: it would cost retains and releases.
        var header = FrameHeader(attributes.kind, attributes)
        unsafe header.setPayload(bytes)
        return unsafe try append(header, bytes, attributes, key: key, origin: origin)
    }

    @inline(never)
    private func appendCompressed(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer
    ) throws -> AppendedRecord {
        unsafe try withPayload(bytes, attributes, key: key) { header, payload in
            unsafe try append(header, payload, attributes, key: key, origin: origin)
        }
    }

    @inline(__always)
    private func append(
        _ header: FrameHeader, _ payload: UnsafeRawBufferPointer, _ attributes: RecordAttributes,
        key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer
    ) throws -> AppendedRecord {
        let draft = unsafe FrameDraft(
            header: header, key: key, origin: origin, metadata: attributes.metadataBytes, payload: payload)
        return AppendedRecord(frame: try appender.append(draft), kind: header.kind, value: nil)
    }

    /// Appends a large value. Blocks until its file is complete, and synced where the level promises that.
    ///
    /// - Throws: as for one that is not large.
    package func append(
        large content: BytePieces, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer
    ) throws -> AppendedRecord {
        try requireWithinLimit(content.count)
        return try beforeClosing { unsafe try appendLarge(content, attributes, key: key, origin: origin) }
    }

    /// The value goes to a file of its own, complete, and synced unless the level promises less: the next sync of the
    /// log has it then. The reference that follows is its commit.
    private func appendLarge(
        _ content: BytePieces, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer
    ) throws -> AppendedRecord {
        var attributes = attributes
        // Before the file is written: what is taken meanwhile is newer.
        attributes.taken = try attributes.taken ?? appender.reserveSequenceNumber()
        let unsynced = attributes.policy.durability < .synced ? appender.unsyncedValues : nil
        if let unsynced, unsynced.isFull {
            unsynced.removeDead()
            if unsynced.isFull { try syncWritten() }
        }
        return unsafe try withReference(to: content, attributes, key: key, unsynced: unsynced) {
            header, payload, file in
            do {
                let draft = unsafe FrameDraft(
                    header: header, key: key, origin: origin, metadata: attributes.metadataBytes, payload: payload)
                return AppendedRecord(frame: try appender.append(draft), kind: header.kind, value: file)
            } catch {
                unsynced?.remove(file.segment)
                // A log that has failed may have the reference all the same; in any other its room is wanted now.
                if appender.failure == nil { try? identity.directory.remove(SegmentName(file.segment, .value)) }
                throw error
            }
        }
    }

    func requireWithinLimit(_ byteCount: Int) throws {
        guard byteCount <= limits.valueByteCount else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: byteCount, limit: limits.valueByteCount, setting: "valueByteLimit")
        }
    }

    /// Compresses and checksums outside the append lock: gives the header of a value's frame and its stored bytes.
    func withPayload<Result>(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let method = bytes.count >= Compression.leastByteCount ? attributes.policy.compression : .none
        let header = FrameHeader(attributes.kind, attributes)
        guard method != .none, bytes.count >= CompressionHistory.leastByteCount else {
            return unsafe try FrameEncoder.withPayload(bytes, method, header, body)
        }
        let place = unsafe CompressionHistory.Place(of: key)
        guard compressions.isWorthTrying(place) else {
            return unsafe try FrameEncoder.withPayload(bytes, .none, header, body)
        }
        return unsafe try FrameEncoder.withPayload(bytes, method, header) { header, payload in
            compressions.note(place, wasInVain: header.compression == .none)
            return unsafe try body(header, payload)
        }
    }

    /// Writes a value to a file of its own: gives header and payload of the reference, and the file.
    ///
    /// - Parameter unsynced: what syncs the file later; nil if it is synced here.
    func withReference<Result>(
        to content: BytePieces, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        unsynced: UnsyncedValues? = nil,
        _ body: (FrameHeader, UnsafeRawBufferPointer, ValueFile) throws -> Result
    ) throws -> Result {
        let taken = try attributes.taken ?? appender.reserveSequenceNumber()
        let reference = try wrapping { () throws(FileSystemError) in
            try appender.gate.takingRoom(content.count, in: identity.directory.path) { () throws(FileSystemError) in
                let segment = try manifest.reserveSegmentNumber()
                return unsafe try ValueSegment.write(
                    content, identity: identity, segment: segment, epoch: taken.sequenceNumber.epoch,
                    level: attributes.level.rawValue, key: key, number: taken.sequenceNumber,
                    timestamp: taken.timestamp, compression: attributes.policy.compression, unsynced: unsynced)
            }
        }
        var header = FrameHeader(.reference, attributes)
        if unsynced != nil { header.flags.insert(.unsynced) }
        return unsafe try reference.bytes.withUnsafeBytes { payload in
            unsafe header.setPayload(payload)
            return unsafe try body(header, payload, reference.file(header.flags))
        }
    }

    /// Runs a write that may make files or edit the manifest, and keeps the log from closing under it.
    ///
    /// - Throws: what an append would, to a log that has failed or is closed; what `body` throws.
    package func beforeClosing<Result>(_ body: () throws -> Result) throws -> Result {
        unfinished.withLock { $0 += 1 }
        defer {
            unfinished.withLock { $0 -= 1 }
            unfinished.wakeAll()
        }
        try appender.requireOpen()
        return try body()
    }

    /// Waits for all that may still make files or edit the manifest, once appends are refused: after the lock is given
    /// back the manifest is another writer's.
    package func finish() { unfinished.wait { $0 == 0 ? () : nil } }
}

extension FrameHeader {
    fileprivate init(_ kind: RecordKind, _ attributes: RecordAttributes) {
        self.init(kind: kind)
        level = attributes.level.rawValue
        flags = attributes.flags
        ordinal = attributes.ordinal
        setTaken(attributes.taken)
    }
}
