import SystemPackage

/// Whether a read may wait for a device. It may on a thread of the engine; on a task's thread it must not.
package enum ReadMode: Sendable {
    case waiting
    case cachedOnly
}

/// Thrown by a read that would have to wait and must not.
package struct WouldWait: Error {}

/// What a restore needs to know about the bytes that it decodes.
package struct ContentFacts: Sendable {
    package var flags: FrameHeader.Flags
    package var level: UInt8
    package var number: SequenceNumber
    /// The encoded metadata of the version.
    package var metadata: [UInt8]

    package init(flags: FrameHeader.Flags, level: UInt8, number: SequenceNumber, metadata: [UInt8]) {
        self.metadata = metadata
        self.flags = flags
        self.level = level
        self.number = number
    }

    package init(_ frame: FrameView) {
        self.init(
            flags: frame.header.flags, level: frame.header.level, number: frame.header.sequenceNumber,
            metadata: unsafe Array(frame.metadata))
    }
}

/// What a frame's header says, after its checksum was verified.
package struct FoundHeader: Sendable {
    package var header: FrameHeader
    package var key: [UInt8]
    package var origin: Origin
    package var metadata: [UInt8]
}

/// Reads the frames of an open log at the places that the index states. It uses nothing of a frame before it has
/// checked it.
///
/// A class, so that a restore retains one object, and not each of its parts.
package final class FrameReader: Sendable {
    /// Makes a result from a large value by reading it directly into the result's memory; nil if that is not possible.
    package typealias Receive<Result> = (ContentFacts, LargeValueReader) throws -> Result?

    /// What an index entry states about a record. The frame at its location must be the record's.
    @safe package struct Record {
        package var location: FrameLocation
        package var number: SequenceNumber
        package var level: UInt8
        /// Nil if the caller does not know the key, and then not the origin either: a number belongs to one record
        /// only.
        package var key: UnsafeRawBufferPointer?
        package var origin: Origin

        package init(at location: FrameLocation, number: SequenceNumber, level: UInt8) {
            self.location = location
            self.number = number
            self.level = level
            unsafe key = nil
            origin = .own
        }

        package init(
            at location: FrameLocation, number: SequenceNumber, level: UInt8, key: UnsafeRawBufferPointer,
            origin: Origin = .own
        ) {
            self.location = location
            self.number = number
            self.level = level
            unsafe self.key = key
            self.origin = origin
        }
    }

    /// A task's thread never reads more bytes than this: the copy alone takes long.
    private static let inlineByteLimit = 128 << 10

    private let identity: LogIdentity
    private let files: SegmentFiles
    /// The largest value that the caller accepts, in bytes.
    private let valueByteLimit: Int
    package let cache: FrameCache

    /// - Parameter cache: the cache of another reader of the same history of the log; by default a new one.
    package init(_ identity: LogIdentity, _ files: SegmentFiles, valueByteLimit: Int, cache: FrameCache = FrameCache())
    {
        self.identity = identity
        self.files = files
        self.valueByteLimit = valueByteLimit
        self.cache = cache
    }

    /// Reads and checks the frame at `location` of `file`, and calls `body` with the frame and its content.
    ///
    /// - Parameter isWanted: whether it is the frame that the caller looks for; as in
    ///   ``FrameDecoder/withFrame(in:at:seed:where:_:)``.
    /// - Throws: ``FrameFault``; ``CheckpointLogError`` of a failed read; ``WouldWait`` in a mode that must not wait;
    ///   what `isWanted` and `body` throw.
    @inline(__always)
    package static func withFrame<Result>(
        at location: FrameLocation, in file: any OpenFile, seed: FrameSeed, _ mode: ReadMode = .waiting,
        where isWanted: (FrameView) throws -> Bool = { _ in true },
        _ body: (FrameView, _ content: UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        unsafe try BufferPool.shared.withBuffer(byteCount: location.byteCountBound) { buffer in
            let bytes = unsafe try read(file, at: location.offset, into: buffer, mode)
            return unsafe try FrameDecoder.withFrame(in: bytes, at: location.offset, seed: seed, where: isWanted, body)
        }
    }

    /// Calls `body` with the content of `record`, also if that is a large value.
    ///
    /// - Parameter receive: called first if the value is large.
    /// - Throws: `.damaged` with file, offset and number, also if the frame there is another record's; ``WouldWait`` in
    ///   a mode that must not wait; what `body` throws.
    package func withContent<Result>(
        of record: Record, _ mode: ReadMode = .waiting, receive: Receive<Result>? = nil,
        _ body: (FrameView, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let (segment, offset) = (record.location.segment, record.location.offset)
        func isWanted(_ frame: FrameView) throws -> Bool {
            guard record.is(frame) else { return false }
            if frame.header.kind == .reference, mode == .cachedOnly { throw WouldWait() }
            return true
        }
        func use(_ frame: FrameView, _ content: UnsafeRawBufferPointer) throws -> Result {
            guard frame.header.kind == .reference else { return unsafe try body(frame, content) }
            return unsafe try withLargeValue(content, frame, receive, body)
        }
        do {
            let answer = cache.frame(at: record.location)
            if case .held(let bytes) = answer {
                return unsafe try bytes.withUnsafeBytes { bytes in
                    unsafe try FrameDecoder.withFrame(
                        in: bytes, at: offset, seed: identity.seed(of: segment), where: isWanted, use)
                }
            }
            if mode == .cachedOnly, record.location.byteCountBound > Self.inlineByteLimit { throw WouldWait() }
            let file = try wrapping { () throws(FileSystemError) in try files.file(of: segment) }
            return unsafe try Self.withFrame(
                at: record.location, in: file, seed: identity.seed(of: segment), mode, where: isWanted
            ) { frame, content in
                if case .wanted = answer { unsafe cache.insert(frame.bytes, at: record.location) }
                return unsafe try use(frame, content)
            }
        } catch let fault as FrameFault {
            throw CheckpointLogError.damaged(
                "A checkpoint cannot be read: \(fault.rawValue). An older version may still be intact.",
                path: files.path(of: segment).string, offset: offset, lost: record.lost)
        } catch var error as CheckpointLogError where error.code == .damaged && error.lost.isEmpty {
            error.lost = record.lost
            throw error
        }
    }

    private func withLargeValue<Result>(
        _ payload: UnsafeRawBufferPointer, _ frame: FrameView, _ receive: Receive<Result>?,
        _ body: (FrameView, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let reference = unsafe ValueReference(Array(payload)) else { throw FrameFault.badField }
        let content: [UInt8]
        do {
            let reader = try LargeValueReader(
                reference, lent: files.pinned(reference.segment), identity: identity, byteLimit: valueByteLimit)
            defer { reader.close() }
            if let result = try receive?(ContentFacts(frame), reader) { return result }
            content = try reader.bytes()
        } catch let error as FileSystemError where error.code == .noSuchFileOrDirectory {
            // With this cause a caller looks the record up again, since a compaction may have removed the file.
            var missing = CheckpointLogError.damaged(
                "The file of a large value is missing; put it back.", path: error.path.string)
            missing.cause = error
            throw missing
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        }
        return unsafe try content.withUnsafeBytes { unsafe try body(frame, $0) }
    }

    /// The reference in the frame at `location`; nil if the frame is of another kind.
    package func reference(at location: FrameLocation) throws -> ValueReference? {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        do {
            return unsafe try Self.withFrame(at: location, in: file, seed: identity.seed(of: location.segment)) {
                frame, content in unsafe ValueReference(Array(content))
            }
        } catch let fault as FrameFault {
            throw CheckpointLogError.damaged(
                "A reference to a large value cannot be read: \(fault.rawValue).", path: file.path.string,
                offset: location.offset)
        }
    }

    /// The header, key, origin and metadata of the frame at `location`, without its payload.
    package func header(at location: FrameLocation, _ mode: ReadMode = .waiting) throws -> FoundHeader {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        let longest = FrameDecoder.prefixByteLimit
        return unsafe try BufferPool.shared.withBuffer(byteCount: min(longest, location.byteCountBound)) { buffer in
            let bytes = unsafe try Self.read(file, at: location.offset, into: buffer, mode)
            do throws(FrameFault) {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                let keyEnd = FrameHeader.byteCount + header.keyByteCount
                let originEnd = keyEnd + header.originByteCount
                return unsafe FoundHeader(
                    header: header, key: Array(bytes[FrameHeader.byteCount..<keyEnd]),
                    origin: Origin(bytes: Array(bytes[keyEnd..<originEnd])),
                    metadata: Array(bytes[originEnd..<header.prefixByteCount]))
            } catch {
                throw CheckpointLogError.damaged(
                    "A checkpoint's header cannot be read: \(error.rawValue).", path: file.path.string,
                    offset: location.offset)
            }
        }
    }

    private static func read(
        _ file: any OpenFile, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, _ mode: ReadMode
    ) throws -> UnsafeRawBufferPointer {
        let count: Int
        do throws(FileSystemError) {
            if mode == .cachedOnly {
                // Fewer bytes mean the end of the file, or a page that is not in memory. The read that may wait finds
                // out.
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
}

extension FrameReader.Record {
    /// Whether a frame, whose header was verified, is this record's.
    fileprivate func `is`(_ frame: FrameView) -> Bool {
        let header = frame.header
        guard header.sequenceNumber == number, header.level == level else { return false }
        guard let key = unsafe key else { return true }
        guard header.keyByteCount == key.count, header.originByteCount == origin.bytes.count else { return false }
        return unsafe frame.bytes.holds(key, at: FrameHeader.byteCount)
            && origin.bytes.withUnsafeBytes { unsafe frame.bytes.holds($0, at: FrameHeader.byteCount + key.count) }
    }

    fileprivate var lost: [CheckpointLogError.LostRecord] {
        guard let key = unsafe key else { return [] }
        return [
            CheckpointLogError.LostRecord(
                level: Int(level), key: unsafe CheckpointKey(String(decoding: key, as: UTF8.self)),
                sequenceNumbers: number...number)
        ]
    }
}
