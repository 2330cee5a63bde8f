import CheckpointLog

/// A snapshot: the slots of the tables, then the head after the log's identity. The input's first two bytes are the
/// count of slots in it.
enum SnapshotTarget {
    private static let slotByteCount = 32
    private static let identityByteCount = 32
    private static let tableCount = 64

    static func run(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let slots = Int(FuzzLog.integer(UInt16.self, of: input, at: 0))
        let tables = Array(input.dropFirst(2).prefix(slots * slotByteCount))
        var head: [UInt8] = []
        let manifest = FuzzLog.manifest
        for word in [
            manifest.identifier.high, manifest.identifier.low, manifest.hashSecret.first, manifest.hashSecret.second,
        ] { head.append(littleEndian: word) }
        head += input.dropFirst(2 + tables.count)
        sealTables(tables, &head)
        var crc: [UInt8] = []
        crc.append(littleEndian: Checksum.mask(Checksum.of(head)))
        head += crc
        var trailer = Array("CKPTIDX\n".utf8) + [0, 0, 0, 0, 1, 0, 0, 0]
        trailer.append(littleEndian: UInt64(head.count))
        FuzzLog.seal(&trailer, at: 8)
        FuzzLog.survey(with: [FileName.snapshot: tables + head + trailer])
    }

    /// Each table's checksum stands after its count of slots.
    private static func sealTables(_ tables: [UInt8], _ head: inout [UInt8]) {
        var offset = 0
        for table in 0..<tableCount {
            let place = identityByteCount + 8 + table * 16
            guard place + 16 <= head.count else { return }
            let count = FuzzLog.integer(UInt64.self, of: head, at: place)
            guard count <= UInt64((tables.count - offset) / slotByteCount) else { return }
            let end = offset + Int(count) * slotByteCount
            FuzzLog.set(UInt64(Checksum.mask(Checksum.of(Array(tables[offset..<end])))), in: &head, at: place + 8)
            offset = end
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let files = try [FuzzTarget.golden("v1-closed", FileName.snapshot), FuzzLog.files[FileName.snapshot] ?? []]
        return files.compactMap { file in
            guard file.count > 24 else { return nil }
            let headByteCount = Int(FuzzLog.integer(UInt64.self, of: file, at: file.count - 8))
            let tableEnd = file.count - 24 - headByteCount
            guard tableEnd >= 0, headByteCount > identityByteCount + 4 else { return nil }
            var seed: [UInt8] = []
            seed.append(littleEndian: UInt16(tableEnd / slotByteCount))
            return seed + file[..<tableEnd] + file[(tableEnd + identityByteCount)..<(file.count - 28)]
        }
    }
}
