import Synchronization

/// Takes records into a catalog, many at a time: all that an opening reads.
///
/// A record that is inserted by itself costs two locks, and a slot of a table that is in no cache. Here records are
/// first gathered by shard, so that each table is in the cache while its records are inserted, and several threads can
/// gather at once. Groups are left out: they are put together after all records are in.
package final class CatalogFeed: Sendable {
    private let leastBatch: Int

    private let catalog: RecordCatalog
    /// Whether a record may be known already, and may be at another place now.
    private let isUpdate: Bool
    /// A batch goes into the index when it has half as many records as the index. A small batch would touch each cache
    /// line of a large table once, and make the table grow often.
    private let batchLimit = Atomic(0)
    private let spare = Lock<[RecordBatch]>([])
    private let removals = Lock<[CatalogRecord]>([])

    /// - Parameter leastBatch: how many records, of 32 bytes each, a batch gathers at least before they go into the
    ///   index.
    package init(_ catalog: RecordCatalog, isUpdate: Bool, leastBatch: Int = 1 << 18) {
        self.leastBatch = leastBatch
        self.catalog = catalog
        self.isUpdate = isUpdate
    }

    /// Calls `body` with a batch that no other thread uses meanwhile. ``flush(laneCount:)`` inserts what `body` leaves
    /// in it.
    package func withBatch<Result>(_ body: (inout RecordBatch) throws -> Result) rethrows -> Result {
        var batch = spare.withLock { $0.popLast() } ?? RecordBatch()
        defer { spare.withLock { $0.append(batch) } }
        return try body(&batch)
    }

    /// Adds a record, in any order.
    ///
    /// - Complexity: O(1), except for a removal of all, which ``removeAll()`` applies.
    package func add(_ record: CatalogRecord, to batch: inout RecordBatch) {
        switch record.kind {
        case .roll, .promise, .chunk:
            return
        case .freed:
            insert(record)
        case .removalOfAll:
            // It has no key and no origin; the bytes that these refer to do not outlast this call.
            var kept = record
            unsafe kept.key = UnsafeRawBufferPointer(start: nil, count: 0)
            unsafe kept.origin = kept.key
            removals.withLock { [kept] in $0.append(kept) }
        case .reference, .group, .mark, .versionRemoval, .groupRemoval, .labels:
            insert(record)
        case .value, .removal:
            if unsafe record.origin.count > 0 { catalog.noteOrigin(of: record) }
            let entry = IndexEntry(
                sequenceNumber: record.sequenceNumber, location: record.location,
                isRemoval: record.kind == .removal, isMarked: record.isMarked)
            batch.append(IndexSlot(record.hash(catalog.hashSecret), entry))
            if batch.count >= max(leastBatch, batchLimit.load(ordering: .relaxed)) {
                for shard in 0..<CheckpointIndex.shardTotal {
                    catalog.insert([batch], shard: shard, isUpdate: isUpdate)
                }
                batch.removeAll()
                batchLimit.store(catalog.index.count / 2, ordering: .relaxed)
            }
        }
    }

    /// Inserts everything that is still gathered. No other call may run meanwhile.
    ///
    /// - Complexity: O(n) in the gathered records, on up to `laneCount` threads.
    package func flush(laneCount: Int) {
        let batches = spare.withLock { batches in
            defer { batches = [] }
            return batches
        }
        let count = batches.reduce(0) { $0 + $1.count }
        guard count > 0 else { return }
        Lanes.forEach(
            below: CheckpointIndex.shardTotal, laneCount: count < CheckpointIndex.parallelCount ? 1 : laneCount
        ) { [self] shard in
            catalog.insert(batches, shard: shard, isUpdate: isUpdate)
            catalog.index.trim(shard: shard)
        }
    }

    /// Applies the removals of all. Each visits the whole index. The newest comes first, so the others find nothing to
    /// do.
    package func removeAll() {
        for record in removals.withLock({ $0 }).sorted(by: { $0.sequenceNumber > $1.sequenceNumber }) { insert(record) }
    }

    private func insert(_ record: CatalogRecord) {
        if isUpdate { _ = catalog.update(record) } else { catalog.insert(record) }
    }
}

/// Records, by the shard of the index to which they belong.
package struct RecordBatch: Sendable {
    private(set) var shards = [[IndexSlot]](repeating: [], count: CheckpointIndex.shardTotal)
    private(set) var count = 0

    mutating func append(_ slot: IndexSlot) {
        shards[slot.hash.shard].append(slot)
        count += 1
    }

    mutating func removeAll() {
        for index in shards.indices { shards[index].removeAll(keepingCapacity: true) }
        count = 0
    }
}
