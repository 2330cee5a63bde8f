import SystemPackage

extension IndexSnapshot {
    /// An upper bound of the bytes of everything except the tables.
    private static let headLimit = 256 << 20
    /// The most slots for each record that the manifest counts, plus some for the chain, whose records it does not
    /// count. A file with more is not read, even if its checksums are right.
    private static let slotsPerRecord = 4
    private static let chainSlots = 8 << 20

    /// What was found. The catalog changes only if the snapshot can be used.
    package enum Outcome {
        case absent
        /// It is the index of another history or another retention, or it is so old that its history is not known.
        case outdated
        case damaged
        case usable(Stored)
    }

    /// A snapshot of which everything but the tables is in the catalog.
    package struct Stored: Sendable {
        /// The segments of which it knows everything.
        package let covered: Set<Covered>
        fileprivate let tables: [Table]
        fileprivate let older: [[KeyHash: OlderVersions]]
        fileprivate let file: any OpenFile

        /// The tables, without what they say about segments other than these: that was dead, or is found again in the
        /// segments that took their place. Everything if `segments` is nil.
        package func tables(of segments: [SegmentNumber]?) -> StoredTables {
            let present = segments.map(SegmentCounters.init(present:))
            return StoredTables(slotCount: tables.reduce(0) { $0 + $1.slotCount }) {
                [self] shard, room, scratch throws(StoredTables.Fault) in
                try IndexSnapshot.table(tables[shard], older: older[shard], room, present, file, &scratch)
            }
        }

        /// Closes the file. The tables must not be read after this.
        package func close() { file.close() }
    }

    /// Fills the empty `catalog` from the log's snapshot, except for its tables.
    ///
    /// What it says about segments that `manifest` does not list may be outdated; see
    /// ``RecordCatalog/removeEntries(outside:laneCount:)``.
    ///
    /// - Throws: `FileSystemError` of a device. Damage in the file is no error: the snapshot is not used.
    package static func read(
        into catalog: RecordCatalog, manifest: Manifest, identity: LogIdentity
    ) throws(FileSystemError) -> Outcome {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(FileName.snapshot, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return .absent
        }
        let outcome: Outcome
        do throws(FileSystemError) {
            outcome = try read(file, into: catalog, manifest, identity)
        } catch {
            file.close()
            throw error
        }
        if case .usable = outcome {} else { file.close() }
        return outcome
    }

    private static func read(
        _ file: any OpenFile, into catalog: RecordCatalog, _ manifest: Manifest, _ identity: LogIdentity
    ) throws(FileSystemError) -> Outcome {
        let byteCount = try file.byteCount()
        guard byteCount > prefixByteCount, let tail = try file.bytes(byteCount - prefixByteCount..<byteCount),
            let headByteCount = headByteCount(tail), headByteCount <= min(headLimit, byteCount - prefixByteCount)
        else { return .damaged }
        let headEnd = byteCount - prefixByteCount
        guard let head = try file.bytes(headEnd - headByteCount..<headEnd),
            let parsed = Head(head, tableEnd: headEnd - headByteCount, identity: identity),
            parsed.generation <= manifest.generation,
            parsed.slotCount <= manifest.segments.reduce(chainSlots, { $0 + $1.entryCount * slotsPerRecord })
        else { return .damaged }
        guard manifest.ancestry(of: parsed.opening) == .descends else { return .outdated }
        guard Retentions(parsed.policies) == catalog.retentions else { return .outdated }
        catalog.index.replace(floors: parsed.floors, levels: parsed.levels)
        catalog.usage.replace(parsed.usage)
        catalog.replace(parsed.sides)
        var older = [[KeyHash: OlderVersions]](repeating: [:], count: parsed.tables.count)
        for (hash, entries) in parsed.older { older[hash.shard][hash] = OlderVersions(newestFirst: entries) }
        return .usable(Stored(covered: parsed.covered, tables: parsed.tables, older: older, file: file))
    }

    private static func table(
        _ table: Table, older: [KeyHash: OlderVersions], _ room: Int, _ present: SegmentCounters?,
        _ file: any OpenFile, _ scratch: inout IndexShard.Scratch
    ) throws(StoredTables.Fault) -> IndexShard {
        var failure: FileSystemError?
        var crc = UInt32(0)
        let shard = unsafe IndexShard(
            slotCount: table.slotCount, older: older, room: room, present: present, &scratch
        ) { offset, block in
            do throws(FileSystemError) {
                guard unsafe try file.read(into: block, at: table.offset + offset) == block.count else { return false }
                crc = unsafe Checksum.extend(crc, UnsafeRawBufferPointer(block))
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw .disk(failure) }
        guard let shard, Checksum.mask(crc) == table.crc else { throw .content }
        return shard
    }
}
