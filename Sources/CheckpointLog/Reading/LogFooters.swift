import SystemPackage

/// Reads what the manifest says of sealed segments off the segments themselves.
package struct LogFooters {
    package let identity: LogIdentity

    package init(identity: LogIdentity) { self.identity = identity }

    /// The list of a sealed segment's frames: its footer, or what a scan finds when the footer alone is damaged.
    package func footer(of segment: Manifest.Segment) throws -> SegmentFooter {
        let file = try file(of: segment)
        defer { file.close() }
        let path = file.path
        let byteCount = segment.byteCount
        let footerEnd = byteCount - SegmentFooter.trailerByteCount
        if segment.footerOffset <= footerEnd,
            let bytes = try wrapping({ () throws(FileSystemError) in try file.bytes(segment.footerOffset..<footerEnd) }
            ),
            Checksum.mask(Checksum.of(bytes)) == segment.footerCRC,
            let footer = SegmentFooter(bytes, count: segment.entryCount), footer.frameEnd == segment.footerOffset
        {
            return footer
        }
        let (footer, end) = try Self.scan(
            segment.name, file, end: segment.footerOffset, identity: identity)
        guard end.offset == segment.footerOffset, Checksum.mask(Checksum.of(footer.bytes)) == segment.footerCRC else {
            throw CheckpointLogError.damaged(
                "A sealed segment is not the one that the manifest lists.", path: path.string, offset: end.offset,
                lost: [Self.range(of: segment)])
        }
        return footer
    }

    /// Lists the frames `[SegmentHeader.byteCount, end)` of a segment that is to be sealed.
    ///
    /// - Throws: `.damaged` when they are not what was written: no footer is made over bytes that fail.
    package static func footer(
        ofUnsealed name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity
    ) throws -> SegmentFooter {
        let (footer, scanEnd) = try scan(name, file, end: end, identity: identity)
        guard scanEnd.offset == end else {
            throw CheckpointLogError.damaged(
                "A segment does not read back as it was written (\(scanEnd.cause)); close the log and verify it.",
                path: file.path.string, offset: scanEnd.offset)
        }
        return footer
    }

    /// Checks that the file of a sealed segment is there and as long as the manifest states.
    ///
    /// - Throws: `.damaged` naming the numbers that are lost.
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

    /// Reads the frames' headers and lists them.
    package static func scan(
        _ name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity
    ) throws -> (SegmentFooter, SegmentScanner.End) {
        var footer = SegmentFooter()
        let scanner = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: end, checksPayload: false)
        let scanEnd = try scanner.scan { frame in
            let valueSegment = try frame.valueSegment()
            unsafe footer.entries.append(
                SegmentFooter.Entry(
                    frame.header, offset: frame.offset, key: Array(frame.key), origin: Array(frame.origin),
                    valueSegment: valueSegment))
        }
        return (footer, scanEnd)
    }
}
