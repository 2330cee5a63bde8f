import SystemPackage

/// The index in a file, so that an opening need not read all footers. FORMAT.md, "SNAPSHOT".
///
/// It can be missing, stale or damaged at any time: the log is then read without it. What makes it safe is its order: the
/// segments it covers are fixed first, then the index is copied, then everything appended until then is synced, and only then
/// does the file get its name. So nothing in it depends on a record that a power cut could take.
package struct IndexSnapshot {
    private static let magic: [UInt8] = Array("CKPTIDX\n".utf8)
    private static let prefixByteCount = 24
    /// Bytes of everything but the tables.
    private static let headLimit = 256 << 20
    /// Slots of one table.
    private static let slotLimit = 1 << 26
    /// Slots for each record that the manifest counts, and for the chain, whose records it does not: a file that claims more is
    /// not read, however its checksums are.
    private static let slotsPerRecord = 4
    private static let chainSlots = 8 << 20
    /// More live bytes than any segment has by the size classes of its frames.
    private static let usageLimit = 2 * LogPosition.offsetLimit
    /// Tables of this many bytes in all are read by two threads.
    private static let parallelByteCount = 8 << 20
    /// Tables are read in blocks, and no further where so few of their slots are used that a hole in the file must be it: memory
    /// is then not touched for the rest.
    private static let blockByteCount = 4 << 20
    private static let leastUse = 256

    /// A segment that the snapshot covers, and the checksum of its footer.
    package struct Covered: Hashable, Sendable {
        package var segment: UInt32
        package var footerCRC: UInt32

        package init(segment: UInt32, footerCRC: UInt32) {
            self.segment = segment
            self.footerCRC = footerCRC
        }
    }

    private struct Table {
        var slotCount: Int
        var crc: UInt32
        var offset: Int
    }

    // MARK: Writing

    /// Writes a snapshot of `catalog` that covers the segments of `manifest`.
    ///
    /// - Parameters:
    ///   - excluded: segments whose records may not all be in the index yet.
    ///   - sync: makes durable everything that was appended before the call.
    /// - Returns: the bytes of the file.
    package static func write(
        _ catalog: RecordCatalog, manifest: Manifest, excluding excluded: (UInt32) -> Bool, identity: LogIdentity,
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

    /// Behind the tables, so that they can be written while they are copied.
    private static func head(
        _ catalog: RecordCatalog, _ manifest: Manifest, _ covered: [Covered], _ tables: [Table],
        _ older: [(hash: KeyHash, entries: [IndexEntry])], _ identity: LogIdentity
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in [
            identity.identifier.high, identity.identifier.low, identity.hashKey.first, identity.hashKey.second,
            manifest.generation,
        ] { bytes.append(littleEndian: word) }
        for table in tables {
            bytes.append(littleEndian: UInt64(table.slotCount))
            bytes.append(littleEndian: UInt64(table.crc))
        }
        for floor in catalog.index.allFloors { bytes.append(littleEndian: floor.rawValue) }
        let levels = catalog.index.levelsInUse
        let sides = catalog.sides
        let usage = catalog.usage.all
        for count in [
            levels.count, covered.count, older.count, sides.references.count, usage.count, sides.origins.count,
        ] {
            bytes.append(littleEndian: UInt32(count))
        }
        bytes.append(littleEndian: UInt32(sides.hasGroups ? 1 : 0))
        bytes.append(contentsOf: levels)
        for segment in covered {
            bytes.append(littleEndian: segment.segment)
            bytes.append(littleEndian: segment.footerCRC)
        }
        for (hash, entries) in older {
            bytes.append(littleEndian: hash.high)
            bytes.append(littleEndian: hash.low)
            bytes.append(littleEndian: UInt32(entries.count))
            for entry in entries {
                bytes.append(littleEndian: entry.word)
                bytes.append(littleEndian: entry.location.bits)
            }
        }
        for (location, segment) in sides.references {
            bytes.append(littleEndian: location.bits)
            bytes.append(littleEndian: segment)
        }
        for (segment, byteCount) in usage {
            bytes.append(littleEndian: segment)
            bytes.append(littleEndian: UInt64(max(0, byteCount)))
        }
        for origin in sides.origins {
            bytes.append(littleEndian: UInt16(origin.bytes.count))
            bytes.append(contentsOf: origin.bytes)
        }
        let crc = Checksum.mask(Checksum.of(bytes))
        bytes.append(littleEndian: crc)
        return bytes
    }

    private static func trailer(headByteCount: Int, _ identity: LogIdentity) -> [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(littleEndian: UInt16(0))
        rest.append(littleEndian: UInt64(headByteCount))
        var bytes = magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    // MARK: Reading

    /// Fills the empty `catalog` from the log's snapshot, and gives the segments it covers; nil, and the catalog untouched, when
    /// there is none that can be used.
    ///
    /// Entries in segments that `manifest` does not list may be stale; see ``RecordCatalog/removeEntries(outside:)``.
    ///
    /// - Throws: `FileSystemError` of a device; never for what the file holds.
    package static func read(
        into catalog: RecordCatalog, manifest: Manifest, identity: LogIdentity
    ) throws(FileSystemError) -> Set<Covered>? {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(FileName.snapshot, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount > prefixByteCount, let tail = try file.bytes(byteCount - prefixByteCount..<byteCount),
            let headByteCount = headByteCount(tail), headByteCount <= min(headLimit, byteCount - prefixByteCount)
        else { return nil }
        let headEnd = byteCount - prefixByteCount
        guard let head = try file.bytes(headEnd - headByteCount..<headEnd),
            var parsed = Parsed(head, tableEnd: headEnd - headByteCount, identity: identity),
            parsed.generation <= manifest.generation,
            parsed.slotCount <= manifest.segments.reduce(chainSlots, { $0 + $1.entryCount * slotsPerRecord })
        else { return nil }
        guard let shards = try tables(&parsed, file) else { return nil }
        catalog.index.replace(shards: shards, floors: parsed.floors, levels: parsed.levels)
        catalog.usage.replace(parsed.usage)
        catalog.replace(parsed.sides)
        return parsed.covered
    }

    private static func headByteCount(_ tail: [UInt8]) -> Int? {
        var cursor = ByteCursor(tail)
        guard cursor.slice(byteCount: UInt64(magic.count)).map({ $0.elementsEqual(magic) }) == true,
            let crc = cursor.integer(UInt32.self), crc == Checksum.mask(Checksum.of(Array(tail[12...]))),
            cursor.integer(UInt16.self) == FormatVersion.current, cursor.integer(UInt16.self) == 0
        else { return nil }
        return cursor.integer(UInt64.self).flatMap(Int.init(exactly:))
    }

    private static func tables(_ parsed: inout Parsed, _ file: any OpenFile) throws(FileSystemError) -> [IndexShard]? {
        let parsedTables = parsed.tables
        var older = [[KeyHash: [IndexEntry]]](repeating: [:], count: parsedTables.count)
        for (hash, entries) in parsed.older { older[hash.shard][hash] = entries }
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
        _ table: Table, older: [KeyHash: [IndexEntry]], _ file: any OpenFile
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
        // The number stands last in a slot; zero is none.
        stride(from: IndexShard.slotByteCount - 8, to: bytes.count, by: IndexShard.slotByteCount).reduce(0) {
            $0 + (bytes.integer(UInt64.self, at: $1) == 0 ? 0 : 1)
        }
    }

    /// Everything but the tables, once its checksum holds.
    private struct Parsed {
        var generation: UInt64 = 0
        var tables: [Table] = []
        var slotCount: Int { tables.reduce(0) { $0 + $1.slotCount } }
        var floors: [SequenceNumber] = []
        var levels: [UInt8] = []
        var covered: Set<Covered> = []
        var older: [(KeyHash, [IndexEntry])] = []
        var usage: [UInt32: Int] = [:]
        var sides = RecordCatalog.Sides(references: [:], origins: [], hasGroups: false)

        init?(_ bytes: [UInt8], tableEnd: Int, identity: LogIdentity) {
            var last = ByteCursor(bytes, from: max(0, bytes.count - 4))
            guard bytes.count > 4, let crc = last.integer(UInt32.self),
                crc == Checksum.mask(Checksum.of(Array(bytes.dropLast(4))))
            else { return nil }
            var cursor = ByteCursor(bytes)
            for word in [
                identity.identifier.high, identity.identifier.low, identity.hashKey.first, identity.hashKey.second,
            ] where cursor.integer(UInt64.self) != word { return nil }
            guard let generation = cursor.integer(UInt64.self) else { return nil }
            self.generation = generation
            var offset = 0
            for _ in 0..<CheckpointIndex.shardTotal {
                guard let count = cursor.integer(UInt64.self), count <= UInt64(slotLimit),
                    let crc = cursor.integer(UInt64.self).flatMap(UInt32.init(exactly:))
                else { return nil }
                tables.append(Table(slotCount: Int(count), crc: crc, offset: offset))
                offset += Int(count) * IndexShard.slotByteCount
            }
            guard offset == tableEnd else { return nil }
            for _ in 0..<256 {
                guard let floor = cursor.integer(UInt64.self) else { return nil }
                floors.append(SequenceNumber(rawValue: floor))
            }
            guard readSides(&cursor), cursor.slice(byteCount: 4) != nil, cursor.isAtEnd else { return nil }
        }

        private mutating func readSides(_ cursor: inout ByteCursor) -> Bool {
            var counts: [UInt32] = []
            for _ in 0..<7 {
                guard let count = cursor.integer(UInt32.self) else { return false }
                counts.append(count)
            }
            guard counts[0] <= 256, counts[6] <= 1, let levels = cursor.slice(byteCount: UInt64(counts[0])) else {
                return false
            }
            self.levels = Array(levels)
            sides.hasGroups = counts[6] == 1
            for _ in 0..<counts[1] {
                guard let segment = cursor.integer(UInt32.self), let crc = cursor.integer(UInt32.self) else {
                    return false
                }
                covered.insert(Covered(segment: segment, footerCRC: crc))
            }
            for _ in 0..<counts[2] {
                guard let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
                    let count = cursor.integer(UInt32.self), count <= 1_024
                else { return false }
                var entries: [IndexEntry] = []
                for _ in 0..<count {
                    guard let word = cursor.integer(UInt64.self), let bits = cursor.integer(UInt64.self) else {
                        return false
                    }
                    entries.append(IndexEntry(word: word, location: FrameLocation(bits: bits)))
                }
                older.append((KeyHash(high: high, low: low), entries))
            }
            return readRest(&cursor, references: counts[3], segments: counts[4], origins: counts[5])
        }

        private mutating func readRest(
            _ cursor: inout ByteCursor, references: UInt32, segments: UInt32, origins: UInt32
        ) -> Bool {
            for _ in 0..<references {
                guard let bits = cursor.integer(UInt64.self), let segment = cursor.integer(UInt32.self) else {
                    return false
                }
                sides.references[FrameLocation(bits: bits)] = segment
            }
            for _ in 0..<segments {
                guard let segment = cursor.integer(UInt32.self),
                    let byteCount = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)),
                    byteCount <= usageLimit
                else { return false }
                usage[segment] = byteCount
            }
            for _ in 0..<origins {
                guard let count = cursor.integer(UInt16.self), count <= UInt16(Origin.byteLimit),
                    let origin = cursor.slice(byteCount: UInt64(count))
                else { return false }
                sides.origins.insert(Origin(bytes: Array(origin)))
            }
            return true
        }
    }
}
