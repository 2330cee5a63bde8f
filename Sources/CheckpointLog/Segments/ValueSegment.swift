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
        let file = try identity.directory.openFile(name, .create)
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
            try identity.directory.sync()
            return reference
        } catch {
            try? identity.directory.remove(name)
            throw error
        }
    }

    /// Reads the whole value that `reference` names.
    ///
    /// - Parameter byteLimit: the greatest value that is wanted.
    /// - Throws: as ``LargeValueReader``.
    package static func read(
        _ reference: ValueReference, identity: LogIdentity, byteLimit: Int = ValueReference.contentByteLimit
    ) throws -> [UInt8] {
        let reader = try LargeValueReader(reference, identity: identity, byteLimit: byteLimit)
        defer { reader.close() }
        return try reader.bytes()
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

    static func damaged(_ file: any OpenFile, _ offset: Int, _ what: String) -> CheckpointLogError {
        .damaged("A value segment is damaged: \(what).", path: file.path.string, offset: offset)
    }
}
