import Synchronization

/// Takes records into a catalog, many at a time: all that an opening reads.
///
/// A record that is inserted by itself costs two locks, and a slot of a table that is in no cache. Here records are
/// first gathered by shard, so that each table is in the cache while its records are inserted, and several threads can
/// gather at once. Groups are left out: they are put together after all records are in.
package final class CatalogFeed: Sendable {
    private let leastBatch: Int
    private let laneCount: Int

    private let catalog: RecordCatalog
    /// Whether a record may be known already, and may be at another place now.
    private let isUpdate: Bool
    /// A batch goes into the index when it has half as many records as the index. A small batch would touch each cache
    /// line of a large table once, and make the table grow often.
    private let batchLimit: Atomic<Int>
    /// The tables to which everything is added; nil when the index has them.
    private let tables: Lock<StoredTables?>
    private let spare = Lock<[RecordBatch]>([])
    private let removals = Lock<[CatalogRecord]>([])
    private let scratches = Lock<[IndexShard.Scratch]>([])
    private let newKeys = Lock(NewKeyShare())
    private let stored = Atomic(0)
    /// How many records a batch makes room for at once.
    private let expectedBatch: Int

    /// How many keys the tables had that have been read.
    package var storedKeyCount: Int { stored.load(ordering: .relaxed) }

    /// - Parameters:
    ///   - tables: what a snapshot knows; nil for an empty catalog. A record may be known already then, and may be at
    ///     another place now.
    ///   - recordCount: about how many records will come. It decides nothing but the speed.
    ///   - leastBatch: how many records, of 32 bytes each, a batch gathers at least before they go into the index.
    ///   - laneCount: how many threads may work at a time.
    package init(
        _ catalog: RecordCatalog, isUpdate: Bool, tables: StoredTables? = nil, expecting recordCount: Int = 0,
        leastBatch: Int = 1 << 18, laneCount: Int
    ) {
        self.leastBatch = leastBatch
        self.laneCount = laneCount
        self.catalog = catalog
        self.isUpdate = isUpdate
        self.tables = Lock(tables)
        // All batches together are no larger than the tables.
        let limit = max(leastBatch, (tables?.slotCount ?? 0) / max(1, laneCount))
        batchLimit = Atomic(limit)
        expectedBatch = min(recordCount / max(1, laneCount), limit)
    }

    /// Calls `body` with a batch that no other thread uses meanwhile. ``flush()`` inserts what `body` leaves in it.
    package func withBatch<Result>(_ body: (inout RecordBatch) throws -> Result) rethrows -> Result {
        var batch =
            spare.withLock { $0.popLast() }
            ?? RecordBatch(
                catalog.hashSecret, expecting: expectedBatch, limit: batchLimit.load(ordering: .relaxed))
        defer { spare.withLock { $0.append(batch) } }
        return try body(&batch)
    }

    /// Adds a record, in any order.
    ///
    /// - Throws: ``StoredTables/Fault``.
    /// - Complexity: O(1), except for a removal of all, which ``removeAll()`` applies.
    @inline(__always)
    package func add(_ record: CatalogRecord, to batch: inout RecordBatch) throws {
        if batch.take(record) { return }
        try addAnyOther(record, to: &batch)
    }

    private func addAnyOther(_ record: CatalogRecord, to batch: inout RecordBatch) throws {
        switch record.kind {
        case .roll, .promise, .chunk:
            return
        case .removalOfAll:
            // It has no key and no origin; the bytes that these refer to do not outlast this call.
            var kept = record
            unsafe kept.key = UnsafeRawBufferPointer(start: nil, count: 0)
            unsafe kept.origin = kept.key
            removals.withLock { [kept] in $0.append(kept) }
        case .freed, .reference, .group, .mark, .versionRemoval, .groupRemoval, .labels:
            try readTables()
            insert(record)
        case .value, .removal:
            if unsafe record.origin.count > 0 { catalog.noteOrigin(of: record) }
            batch.append(record)
            if batch.count >= batch.limit {
                try readTables()
                for shard in 0..<CheckpointIndex.shardTotal { try insert([batch], shard: shard) }
                batchLimit.store(max(leastBatch, catalog.index.count / 2), ordering: .relaxed)
                batch.removeAll(limit: batchLimit.load(ordering: .relaxed))
            }
        }
    }

    /// Reads the tables, unless the index has them. A few kinds of records ask the index at once.
    private func readTables() throws {
        try tables.withLock { pending in
            guard let tables = pending else { return }
            try Lanes.forEach(below: CheckpointIndex.shardTotal, laneCount: laneCount(for: tables.slotCount)) {
                [self] shard in
                try withScratch { try read(shard, of: tables, room: 0, &$0) }
            }
            pending = nil
        }
    }

    /// Inserts everything that is still gathered. No other call may run meanwhile.
    ///
    /// - Throws: ``StoredTables/Fault``.
    /// - Complexity: O(n) in the gathered records and the tables.
    package func flush() throws {
        let batches = spare.withLock { batches in
            defer { batches = [] }
            return batches
        }
        let tables = tables.withLock { tables in
            defer { tables = nil }
            return tables
        }
        let count = batches.reduce(0) { $0 + $1.count } + (tables?.slotCount ?? 0)
        guard count > 0 else { return }
        try Lanes.forEach(below: CheckpointIndex.shardTotal, laneCount: laneCount(for: count)) { [self] shard in
            try insert(batches, shard: shard, into: tables)
            catalog.index.trim(shard: shard)
        }
    }

    private func insert(_ batches: [RecordBatch], shard: Int, into tables: StoredTables? = nil) throws {
        let count = batches.reduce(0) { $0 + $1[shard: shard].count }
        let expected = newKeys.withLock { $0.expected(of: count) }
        try withScratch { scratch in
            if let tables { try read(shard, of: tables, room: expected, &scratch) }
            guard count > 0 else { return }
            let new = catalog.insert(batches, shard: shard, expecting: expected, isUpdate: isUpdate, &scratch)
            newKeys.withLock { $0.note(new, of: count) }
        }
    }

    private func read(
        _ shard: Int, of tables: StoredTables, room: Int, _ scratch: inout IndexShard.Scratch
    ) throws(StoredTables.Fault) {
        let table = try tables.table(shard, room, &scratch)
        stored.wrappingAdd(table.count, ordering: .relaxed)
        catalog.index.replace(shard: shard, by: table)
    }

    private func withScratch<Result>(_ body: (inout IndexShard.Scratch) throws -> Result) rethrows -> Result {
        var scratch = scratches.withLock { $0.popLast() } ?? IndexShard.Scratch()
        defer { scratches.withLock { [scratch] in $0.append(scratch) } }
        return try body(&scratch)
    }

    private func laneCount(for count: Int) -> Int { count < CheckpointIndex.parallelCount ? 1 : laneCount }

    /// Applies the removals of all. Each visits the whole index. The newest comes first, so the others find nothing to
    /// do.
    package func removeAll() {
        for record in removals.withLock({ $0 }).sorted(by: { $0.sequenceNumber > $1.sequenceNumber }) { insert(record) }
    }

    private func insert(_ record: CatalogRecord) {
        if isUpdate { _ = catalog.update(record) } else { catalog.insert(record) }
    }
}

