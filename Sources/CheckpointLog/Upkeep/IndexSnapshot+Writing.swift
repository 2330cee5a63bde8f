import SystemPackage

extension IndexSnapshot {
    /// Writes a snapshot of `catalog` that covers the segments of `manifest`.
    ///
    /// - Parameters:
    ///   - excluded: segments whose records may not all be in the index yet.
    ///   - sync: makes durable everything that was appended before the call.
    /// - Returns: the bytes of the file.
    package static func write(
        _ catalog: RecordCatalog, manifest: Manifest, excluding excluded: (SegmentNumber) -> Bool,
        identity: LogIdentity,
        sync: () throws -> Void
    ) throws -> Int {
        let covered = manifest.segments.filter { !excluded($0.name.identifier) }
            .map { Covered(segment: $0.name.identifier, footerCRC: $0.footerCRC) }
        let replacement = try wrapping { () throws(FileSystemError) in
            try Replacement(of: FileName.snapshot, in: identity.directory)
        }
        let file = replacement.file
        defer { file.close() }
        do {
            var tables: [Table] = []
            var offset = 0
            var older: [(hash: KeyHash, entries: [IndexEntry])] = []
            try catalog.index.forEachShard { shard in
                var shard = shard
                // Where many keys were removed, a table has room that no opening needs.
                shard.trim()
                older += shard.olderVersions
                let crc = unsafe try shard.withSlotBytes { bytes in
                    try wrapping { () throws(FileSystemError) in unsafe try file.write(bytes, at: offset) }
                    return unsafe Checksum.mask(Checksum.extend(0, bytes))
                }
                tables.append(Table(slotCount: shard.slotCount, crc: crc, offset: offset))
                offset += shard.slotCount * IndexShard.slotByteCount
            }
            let head = head(catalog, manifest, covered, tables, older, identity)
            try wrapping { () throws(FileSystemError) in
                try file.write(head + trailer(headByteCount: head.count, identity), at: offset)
            }
            try sync()
            try wrapping { () throws(FileSystemError) in try replacement.finish() }
            return offset + head.count + prefixByteCount
        } catch {
            replacement.abandon()
            throw error
        }
    }
}
