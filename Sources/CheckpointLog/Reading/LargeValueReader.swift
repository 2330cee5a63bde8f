/// Reads a large value from its segment, on several threads, directly to where the caller wants it.
///
/// It touches memory only for chunks that were verified, whatever lengths the reference and the footer state.
package struct LargeValueReader {
    /// Bytes of the whole value.
    package var byteCount: Int { reference.contentByteCount }

    private let reference: ValueReference
    private let file: any OpenFile
    private let isLent: Bool
    private let seed: FrameSeed
    private let laneCount: Int
    private let chunks: [Chunk]

    private struct Chunk: Sendable {
        var entry: SegmentFooter.Entry
        /// Where the chunk's content begins in the value.
        var start: Int

        var end: Int { start + entry.contentByteCount }
    }

    /// Opens the value segment that `reference` names and checks its footer.
    ///
    /// - Parameters:
    ///   - lent: the file, if the caller has it open; the reader does not close it.
    ///   - byteLimit: the largest value that the caller accepts.
    /// - Throws: `FileSystemError`; `.damaged` with file and offset; `.valueTooLarge`.
    package init(
        _ reference: ValueReference, lent: (any OpenFile)? = nil, identity: LogIdentity, byteLimit: Int
    ) throws {
        let file = try lent ?? identity.directory.openFile(SegmentName(reference.segment, .value), .read)
        do {
            var chunks: [Chunk] = []
            var start = 0
            for entry in try ValueSegment.footer(of: reference, file: file).entries {
                chunks.append(Chunk(entry: entry, start: start))
                start += entry.contentByteCount
            }
            guard start == reference.contentByteCount else {
                throw ValueSegment.damaged(file, 0, "does not hold what its reference states")
            }
            guard start <= byteLimit else {
                throw CheckpointLogError.valueTooLarge(byteCount: start, limit: byteLimit, setting: "valueByteLimit")
            }
            self.chunks = chunks
        } catch {
            if lent == nil { file.close() }
            throw error
        }
        isLent = lent != nil
        self.reference = reference
        self.file = file
        seed = identity.seed(of: reference.segment)
        laneCount = identity.laneCount
    }

    package func close() { if !isLent { file.close() } }

    /// The whole value.
    package func bytes() throws -> [UInt8] {
        unsafe try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            unsafe try read(from: 0, into: UnsafeMutableRawBufferPointer(buffer))
            count = byteCount
        }
    }

    /// Checks every chunk and keeps none.
    ///
    /// - Throws: as ``read(from:into:)``.
    package func check() throws {
        try Lanes.forEach(below: chunks.count, laneCount: laneCount) { [self] index in
            let entry = chunks[index].entry
            unsafe try BufferPool.shared.withBuffer(byteCount: entry.contentByteCount) { buffer in
                unsafe try read(entry, skipped: 0, into: buffer)
            }
        }
    }

    /// The first bytes of the value, up to `limit` and the end of its first chunk; none if that chunk is not like those
    /// that the engine writes.
    package func beginning(limit: Int) throws -> [UInt8] {
        guard let first = chunks.first, first.entry.contentByteCount <= ValueSegment.chunkByteCount else { return [] }
        let byteCount = first.entry.contentByteCount
        return unsafe try BufferPool.shared.withBuffer(byteCount: byteCount) { buffer in
            unsafe try read(first.entry, skipped: 0, into: buffer)
            return unsafe Array(buffer.prefix(limit))
        }
    }

    /// Fills `target` with the value's bytes from `start` on. `target` must have exactly that length. Every chunk is
    /// checked, also those before `start`.
    ///
    /// - Throws: `FileSystemError`; `.damaged` with file and offset. The content of `target` is then undefined.
    package func read(from start: Int, into target: UnsafeMutableRawBufferPointer) throws {
        precondition(start >= 0 && start + target.count == byteCount, "The room is not that of the value.")
        let room = unsafe LentRoom(target)
        try Lanes.forEach(below: chunks.count, laneCount: laneCount) { [self] index in
            let chunk = chunks[index]
            let part = max(0, chunk.start - start)..<max(0, chunk.end - start)
            unsafe try read(
                chunk.entry, skipped: chunk.entry.contentByteCount - part.count,
                into: UnsafeMutableRawBufferPointer(rebasing: room.bytes[part]))
        }
    }

    /// Reads the content of a chunk, without the first `skipped` bytes, to its place; directly if it is stored
    /// uncompressed.
    private func read(
        _ entry: SegmentFooter.Entry, skipped: Int, into target: UnsafeMutableRawBufferPointer
    ) throws {
        do {
            guard skipped == 0 else { return unsafe try readWhole(entry, skipped: skipped, into: target) }
            let prefixByteCount = FrameHeader.byteCount + entry.key.count
            guard entry.byteCount == (prefixByteCount + target.count + 7) & ~7 else {
                return unsafe try readWhole(entry, skipped: 0, into: target)
            }
            let payload = entry.offset + prefixByteCount
            guard let prefix = try file.bytes(entry.offset..<payload),
                let padding = try file.bytes(payload + target.count..<entry.offset + entry.byteCount)
            else { throw FrameFault.truncated }
            let header = unsafe try prefix.withUnsafeBytes {
                unsafe try FrameDecoder.header(in: $0, at: entry.offset, seed: seed)
            }
            guard isChunk(header, entry, target.count) else { throw FrameFault.badField }
            guard header.compression == .none else {
                return unsafe try readWhole(entry, skipped: 0, into: target)
            }
            guard unsafe try file.read(into: target, at: payload) == target.count else { throw FrameFault.truncated }
            guard unsafe Checksum.mask(Checksum.extend(0, UnsafeRawBufferPointer(target))) == header.payloadCRC else {
                throw FrameFault.payloadChecksum
            }
            guard padding.allSatisfy({ $0 == 0 }) else { throw FrameFault.padding }
        } catch let fault as FrameFault {
            throw ValueSegment.damaged(file, entry.offset, fault.rawValue)
        }
    }

    private func readWhole(
        _ entry: SegmentFooter.Entry, skipped: Int, into target: UnsafeMutableRawBufferPointer
    ) throws {
        unsafe try BufferPool.shared.withBuffer(byteCount: entry.byteCount) { buffer in
            guard unsafe try file.read(into: buffer, at: entry.offset) == entry.byteCount else {
                throw FrameFault.truncated
            }
            unsafe try FrameDecoder.withFrame(
                in: UnsafeRawBufferPointer(buffer), at: entry.offset, seed: seed,
                where: { self.isChunk($0.header, entry, skipped + target.count) }
            ) { _, content in
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[skipped...]))
            }
        }
    }

    /// Whether a header belongs to the chunk that the footer lists.
    private func isChunk(_ header: FrameHeader, _ entry: SegmentFooter.Entry, _ contentByteCount: Int) -> Bool {
        header.crc == entry.headerCRC && header.kind == .chunk && header.frameByteCount == entry.byteCount
            && header.sequenceNumber == reference.chunkNumber && header.contentByteCount == contentByteCount
    }
}
