import SystemPackage

/// Turns a full segment into a sealed one: footer, trailer, exact length, synced, and only then the manifest edit, synced.
///
/// A crash between any two of these leaves a segment of the chain, which recovery reads frame by frame.
package enum SegmentSealer {
    /// Seals the frames `[SegmentHeader.byteCount, end)` of `file`, which are synced already.
    ///
    /// - Throws: `.damaged` when the frames read back are not what was written: no footer is made over bytes that fail.
    package static func seal(
        _ name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity, manifest: ManifestFile
    ) throws {
        let (footer, scanEnd) = try self.footer(of: name, file, end: end, identity: identity)
        guard scanEnd.offset == end else {
            throw CheckpointLogError.damaged(
                "A segment does not read back as it was written (\(scanEnd.cause)); close the log and verify it.",
                path: file.path.string, offset: scanEnd.offset)
        }
        let bytes = footer.bytes
        let trailer = SegmentTrailer(
            segment: name.identifier, footerOffset: end, footer: bytes, entryCount: footer.entries.count)
        let sealed = Manifest.Segment(name: name, footer: footer, trailer: trailer)
        do throws(FileSystemError) {
            file.unmap()
            try file.write(bytes + trailer.bytes, at: end)
            try file.truncate(toByteCount: sealed.byteCount)
            #if PLANTED_BUGS
            if PlantedBug.sealedBeforeSync.isPlanted { return try list(sealed, in: manifest) }
            #endif
            try file.sync()
            try list(sealed, in: manifest)
        } catch {
            throw CheckpointLogError(error)
        }
    }

    private static func list(_ sealed: Manifest.Segment, in manifest: ManifestFile) throws(FileSystemError) {
        try manifest.edit { manifest in
            manifest.segments.append(sealed)
            if sealed.name.role == .log { manifest.lastSealed = max(manifest.lastSealed, sealed.name.identifier) }
        }
    }

    /// Reads the frames' headers and lists them.
    package static func footer(
        of name: SegmentName, _ file: any OpenFile, end: Int, identity: LogIdentity
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
