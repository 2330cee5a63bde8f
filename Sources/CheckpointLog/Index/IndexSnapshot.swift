/// The index in a file, so that an opening need not read all footers. FORMAT.md, "SNAPSHOT".
///
/// The file may be missing, outdated or damaged at any time; an opening then does without it. The order of its writing
/// makes it safe: the writer first notes the segments that it covers, then copies the index, then syncs everything
/// appended until then, and only then gives the file its name. So nothing in it depends on a record that a power cut
/// could take.
package struct IndexSnapshot {
    private static let magic: [UInt8] = Array("CKPTIDX\n".utf8)
    static let prefixByteCount = 24
    /// The most slots of one table.
    private static let slotLimit = 1 << 26
    /// An upper bound of the live bytes of a segment, by the size classes of its frames.
    private static let usageLimit = 2 * LogPosition.offsetLimit

    /// A segment that the snapshot covers, with the checksum of its footer.
    package struct Covered: Hashable, Sendable {
        package var segment: SegmentNumber
        package var footerCRC: UInt32

        package init(segment: SegmentNumber, footerCRC: UInt32) {
            self.segment = segment
            self.footerCRC = footerCRC
        }
    }

    struct Table {
        var slotCount: Int
        var crc: UInt32
        var offset: Int
    }

    /// The head follows the tables, so that they can be written while they are copied.
    static func head(
        _ catalog: RecordCatalog, _ manifest: Manifest, _ covered: [Covered], _ tables: [Table],
        _ older: [(hash: KeyHash, entries: [IndexEntry])], _ identity: LogIdentity
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in [
            identity.identifier.high, identity.identifier.low, identity.hashSecret.first, identity.hashSecret.second,
            manifest.generation, manifest.newestOpening?.word ?? 0, UInt64(manifest.newestOpening?.epoch ?? 0),
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
            levels.count, covered.count, older.count, sides.values.references.count, usage.count, sides.origins.count,
            sides.values.freed.count, manifest.policies.count, sides.labelled.count,
        ] {
            bytes.append(littleEndian: UInt32(count))
        }
        bytes.append(littleEndian: UInt32(sides.hasGroups ? 1 : 0))
        bytes.append(contentsOf: manifest.policies.bytes)
        bytes.append(contentsOf: levels)
        for segment in covered {
            bytes.append(littleEndian: segment.segment.rawValue)
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
        for (location, reference) in sides.values.references {
            for word in [
                location.bits, UInt64(reference.file.byteCount), reference.hash.high, reference.hash.low,
                reference.sequenceNumber.rawValue,
            ] { bytes.append(littleEndian: word) }
            bytes.append(littleEndian: reference.file.segment.rawValue)
        }
        for (segment, byteCount) in usage {
            bytes.append(littleEndian: segment.rawValue)
            bytes.append(littleEndian: UInt64(max(0, byteCount)))
        }
        for origin in sides.origins {
            bytes.append(littleEndian: UInt16(origin.bytes.count))
            bytes.append(contentsOf: origin.bytes)
        }
        for (segment, location) in sides.values.freed {
            bytes.append(littleEndian: segment.rawValue)
            bytes.append(littleEndian: location.bits)
        }
        for (name, key) in sides.labelled {
            for word in [name.high, name.low, key.high, key.low] { bytes.append(littleEndian: word) }
        }
        let crc = Checksum.mask(Checksum.of(bytes))
        bytes.append(littleEndian: crc)
        return bytes
    }

    static func trailer(headByteCount: Int, _ identity: LogIdentity) -> [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(littleEndian: UInt16(0))
        rest.append(littleEndian: UInt64(headByteCount))
        var bytes = magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    /// The length of the head, as the end of the file states it; nil if the end is none of a snapshot.
    static func headByteCount(_ tail: [UInt8]) -> Int? {
        var cursor = ByteCursor(tail)
        guard cursor.slice(byteCount: UInt64(magic.count)).map({ $0.elementsEqual(magic) }) == true,
            let crc = cursor.integer(UInt32.self), crc == Checksum.mask(Checksum.of(Array(tail[12...]))),
            cursor.integer(UInt16.self) == FormatVersion.current, cursor.integer(UInt16.self) == 0
        else { return nil }
        return cursor.integer(UInt64.self).flatMap(Int.init(exactly:))
    }

    /// Everything except the tables, after its checksum was verified.
    struct Head {
        var generation: UInt64 = 0
        var opening = Opening(epoch: 0, word: 0)
        var policies: [UInt8: RecordedPolicy] = [:]
        var tables: [Table] = []
        var slotCount: Int { tables.reduce(0) { $0 + $1.slotCount } }
        var floors: [SequenceNumber] = []
        var levels: [UInt8] = []
        var covered: Set<Covered> = []
        var older: [(KeyHash, [IndexEntry])] = []
        var usage: [SegmentNumber: Int] = [:]
        var sides = RecordCatalog.Sides(values: ValueTable.Content(), origins: [], hasGroups: false)

        init?(_ bytes: [UInt8], tableEnd: Int, identity: LogIdentity) {
            var last = ByteCursor(bytes, from: max(0, bytes.count - 4))
            guard bytes.count > 4, let crc = last.integer(UInt32.self),
                crc == Checksum.mask(Checksum.of(Array(bytes.dropLast(4))))
            else { return nil }
            var cursor = ByteCursor(bytes)
            for word in [
                identity.identifier.high, identity.identifier.low, identity.hashSecret.first,
                identity.hashSecret.second,
            ] where cursor.integer(UInt64.self) != word { return nil }
            guard let generation = cursor.integer(UInt64.self), let word = cursor.integer(UInt64.self),
                let epoch = cursor.integer(UInt64.self).flatMap({ UInt32(exactly: $0) })
            else { return nil }
            self.generation = generation
            opening = Opening(epoch: epoch, word: word)
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
            for _ in 0..<10 {
                guard let count = cursor.integer(UInt32.self) else { return false }
                counts.append(count)
            }
            guard counts[0] <= 256, counts[7] <= UInt8.max, counts[9] <= 1,
                let policies = [UInt8: RecordedPolicy](&cursor, count: counts[7]),
                let levels = cursor.slice(byteCount: UInt64(counts[0]))
            else { return false }
            self.policies = policies
            self.levels = Array(levels)
            sides.hasGroups = counts[9] == 1
            for _ in 0..<counts[1] {
                guard let segment = cursor.segmentNumber(), let crc = cursor.integer(UInt32.self) else {
                    return false
                }
                covered.insert(Covered(segment: segment, footerCRC: crc))
            }
            for _ in 0..<counts[2] {
                guard let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
                    let count = cursor.integer(UInt32.self)
                else { return false }
                var entries: [IndexEntry] = []
                for _ in 0..<count {
                    guard let word = cursor.integer(UInt64.self), let bits = cursor.integer(UInt64.self) else {
                        return false
                    }
                    let entry = IndexEntry(word: word, location: FrameLocation(bits: bits))
                    // Newest first, and nothing after a removal of the key: searches rely on this order.
                    if let last = entries.last, last.isRemoval || last.sequenceNumber <= entry.sequenceNumber {
                        return false
                    }
                    entries.append(entry)
                }
                older.append((KeyHash(high: high, low: low), entries))
            }
            return readReferences(&cursor, counts[3])
                && readRest(&cursor, segments: counts[4], origins: counts[5], freed: counts[6])
                && readLabelled(&cursor, counts[8])
        }

        private mutating func readLabelled(_ cursor: inout ByteCursor, _ count: UInt32) -> Bool {
            for _ in 0..<count {
                var words: [UInt64] = []
                for _ in 0..<4 {
                    guard let word = cursor.integer(UInt64.self) else { return false }
                    words.append(word)
                }
                sides.labelled[KeyHash(high: words[0], low: words[1])] = KeyHash(high: words[2], low: words[3])
            }
            return true
        }

        private mutating func readReferences(_ cursor: inout ByteCursor, _ count: UInt32) -> Bool {
            for _ in 0..<count {
                guard let bits = cursor.integer(UInt64.self), let byteCount = cursor.integer(UInt64.self),
                    byteCount < ValueReference.fileByteLimit, let high = cursor.integer(UInt64.self),
                    let low = cursor.integer(UInt64.self), let number = cursor.integer(UInt64.self),
                    let segment = cursor.segmentNumber()
                else { return false }
                sides.values.references[FrameLocation(bits: bits)] = ValueTable.Reference(
                    file: ValueFile(segment: segment, byteCount: Int(byteCount)), hash: KeyHash(high: high, low: low),
                    sequenceNumber: SequenceNumber(rawValue: number))
            }
            return true
        }

        private mutating func readRest(
            _ cursor: inout ByteCursor, segments: UInt32, origins: UInt32, freed: UInt32
        ) -> Bool {
            for _ in 0..<segments {
                guard let segment = cursor.segmentNumber(),
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
            for _ in 0..<freed {
                guard let segment = cursor.segmentNumber(), let bits = cursor.integer(UInt64.self) else { return false }
                sides.values.freed[segment] = FrameLocation(bits: bits)
            }
            return true
        }
    }
}
