import Logging
import SystemPackage

extension LogEngine {
    /// Whether a read may wait for a device: on a thread of the engine's it may, on a task's thread it must not.
    package enum ReadMode: Sendable {
        case waiting
        case cachedOnly
    }

    /// Makes a result of a large value that is read straight to where the result keeps it; nil where that cannot be.
    package typealias Receive<Result> = @Sendable (ContentFacts, LargeValueReader) throws -> Result?

    /// Thrown by a read that would have to wait, and must not.
    package struct WouldWait: Error {}

    /// Bytes over which a read is never made on a task's thread: the copy alone takes long.
    private static let inlineByteLimit = 128 << 10

    /// Reads may run before a compaction moves a record and end after it: then the record is looked up again. Three times are enough
    /// for segments of the usual size; the smallest are compacted as fast as a reader in another process looks things up.
    private static let attempts = 20

    /// Calls `body` with the content of the record that answers `query`; nil where there is none.
    ///
    /// - Parameter receive: is asked first for a large value.
    /// - Throws: ``WouldWait`` in a mode that must not; `.damaged`; what `body` throws.
    package func withContent<Result>(
        _ query: RecordQuery, _ mode: ReadMode = .waiting, receive: Receive<Result>? = nil,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        try retryingMoved { _ in
            guard let found = try newest(query, mode) else { return nil }
            return unsafe try withContent(of: found, key: query.key, mode, receive, body)
        }
    }

    /// As ``withContent(_:_:_:)`` for one record, or for the newest of its key when that has taken its place meanwhile.
    package func withContentOrNewer<Result>(
        key: CheckpointKey, level: UInt8, number: SequenceNumber, origin: Origin,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        var query = RecordQuery(key: key, level: level, version: .sequence(number), origin: origin)
        if let result = unsafe try withContent(query, .waiting, body) { return result }
        query.version = .newest
        return unsafe try withContent(query, .waiting, body)
    }

    /// Runs `body` again, after a look at what is new, when a file that it read is gone: a compaction has moved the record since it
    /// was looked up.
    ///
    /// - Parameter body: looks the record up anew each time; told whether this is the last time.
    func retryingMoved<Result>(_ body: (_ isLast: Bool) throws -> Result) throws -> Result {
        for _ in 1..<Self.attempts {
            do {
                return try body(false)
            } catch let error as CheckpointLogError where Self.isGone(error) {
                try refresh(isForced: true)
            }
        }
        return try body(true)
    }

    static func isGone(_ error: CheckpointLogError) -> Bool {
        (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
    }

    /// Calls `body` with the newest content that is intact, telling `report` of what is damaged and newer.
    package func withIntactContent<Result>(
        _ query: RecordQuery, report: (CheckpointLogError) -> Void, receive: Receive<Result>? = nil,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        var skipped: [CheckpointLogError] = []
        defer {
            for error in skipped {
                configuration.logger?.warning("a damaged checkpoint was skipped", metadata: ["damage": "\(error)"])
                report(error)
            }
        }
        return try retryingMoved { isLast in
            skipped = []
            for found in try versions(query) {
                do {
                    return unsafe try withContent(of: found, key: query.key, .waiting, receive, body)
                } catch let error as CheckpointLogError
                    where error.code == .damaged && (isLast || !Self.isGone(error))
                {
                    skipped.append(error)
                }
            }
            if let first = skipped.first { throw first }
            return nil
        }
    }

    private func withContent<Result>(
        of found: FoundRecord, key: CheckpointKey, _ mode: ReadMode, _ receive: Receive<Result>?,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        switch found {
        case .memory(let record):
            let bytes: [UInt8]
            do {
                bytes = try record.encode()
            } catch {
                throw CheckpointLogError.encodingFailed(key: key, cause: error)
            }
            let facts = ContentFacts(flags: record.flags, level: record.level.rawValue, number: record.number)
            return unsafe try bytes.withUnsafeBytes { unsafe try body(facts, $0) }
        case .frame(let entry, let level, let origin):
            return unsafe try key.withValidatedBytes { key in
                unsafe try withFrame(
                    at: entry.location, number: entry.sequenceNumber, level: level, key: key, origin: origin, mode,
                    receive: receive
                ) { header, content in unsafe try body(ContentFacts(header), content) }
            }
        }
    }

    /// Reads the frame at `location`, checks that it is record `number` of (level, origin, key), and gives its content.
    package func withFrame<Result>(
        at location: FrameLocation, number: SequenceNumber, level: UInt8, key: UnsafeRawBufferPointer,
        origin: Origin = .own, _ mode: ReadMode = .waiting, receive: Receive<Result>? = nil,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        if mode == .cachedOnly, location.byteCountBound > Self.inlineByteLimit { throw WouldWait() }
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: location.byteCountBound) { buffer in
            let bytes = unsafe try read(file, at: location.offset, into: buffer, mode)
            do {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                #if PLANTED_BUGS
                let found = unsafe UnsafeRawBufferPointer(
                    rebasing: bytes[FrameHeader.byteCount...].prefix(header.keyByteCount))
                let key = unsafe PlantedBug.keyNotCompared.isPlanted ? found : key
                let number = PlantedBug.numberNotCompared.isPlanted ? header.sequenceNumber : number
                #endif
                guard header.sequenceNumber == number, header.level == level, header.keyByteCount == key.count,
                    header.originByteCount == origin.bytes.count, bytes.holds(key, at: FrameHeader.byteCount),
                    unsafe origin.bytes.withUnsafeBytes({
                        bytes.holds($0, at: FrameHeader.byteCount + key.count)
                    })
                else { throw FrameFault.badField }
                if header.kind == .reference, mode == .cachedOnly { throw WouldWait() }
                unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
                return unsafe try FrameDecoder.withContent(of: header, in: bytes) { content in
                    guard header.kind == .reference else { return unsafe try body(header, content) }
                    return unsafe try withLargeValue(content, header, receive, body)
                }
            } catch let fault as FrameFault {
                throw unsafe damaged(fault.rawValue, at: location, number: number, level: level, key: key)
            } catch var error as CheckpointLogError where error.code == .damaged && error.lost.isEmpty {
                error.lost = unsafe [lostRecord(number, level: level, key: key)]
                throw error
            }
        }
    }

