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
            var draft = FrameHeader(kind: .chunk)
            draft.level = level
            draft.sequenceNumber = number
            draft.appendNumber = number
            draft.timestamp = timestamp
            draft.keyByteCount = key.count
            let header = SegmentHeader(
                role: .value, log: identity.identifier, segment: segment, epoch: epoch, previous: 0, created: timestamp,
                hashKey: identity.hashKey)
            let writer = unsafe ValueSegmentWriter(
                file, content, draft: draft, key: key, seed: identity.seed(of: segment), compression: compression)
            let (trailer, chunkCount, byteCount) = try writer.run(header, segment, laneCount: identity.laneCount)
            let reference = ValueReference(
                segment: segment, chunkCount: chunkCount, contentByteCount: content.count, fileByteCount: byteCount,
                footerCRC: trailer.footerCRC, chunkNumber: number)
            #if PLANTED_BUGS
            if PlantedBug.valueNotSynced.isPlanted { return reference }
            #endif
            try file.sync()
            try identity.fileSystem.syncDirectory(identity.directory)
            return reference
        } catch {
            try? identity.fileSystem.remove(identity.path(name))
            throw error
        }
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
        var starts: [Int] = []
        var start = 0
        for entry in footer.entries {
            starts.append(start)
            start += entry.contentByteCount
        }
        let (entries, offsets) = (footer.entries, starts)
        return unsafe try [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            let room = unsafe LentRoom(UnsafeMutableRawBufferPointer(buffer))
            try Lanes.forEach(below: entries.count, laneCount: identity.laneCount) { index in
                let target = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: room.bytes[offsets[index]..<offsets[index] + entries[index].contentByteCount])
                unsafe try readChunk(entries[index], of: reference, from: file, seed: seed, into: target)
            }
            count = byteCount
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

    /// Reads one chunk into its place in the content: straight there when it is stored as it is.
    private static func readChunk(
        _ entry: SegmentFooter.Entry, of reference: ValueReference, from file: any OpenFile, seed: FrameSeed,
        into target: UnsafeMutableRawBufferPointer
    ) throws {
        do {
            let prefixByteCount = FrameHeader.byteCount + entry.key.count
            guard entry.byteCount == (prefixByteCount + target.count + 7) & ~7 else {
                return unsafe try readWhole(entry, of: reference, from: file, seed: seed, into: target)
            }
            let payload = entry.offset + prefixByteCount
            guard let prefix = try file.bytes(entry.offset..<payload),
                let padding = try file.bytes(payload + target.count..<entry.offset + entry.byteCount)
            else { throw FrameFault.truncated }
            let header = unsafe try prefix.withUnsafeBytes {
                unsafe try FrameDecoder.header(in: $0, at: entry.offset, seed: seed)
            }
            try check(header, entry, reference, target.count)
            guard header.compression == .none else {
                return unsafe try readWhole(entry, of: reference, from: file, seed: seed, into: target)
            }
            guard unsafe try file.read(into: target, at: payload) == target.count else { throw FrameFault.truncated }
            guard unsafe Checksum.mask(Checksum.extend(0, UnsafeRawBufferPointer(target))) == header.payloadCRC else {
                throw FrameFault.payloadChecksum
            }
            guard padding.allSatisfy({ $0 == 0 }) else { throw FrameFault.padding }
        } catch let fault as FrameFault {
            throw damaged(file, entry.offset, fault.rawValue)
        }
    }

    private static func readWhole(
        _ entry: SegmentFooter.Entry, of reference: ValueReference, from file: any OpenFile, seed: FrameSeed,
        into target: UnsafeMutableRawBufferPointer
    ) throws {
        unsafe try BufferPool.shared.withBuffer(byteCount: entry.byteCount) { buffer in
            guard unsafe try file.read(into: buffer, at: entry.offset) == entry.byteCount else {
                throw FrameFault.truncated
            }
            let bytes = UnsafeRawBufferPointer(buffer)
            let header = unsafe try FrameDecoder.header(in: bytes, at: entry.offset, seed: seed)
            try check(header, entry, reference, target.count)
            unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
            unsafe try FrameDecoder.withContent(of: header, in: bytes) { unsafe target.copyMemory(from: $0) }
        }
    }

    private static func check(
        _ header: FrameHeader, _ entry: SegmentFooter.Entry, _ reference: ValueReference, _ contentByteCount: Int
    ) throws(FrameFault) {
        guard header.crc == entry.headerCRC, header.kind == .chunk, header.frameByteCount == entry.byteCount,
            header.sequenceNumber == reference.chunkNumber, header.contentByteCount == contentByteCount
        else { throw .badField }
    }

    private static func damaged(_ file: any OpenFile, _ offset: Int, _ what: String) -> CheckpointLogError {
        .damaged("A value segment is damaged: \(what).", path: file.path.string, offset: offset)
    }
}