/// How many records bring a new key. Keys are spread evenly over the shards, so what the first shards saw holds for the
/// others.
private struct NewKeyShare {
    private var newCount = 0
    private var count = 0

    /// How many of `recordCount` records may bring a new key: all, as long as nothing is known.
    func expected(of recordCount: Int) -> Int {
        guard count > 0 else { return recordCount }
        let share = Double(newCount) / Double(count)
        // A sixteenth more than that, since shards differ a little.
        return min(recordCount, Int(Double(recordCount) * share * 17 / 16) + 16)
    }

    mutating func note(_ new: Int, of recordCount: Int) {
        newCount += max(0, new)
        count += recordCount
    }
}

/// Records, by the shard of the index to which they belong.
package struct RecordBatch: Sendable {
    /// A part of equal size for each shard. Lists of their own would be checked and grown one by one.
    private var slots: [IndexSlot]
    private var partSize: Int
    private var counts = [Int](repeating: 0, count: CheckpointIndex.shardTotal)
    private(set) var count = 0

    private static let leastPartSize = 32

    private let hashSecret: HashSecret
    /// With so many records it goes into the index.
    private(set) var limit: Int

    /// - Parameter count: for how many records to make room.
    init(_ hashSecret: HashSecret, expecting count: Int, limit: Int) {
        self.hashSecret = hashSecret
        self.limit = limit
        // Shards differ a little.
        partSize = max(Self.leastPartSize, count / CheckpointIndex.shardTotal * 9 / 8)
        slots = Self.room(partSize)
    }

    private static func room(_ partSize: Int) -> [IndexSlot] {
        let count = partSize * CheckpointIndex.shardTotal
        return unsafe [IndexSlot](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            unsafe buffer.initialize(repeating: IndexSlot())
            initialized = count
        }
    }

    subscript(shard shard: Int) -> ArraySlice<IndexSlot> { slots[shard * partSize..<shard * partSize + counts[shard]] }

    /// Adds the usual record: a value or a removal of the log itself, while it is not the last one that fits.
    ///
    /// - Returns: false for any other, which ``CatalogFeed`` adds. Threads that ask it for each record count its
    ///   references in turn, and wait for each other.
    @inline(__always)
    mutating func take(_ record: CatalogRecord) -> Bool {
        let isUsual = unsafe (record.kind == .value || record.kind == .removal) && record.origin.count == 0
        guard isUsual, count + 1 < limit else { return false }
        append(record)
        return true
    }

    @inline(__always)
    mutating func append(_ record: CatalogRecord) {
        let entry = IndexEntry(
            sequenceNumber: record.sequenceNumber, location: record.location, isRemoval: record.kind == .removal,
            isMarked: record.isMarked)
        let slot = IndexSlot(record.hash(hashSecret, space: .key), entry)
        let shard = slot.hash.shard
        if counts[shard] == partSize { grow() }
        slots[shard * partSize + counts[shard]] = slot
        counts[shard] += 1
        count += 1
    }

    private mutating func grow() {
        let old = self
        partSize *= 2
        slots = Self.room(partSize)
        for shard in counts.indices {
            slots.replaceSubrange(shard * partSize..<shard * partSize + old.counts[shard], with: old[shard: shard])
        }
    }

    mutating func removeAll(limit: Int) {
        self.limit = limit
        for shard in counts.indices { counts[shard] = 0 }
        count = 0
    }
}
