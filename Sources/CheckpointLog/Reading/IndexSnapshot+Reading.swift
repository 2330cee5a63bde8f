import SystemPackage

extension IndexSnapshot {
    /// An upper bound of the bytes of everything except the tables.
    private static let headLimit = 256 << 20
    /// The most slots for each record that the manifest counts, plus some for the chain, whose records it does not
    /// count. A file with more is not read, even if its checksums are right.
    private static let slotsPerRecord = 4
    private static let chainSlots = 8 << 20
    /// If the tables have this many bytes or more, two threads read them.
    private static let parallelByteCount = 8 << 20
    /// Tables are read in blocks of this size. If a block has so few used slots that it must be a hole in the file, the
    /// reading stops, before it touches memory for the rest.
    private static let blockByteCount = 4 << 20
    private static let leastUse = 256

    /// The result of reading a snapshot. The catalog changes only if the snapshot was used.
    package enum Outcome {
        case absent
        /// It is the index of another history or another retention, or it is so old that its history is not known.
        case outdated
        case damaged
        case used(covered: Set<Covered>)

        package var covered: Set<Covered>? {
            if case .used(let covered) = self { covered } else { nil }
        }
    }

    /// Fills the empty `catalog` from the log's snapshot, and returns the segments that the snapshot covers.
    ///
    /// Entries in segments that `manifest` does not list may be outdated; see
    /// ``RecordCatalog/removeEntries(outside:)``.
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
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount > prefixByteCount, let tail = try file.bytes(byteCount - prefixByteCount..<byteCount),
            let headByteCount = headByteCount(tail), headByteCount <= min(headLimit, byteCount - prefixByteCount)
        else { return .damaged }
        let headEnd = byteCount - prefixByteCount
        guard let head = try file.bytes(headEnd - headByteCount..<headEnd),
            var parsed = Head(head, tableEnd: headEnd - headByteCount, identity: identity),
            parsed.generation <= manifest.generation,
            parsed.slotCount <= manifest.segments.reduce(chainSlots, { $0 + $1.entryCount * slotsPerRecord })
        else { return .damaged }
        guard manifest.ancestry(of: parsed.opening) == .descends else { return .outdated }
        guard Retentions(parsed.policies) == catalog.retentions else { return .outdated }
        guard let shards = try tables(&parsed, file) else { return .damaged }
        catalog.index.replace(shards: shards, floors: parsed.floors, levels: parsed.levels)
        catalog.usage.replace(parsed.usage)
        catalog.replace(parsed.sides)
        return .used(covered: parsed.covered)
    }

    private static func tables(_ parsed: inout Head, _ file: any OpenFile) throws(FileSystemError) -> [IndexShard]? {
        let parsedTables = parsed.tables
        var older = [[KeyHash: OlderVersions]](repeating: [:], count: parsedTables.count)
        for (hash, entries) in parsed.older { older[hash.shard][hash] = OlderVersions(newestFirst: entries) }
        let lists = older
        let total = parsed.slotCount * IndexShard.slotByteCount
        do {
            return try Lanes.map(below: parsedTables.count, laneCount: total < parallelByteCount ? 1 : 2) { index in
                try shard(parsedTables[index], older: lists[index], file)
            }
        } catch SnapshotFault.disk(let error) {
            throw error
        } catch {
            return nil
        }
    }

    private enum SnapshotFault: Error {
        case disk(FileSystemError)
        case content
    }

    private static func shard(
        _ table: Table, older: [KeyHash: OlderVersions], _ file: any OpenFile
    ) throws(SnapshotFault) -> IndexShard {
        var failure: FileSystemError?
        let shard = unsafe IndexShard(slotCount: table.slotCount, older: older) { buffer in
            do throws(FileSystemError) {
                var (crc, done, used) = (UInt32(0), 0, 0)
                while done < buffer.count {
                    let end = min(done + blockByteCount, buffer.count)
                    let block = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<end])
                    guard unsafe try file.read(into: block, at: table.offset + done) == block.count else {
                        return false
                    }
                    crc = unsafe Checksum.extend(crc, UnsafeRawBufferPointer(block))
                    done = end
                    if buffer.count > blockByteCount {
                        used += unsafe usedSlots(UnsafeRawBufferPointer(block))
                        guard used * leastUse >= done / IndexShard.slotByteCount else { return false }
                    }
                }
                return Checksum.mask(crc) == table.crc
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw .disk(failure) }
        guard let shard else { throw .content }
        return shard
    }

    private static func usedSlots(_ bytes: UnsafeRawBufferPointer) -> Int {
        // The number is the last field of a slot; zero means that the slot is empty.
        stride(from: IndexShard.slotByteCount - 8, to: bytes.count, by: IndexShard.slotByteCount).reduce(0) {
            $0 + (bytes.integer(UInt64.self, at: $1) == 0 ? 0 : 1)
        }
    }
}