    private func read(
        _ file: any OpenFile, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, _ mode: ReadMode
    ) throws -> UnsafeRawBufferPointer {
        let count: Int
        do throws(FileSystemError) {
            if mode == .cachedOnly {
                // A short answer is the end of the file, or a page that is not there: the waiting read tells.
                guard let read = unsafe try file.readIfCached(into: buffer, at: offset), read == buffer.count else {
                    throw FileSystemError(.read, file.path, .wouldBlock)
                }
                count = read
            } else {
                count = unsafe try file.read(into: buffer, at: offset)
            }
        } catch  where mode == .cachedOnly && (error.code == .wouldBlock || error.code == .interrupted) {
            throw WouldWait()
        } catch {
            throw CheckpointLogError(error)
        }
        return unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
    }

    private func withLargeValue<Result>(
        _ payload: UnsafeRawBufferPointer, _ header: FrameHeader, _ receive: Receive<Result>?,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let reference = unsafe ValueReference(Array(payload)) else { throw FrameFault.badField }
        let content: [UInt8]
        do {
            let reader = try LargeValueReader(
                reference, identity: identity, byteLimit: configuration.valueByteLimit)
            defer { reader.close() }
            if let result = try receive?(ContentFacts(header), reader) { return result }
            content = try reader.bytes()
        } catch let error as FileSystemError where error.code == .noSuchFileOrDirectory {
            // The cause lets a caller look the record up again, should a compaction have taken the file away.
            var missing = CheckpointLogError.damaged(
                "The file of a large value is missing; put it back.", path: error.path.string)
            missing.cause = error
            throw missing
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        }
        return unsafe try content.withUnsafeBytes { unsafe try body(header, $0) }
    }

    /// The reference that stands in the frame at `location`; nil when it is none.
    package func reference(at location: FrameLocation) throws -> ValueReference? {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: location.byteCountBound) { buffer in
            let bytes = unsafe try read(file, at: location.offset, into: buffer, .waiting)
            do throws(FrameFault) {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
                let end = header.prefixByteCount + header.storedByteCount
                return unsafe ValueReference(Array(bytes[header.prefixByteCount..<end]))
            } catch {
                throw CheckpointLogError.damaged(
                    "A reference to a large value cannot be read: \(error.rawValue).",
                    path: files.path(of: location.segment).string, offset: location.offset)
            }
        }
    }

    private func damaged(
        _ what: String, at location: FrameLocation, number: SequenceNumber, level: UInt8, key: UnsafeRawBufferPointer
    ) -> CheckpointLogError {
        CheckpointLogError.damaged(
            "A checkpoint cannot be read: \(what). An older version may still be intact.",
            path: files.path(of: location.segment).string, offset: location.offset,
            lost: unsafe [lostRecord(number, level: level, key: key)])
    }

    private func lostRecord(
        _ number: SequenceNumber, level: UInt8, key: UnsafeRawBufferPointer
    ) -> CheckpointLogError.LostRecord {
        CheckpointLogError.LostRecord(
            level: Int(level), key: unsafe CheckpointKey(String(decoding: key, as: UTF8.self)),
            sequenceNumbers: number...number)
    }

    /// The header, key and origin of the frame at `location`, without its payload.
    package func header(at location: FrameLocation, _ mode: ReadMode = .waiting) throws -> FoundHeader {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        let longest = FrameHeader.byteCount + FrameDecoder.keyByteLimit + FrameDecoder.originByteLimit
        return unsafe try BufferPool.shared.withBuffer(byteCount: min(longest, location.byteCountBound)) { buffer in
            let bytes = unsafe try read(file, at: location.offset, into: buffer, mode)
            do throws(FrameFault) {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                let keyEnd = FrameHeader.byteCount + header.keyByteCount
                return unsafe FoundHeader(
                    header: header, key: Array(bytes[FrameHeader.byteCount..<keyEnd]),
                    origin: Origin(bytes: Array(bytes[keyEnd..<keyEnd + header.originByteCount])))
            } catch {
                throw CheckpointLogError.damaged(
                    "A checkpoint's header cannot be read: \(error.rawValue).",
                    path: files.path(of: location.segment).string, offset: location.offset)
            }
        }
    }
}

/// A frame's facts, once its header's checksum holds.
package struct FoundHeader: Sendable {
    package var header: FrameHeader
    package var key: [UInt8]
    package var origin: Origin
}
