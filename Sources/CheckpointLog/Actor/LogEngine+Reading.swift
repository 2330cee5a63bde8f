import SystemPackage

extension LogEngine {
    /// A frame's facts and its content, once every checksum holds and it is known to be the record that was asked for.
    package struct Found: Sendable {
        package var header: FrameHeader
        package var key: [UInt8]
    }

    /// Reads may run before a compaction moves a record and end after it: then the record is looked up again.
    private static let attempts = 3

    /// Calls `body` with the content of the newest record of (level, key), or of its version `number`; nil where there is
    /// none. Blocks for as long as the disk does.
    package func withContent<Result>(
        level: UInt8, key: CheckpointKey, number: SequenceNumber? = nil,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        try checkOpen()
        return unsafe try key.withValidatedBytes { bytes in
            let hash = unsafe KeyHash(identity.hashKey, level: level, origin: .empty, key: bytes)
            for attempt in 1...Self.attempts {
                let entry =
                    number.map { number in catalog.index.versions(hash).first { $0.sequenceNumber == number } }
                    ?? catalog.index.newest(hash)
                guard let entry else { return nil }
                do {
                    return unsafe try withFrame(
                        at: entry.location, number: entry.sequenceNumber, level: level, key: bytes, body)
                } catch let error as CheckpointLogError {
                    let isGone = (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
                    if isGone, attempt < Self.attempts { continue }
                    throw error
                }
            }
            return nil
        }
    }

    /// Reads the frame at `location`, checks that it is record `number` of (level, key), and gives its content.
    package func withFrame<Result>(
        at location: FrameLocation, number: SequenceNumber, level: UInt8, key: UnsafeRawBufferPointer,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: location.byteCountBound) { buffer in
            let read = try wrapping { () throws(FileSystemError) in
                unsafe try file.read(into: buffer, at: location.offset)
            }
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<read])
            do {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                let start = FrameHeader.byteCount
                guard header.sequenceNumber == number, header.level == level, header.keyByteCount == key.count,
                    unsafe bytes[start..<start + key.count].elementsEqual(key)
                else { throw FrameFault.badField }
                unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
                return unsafe try FrameDecoder.withContent(of: header, in: bytes) { content in
                    guard header.kind == .reference else { return unsafe try body(header, content) }
                    return unsafe try withLargeValue(content, header, body)
                }
            } catch let fault as FrameFault {
                throw unsafe damaged(fault.rawValue, at: location, number: number, level: level, key: key)
            } catch var error as CheckpointLogError where error.code == .damaged && error.lost.isEmpty {
                error.lost = unsafe [lostRecord(number, level: level, key: key)]
                throw error
            }
        }
    }

    private func withLargeValue<Result>(
        _ payload: UnsafeRawBufferPointer, _ header: FrameHeader,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let reference = unsafe ValueReference(Array(payload)) else { throw FrameFault.badField }
        let content: [UInt8]
        do {
            content = try ValueSegment.read(reference, identity: identity)
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

    /// The level that holds the newest checkpoint of `key`; nil where none does.
    package func newestLevel(of key: CheckpointKey) throws -> UInt8? {
        try checkOpen()
        return unsafe try key.withValidatedBytes { bytes in
            var newest: (level: UInt8, number: SequenceNumber)?
            for level in catalog.index.levelsInUse where level > 0 {
                let hash = unsafe KeyHash(identity.hashKey, level: level, origin: .empty, key: bytes)
                guard let entry = catalog.index.newest(hash) else { continue }
                if newest.map({ $0.number < entry.sequenceNumber }) ?? true { newest = (level, entry.sequenceNumber) }
            }
            return newest?.level
        }
    }

    /// The header and key of the frame at `location`, without its payload.
    package func header(at location: FrameLocation) throws -> Found {
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: location.segment) }
        let longest = FrameHeader.byteCount + FrameDecoder.keyByteLimit + FrameDecoder.originByteLimit
        return unsafe try BufferPool.shared.withBuffer(byteCount: min(longest, location.byteCountBound)) { buffer in
            let read = try wrapping { () throws(FileSystemError) in
                unsafe try file.read(into: buffer, at: location.offset)
            }
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<read])
            do throws(FrameFault) {
                let header = unsafe try FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment))
                let start = FrameHeader.byteCount
                return unsafe Found(header: header, key: Array(bytes[start..<start + header.keyByteCount]))
            } catch {
                throw CheckpointLogError.damaged(
                    "A checkpoint's header cannot be read: \(error.rawValue).",
                    path: files.path(of: location.segment).string, offset: location.offset)
            }
        }
    }
}
