import SystemPackage

extension ValueSegment {
    /// Reads the whole value that `reference` names.
    ///
    /// - Parameter byteLimit: the largest value that the caller accepts.
    /// - Throws: as ``LargeValueReader``.
    package static func read(
        _ reference: ValueReference, identity: LogIdentity, byteLimit: Int = ValueReference.contentByteLimit
    ) throws -> [UInt8] {
        let reader = try LargeValueReader(reference, identity: identity, byteLimit: byteLimit)
        defer { reader.close() }
        return try reader.bytes()
    }

    /// The footer of the value segment, after its checksum was compared with the one in the reference.
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
