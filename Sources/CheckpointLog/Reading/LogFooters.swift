import SystemPackage

/// Lists the frames of sealed segments, from their footers.
package struct LogFooters {
    package let identity: LogIdentity

    package init(identity: LogIdentity) { self.identity = identity }

    /// Calls `body` with each frame of a sealed segment, and with its key and origin. If only the footer is damaged, a
    /// scan of the frames takes its place.
    ///
    /// - Throws: `.damaged`, `.ioFailure`, and what `body` throws; by then `body` may have been called.
    package func forEachEntry(
        of segment: Manifest.Segment,
        _ body: (SegmentFooter.Entry, _ key: UnsafeRawBufferPointer, _ origin: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let file = try file(of: segment)
        defer { file.close() }
        guard let bytes = try Self.footerBytes(of: segment, file) else {
            let footer = try scan(segment, file)
            _ = unsafe try SegmentFooter.forEachEntry(in: footer.bytes, count: footer.summary.frameCount, body)
            return
        }
        var end = SegmentHeader.byteCount
        let isWhole = unsafe try SegmentFooter.forEachEntry(in: bytes, count: segment.entryCount) {
            entry, key, origin in
            end = entry.offset + entry.byteCount
            unsafe try body(entry, key, origin)
        }
        // The manifest has another checksum: no scan of these frames can give the list that it knows.
        guard isWhole, end == segment.footerOffset else { throw isAnother(segment, file, end: end) }
    }

    /// Calls `body` with the catalog record of each frame of a sealed segment, in their order.
    ///
    /// - Throws: as ``forEachEntry(of:_:)``.
    package func forEachRecord(of segment: Manifest.Segment, _ body: (CatalogRecord) throws -> Void) throws {
        unsafe try forEachEntry(of: segment) { entry, key, origin in
            unsafe try body(CatalogRecord(entry, of: segment.name.identifier, key: key, origin: origin))
        }
    }

    /// The footer without its trailer; nil if it is not the footer that the manifest knows.
    private static func footerBytes(of segment: Manifest.Segment, _ file: any OpenFile) throws -> [UInt8]? {
        let end = segment.byteCount - SegmentFooter.trailerByteCount
        guard segment.footerOffset <= end,
            let bytes = try wrapping({ () throws(FileSystemError) in try file.bytes(segment.footerOffset..<end) }),
            Checksum.mask(Checksum.of(bytes)) == segment.footerCRC
        else { return nil }
        return bytes
    }

    private func scan(_ segment: Manifest.Segment, _ file: any OpenFile) throws -> EncodedFooter {
        let (footer, end) = try Self.scan(segment.name, file, end: segment.footerOffset, identity: identity)
        guard end.offset == segment.footerOffset, Checksum.mask(Checksum.of(footer.bytes)) == segment.footerCRC else {
            throw isAnother(segment, file, end: end.offset)
        }
        return footer
    }

    private func isAnother(_ segment: Manifest.Segment, _ file: any OpenFile, end: Int) -> CheckpointLogError {
        .damaged(
            "A sealed segment is not the one that the manifest lists.", path: file.path.string, offset: end,
            lost: [Self.range(of: segment)])
    }

    /// Lists the frames in `[SegmentHeader.byteCount, end)` of a segment that is about to be sealed.
    ///
    /// - Throws: `.damaged` if they are not what was written: a footer must not cover bytes that fail their check.
    package static func footer(
        ofUnsealed name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity
    ) throws -> EncodedFooter {
        var footer = SegmentFooterEncoder()
        try forEachEntry(ofUnsealed: name, file, end: end, identity: identity) { entry, frame in
            unsafe footer.append(entry, key: frame.key, origin: frame.origin)
        }
        return footer.finish()
    }

    /// Calls `body` with each frame in `[SegmentHeader.byteCount, end)` of a segment that is about to be sealed, and
    /// with its entry, which has neither the key nor the origin.
    ///
    /// - Throws: as ``footer(ofUnsealed:_:end:identity:)``, and what `body` throws; it may have been called by then.
    static func forEachEntry(
        ofUnsealed name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity,
        _ body: (SegmentFooter.Entry, FrameView) throws -> Void
    ) throws {
        let scanEnd = try scanEntries(name, file, end: end, identity: identity, body)
        guard scanEnd.offset == end else {
            throw CheckpointLogError.damaged(
                "A segment does not read back as it was written (\(scanEnd.cause)); close the log and verify it.",
                path: file.path.string, offset: scanEnd.offset)
        }
    }

    /// Checks that the file of a sealed segment exists and has the length that the manifest states.
    ///
    /// - Throws: `.damaged` with the numbers that are lost.
    package func check(_ segment: Manifest.Segment) throws { try file(of: segment).close() }

    private func file(of segment: Manifest.Segment) throws -> any OpenFile {
        let path = identity.path(segment.name)
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(segment.name, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            throw CheckpointLogError.damaged(
                "A sealed segment is missing; put the file back, or open the log read-only for salvage.",
                path: path.string, lost: [Self.range(of: segment)])
        } catch {
            throw CheckpointLogError(error)
        }
        let byteCount = try wrapping { () throws(FileSystemError) in try file.byteCount() }
        guard byteCount == segment.byteCount else {
            throw CheckpointLogError.damaged(
                "A sealed segment has \(byteCount) bytes where the manifest states \(segment.byteCount).",
                path: path.string, offset: min(byteCount, segment.byteCount), lost: [Self.range(of: segment)])
        }
        return file
    }

    private static func range(of segment: Manifest.Segment) -> CheckpointLogError.LostRecord {
        let lowest = min(segment.lowestSequenceNumber, segment.highestSequenceNumber)
        return CheckpointLogError.LostRecord(
            level: nil, key: nil, sequenceNumbers: lowest...segment.highestSequenceNumber)
    }

    /// Calls `body` with the catalog record of each frame that a scan has listed.
    package static func forEachRecord(
        of segment: SegmentNumber, _ footer: EncodedFooter, _ body: (CatalogRecord) throws -> Void
    ) rethrows {
        _ = unsafe try SegmentFooter.forEachEntry(in: footer.bytes, count: footer.summary.frameCount) {
            entry, key, origin in
            unsafe try body(CatalogRecord(entry, of: segment, key: key, origin: origin))
        }
    }

    /// Reads the headers of the frames and lists them.
    package static func scan(
        _ name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity
    ) throws -> (EncodedFooter, SegmentScanner.End) {
        var footer = SegmentFooterEncoder()
        let scanEnd = try scanEntries(name, file, end: end, identity: identity) { entry, frame in
            unsafe footer.append(entry, key: frame.key, origin: frame.origin)
        }
        return (footer.finish(), scanEnd)
    }

    private static func scanEntries(
        _ name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity,
        _ body: (SegmentFooter.Entry, FrameView) throws -> Void
    ) throws -> SegmentScanner.End {
        var scanner = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: end, checksPayload: false)
        return try scanner.scan { frame in
            try body(SegmentFooter.Entry(frame.header, offset: frame.offset, value: try frame.valueFile()), frame)
        }
    }
}
