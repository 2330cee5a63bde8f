import SystemPackage

/// A file that holds one large value in chunks. FORMAT.md, "Value segments".
///
/// It is complete and synced before the reference that commits it is appended; without a reference it is an orphan.
package enum ValueSegment {
    /// Bytes of content in a chunk; the last has the rest.
    package static let chunkByteCount = 1 << 20

    /// Writes `content` into a new value segment and syncs it.
    ///
    /// - Throws: `FileSystemError`. What was written is removed again, or is an orphan that the next opening removes.
    package static func write(
        _ content: UnsafeRawBufferPointer, identity: LogIdentity, segment: UInt32, epoch: UInt32, level: UInt8,
        key: UnsafeRawBufferPointer, number: SequenceNumber, timestamp: Int64, compression: CompressionMethod
    ) throws(FileSystemError) -> ValueReference {
        let name = SegmentName(segment, .value)
        let file = try identity.fileSystem.openFile(identity.path(name), .create)
        defer { file.close() }
        do throws(FileSystemError) {
            let header = SegmentHeader(
                role: .value, log: identity.identifier, segment: segment, epoch: epoch, previous: 0, created: timestamp,
                hashKey: identity.hashKey)
            try file.write(header.bytes, at: 0)
            var draft = FrameHeader(kind: .chunk)
            draft.level = level
            draft.sequenceNumber = number
            draft.appendNumber = number
            draft.timestamp = timestamp
            draft.keyByteCount = key.count
            var footer = SegmentFooter()
            var offset = SegmentHeader.byteCount
            var start = 0
            repeat {
                let count = min(chunkByteCount, content.count - start)
                let chunk = unsafe UnsafeRawBufferPointer(rebasing: content[start..<start + count])
                let entry = unsafe try writeChunk(
                    chunk, draft, key: key, to: file, at: offset, seed: identity.seed(of: segment),
                    compression: compression)
                footer.entries.append(entry)
                offset += entry.byteCount
                start += count
            } while start < content.count
            let bytes = footer.bytes
            let trailer = SegmentTrailer(
                segment: segment, footerOffset: offset, footer: bytes, entryCount: footer.entries.count)
            try file.write(bytes + trailer.bytes, at: offset)
            try file.sync()
            try identity.fileSystem.syncDirectory(identity.directory)
            return ValueReference(
                segment: segment, chunkCount: footer.entries.count, contentByteCount: content.count,
                fileByteCount: offset + bytes.count + SegmentFooter.trailerByteCount, footerCRC: trailer.footerCRC,
                chunkNumber: number)
        } catch {
            try? identity.fileSystem.remove(identity.path(name))
            throw error
        }
    }

    private static func writeChunk(
        _ content: UnsafeRawBufferPointer, _ draft: FrameHeader, key: UnsafeRawBufferPointer, to file: any OpenFile,
        at offset: Int, seed: FrameSeed, compression: CompressionMethod
    ) throws(FileSystemError) -> SegmentFooter.Entry {
        var header = draft
        header.contentByteCount = content.count
        header.contentCRC = unsafe Checksum.mask(Checksum.extend(0, content))
        let prefixByteCount = header.prefixByteCount
        let capacity = prefixByteCount + content.count + 8
        let outcome: Result<SegmentFooter.Entry, FileSystemError> = unsafe BufferPool.shared.withBuffer(
            byteCount: capacity
        ) {
            buffer in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[prefixByteCount...])
            if let count = unsafe Compression.compress(content, into: room, method: compression) {
                header.compression = compression
                header.storedByteCount = count
                let stored = unsafe UnsafeRawBufferPointer(rebasing: room[..<count])
                header.payloadCRC = unsafe Checksum.mask(Checksum.extend(0, stored))
            } else {
                unsafe room.copyMemory(from: content)
                header.storedByteCount = content.count
                header.payloadCRC = header.contentCRC
            }
            for index in prefixByteCount + header.storedByteCount..<header.frameByteCount { unsafe buffer[index] = 0 }
            unsafe header.write(to: buffer)
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[FrameHeader.byteCount...]).copyMemory(from: key)
            let prefix = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<prefixByteCount])
            header.crc = unsafe seed.checksum(of: prefix, at: offset)
            buffer.set(header.crc, at: 0)
            return Result { () throws(FileSystemError) in
                unsafe try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<header.frameByteCount]), at: offset)
                return unsafe SegmentFooter.Entry(header, offset: offset, key: Array(key), origin: [])
            }
        }
        return try outcome.get()
    }

    /// Reads the whole value that `reference` names. Memory is touched only for chunks that hold, whatever the reference and
    /// the footer claim.
    ///
    /// - Parameter byteLimit: the greatest value that is wanted.
    /// - Throws: `FileSystemError`; `.damaged` naming file and offset; `.valueTooLarge`.
    package static func read(
        _ reference: ValueReference, identity: LogIdentity, byteLimit: Int = ValueReference.contentByteLimit
    ) throws -> [UInt8] {
        let file = try identity.fileSystem.openFile(identity.path(SegmentName(reference.segment, .value)), .read)
        defer { file.close() }
        let footer = try footer(of: reference, file: file)
        let seed = identity.seed(of: reference.segment)
        let byteCount = reference.contentByteCount
        guard footer.entries.reduce(0, { $0 + $1.contentByteCount }) == byteCount else {
            throw damaged(file, 0, "does not hold what its reference states")
        }
        guard byteCount <= byteLimit else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: byteCount, limit: byteLimit, setting: "valueByteLimit")
        }
        return unsafe try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            for entry in footer.entries {
                let target = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[count..<count + entry.contentByteCount])
                unsafe try readChunk(entry, of: reference, from: file, seed: seed, into: target)
                count += entry.contentByteCount
            }
        }
    }

    /// The footer of the value segment, once it is known to be the one that the reference was made over.
    package static func footer(of reference: ValueReference, file: any OpenFile) throws -> SegmentFooter {
        let byteCount = try file.byteCount()
        guard byteCount == reference.fileByteCount, byteCount >= SegmentFooter.trailerByteCount,
            let trailerBytes = try file.bytes(byteCount - SegmentFooter.trailerByteCount..<byteCount),
            let trailer = SegmentTrailer(trailerBytes), trailer.segment == reference.segment,
            trailer.footerCRC == reference.footerCRC, trailer.entryCount == reference.chunkCount,
            trailer.footerOffset + trailer.footerByteCount + SegmentFooter.trailerByteCount == byteCount,
            trailer.footerByteCount <= (reference.chunkCount + 1) * SegmentFooter.entryByteLimit,
            let bytes = try file.bytes(trailer.footerOffset..<trailer.footerOffset + trailer.footerByteCount),
            Checksum.mask(Checksum.of(bytes)) == trailer.footerCRC,
            let footer = SegmentFooter(bytes, count: trailer.entryCount), footer.frameEnd == trailer.footerOffset
        else {
            throw damaged(file, max(0, byteCount - SegmentFooter.trailerByteCount), "is not what its reference names")
        }
        return footer
    }

    private static func readChunk(
        _ entry: SegmentFooter.Entry, of reference: ValueReference, from file: any OpenFile, seed: FrameSeed,
        into target: UnsafeMutableRawBufferPointer
    ) throws {
        unsafe try BufferPool.shared.withBuffer(byteCount: entry.byteCount) { buffer in
            guard unsafe try file.read(into: buffer, at: entry.offset) == entry.byteCount else {
                throw damaged(file, entry.offset, FrameFault.truncated.rawValue)
            }
            let bytes = UnsafeRawBufferPointer(buffer)
            do {
                let header = unsafe try FrameDecoder.header(in: bytes, at: entry.offset, seed: seed)
                guard header.crc == entry.headerCRC, header.kind == .chunk, header.frameByteCount == entry.byteCount,
                    header.sequenceNumber == reference.chunkNumber, header.contentByteCount == target.count
                else { throw FrameFault.badField }
                unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
                unsafe try FrameDecoder.withContent(of: header, in: bytes) { unsafe target.copyMemory(from: $0) }
            } catch let fault as FrameFault {
                throw damaged(file, entry.offset, fault.rawValue)
            }
        }
    }

    private static func damaged(_ file: any OpenFile, _ offset: Int, _ what: String) -> CheckpointLogError {
        .damaged("A value segment is damaged: \(what).", path: file.path.string, offset: offset)
    }
}
