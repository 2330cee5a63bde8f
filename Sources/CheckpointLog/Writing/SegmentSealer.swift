import SystemPackage

/// Seals a full segment: writes footer and trailer, sets the exact length, syncs, and only then edits the manifest,
/// which is synced too.
///
/// After a crash between any two of these steps the segment is still part of the chain, and recovery reads it frame by
/// frame.
package enum SegmentSealer {
    /// Seals the frames `[SegmentHeader.byteCount, end)` of `file`, which are synced already.
    ///
    /// - Parameter footer: the list of these frames, as read back from the file.
    /// - Throws: `.ioFailure`, `.diskFull`.
    package static func seal(
        _ name: SegmentName, _ file: any OpenFile, _ footer: EncodedFooter, end: Int, manifest: ManifestFile
    ) throws {
        let trailer = SegmentTrailer(segment: name.identifier, footerOffset: end, footer)
        let sealed = Manifest.Segment(name: name, footer.summary, trailer: trailer)
        do throws(FileSystemError) {
            file.unmap()
            try file.write(footer.bytes + trailer.bytes, at: end)
            try file.truncate(toByteCount: sealed.byteCount)
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
}
