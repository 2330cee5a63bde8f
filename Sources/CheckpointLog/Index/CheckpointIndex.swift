import Synchronization

/// Where the newest record of each (level, origin, key) is, and older versions if the level keeps them.
///
/// It has 64 shards with a lock each, so that appends and restores on different threads rarely meet. It does not keep
/// keys: a read compares level, origin, key and number with the frame that it finds.
package final class CheckpointIndex: Sendable {
    private static let shardCount = 64

    private let shards: [Lock<IndexShard>]
    /// The shards of an index that no longer changes, and so needs no locks; empty for any other.
    private let frozen: [IndexShard]
    /// The effect of `removeAllCheckpoints`: records of the level with a smaller number are dead. Index 0 is for every
    /// level.
    private let floors = Lock([SequenceNumber](repeating: SequenceNumber(rawValue: 0), count: 256))
    /// Whether there is any floor. Most logs have none, and their appends and restores then need no lock.
    private let hasFloors = Atomic(false)
    /// One bit for each level that any record ever had.
    private let levels = LevelSet()

    package init() {
        shards = (0..<Self.shardCount).map { _ in Lock(IndexShard()) }
        frozen = []
    }

    /// The content of `other` now, for reading only.
    ///
    /// - Complexity: O(1) for each shard; the first change of a shard of `other` then copies it.
    init(freezing other: CheckpointIndex) {
        shards = []
        frozen = other.frozen.isEmpty ? other.shards.map { shard in shard.withLock { $0 } } : other.frozen
        for level in other.levelsInUse { levels.insert(level) }
        guard other.hasFloors.load(ordering: .acquiring) else { return }
        let allFloors = other.allFloors
        floors.withLock { $0 = allFloors }
        hasFloors.store(true, ordering: .releasing)
    }

    /// Calls `body` with a shard, which does not change meanwhile.
    @inline(__always)
    private func read<Result>(_ index: Int, _ body: (IndexShard) throws -> Result) rethrows -> Result {
        guard frozen.isEmpty else { return try body(frozen[index]) }
        // Without retaining the shard: its place in the array is never changed.
        return unsafe try Unmanaged.passUnretained(shards[index])._withUnsafeGuaranteedRef { shard in
            try shard.withLock { try body($0) }
        }
    }

    private func sum(_ count: (IndexShard) -> Int) -> Int {
        (0..<Self.shardCount).reduce(0) { sum, index in sum + read(index, count) }
    }

    package var count: Int { sum(\.count) }

    package var memoryByteCount: Int { sum(\.memoryByteCount) }

    /// Levels that any record ever had, ascending.
    package var levelsInUse: [UInt8] {
        levels.members
    }

    package func floor(of level: UInt8) -> SequenceNumber {
        guard hasFloors.load(ordering: .acquiring) else { return SequenceNumber(rawValue: 0) }
        return floors.withLock { max($0[Int(level)], $0[0]) }
    }

    /// The newest version; nil if there is none, or it was removed.
    package func newest(_ hash: KeyHash) -> IndexEntry? { newest(hash) { $0 } }

    /// Calls `body` with the newest version, under the shard's lock. A reader pins the segment there.
    package func newest<Result>(_ hash: KeyHash, whileLocked body: (IndexEntry) -> Result) -> Result? {
        let floor = floor(of: hash.level)
        return read(hash.shard) { shard in
            guard let entry = shard.newest(hash), !entry.isRemoval, entry.sequenceNumber > floor else { return nil }
            return body(entry)
        }
    }

    /// The versions that can be restored, newest first.
    package func versions(_ hash: KeyHash) -> [IndexEntry] { versions(hash) { $0 } }

    package func versions<Result>(_ hash: KeyHash, whileLocked body: (IndexEntry) -> Result) -> [Result] {
        let floor = floor(of: hash.level)
        return read(hash.shard) { shard in
            shard.versions(hash).filter { !$0.isRemoval && !$0.isRemovedVersion && $0.sequenceNumber > floor }.map(body)
        }
    }

    /// Adds a record. Records may come in any order and more than once.
    ///
    /// - Parameters:
    ///   - keep: how many of the newest versions to keep.
    ///   - keepsMarked: whether to keep marked ones in addition.
    package func insert(
        _ hash: KeyHash, _ entry: IndexEntry, keep: Int, keepsMarked: Bool = false
    ) -> InsertOutcome {
        insert(hash, entry, keep: VersionLimit(count: keep, keepsMarked: keepsMarked))
    }

    func insert(_ hash: KeyHash, _ entry: IndexEntry, keep: VersionLimit) -> InsertOutcome {
        levels.insert(hash.level)
        if entry.sequenceNumber <= floor(of: hash.level) {
            return InsertOutcome(dead: [entry.location])
        }
        return unsafe Unmanaged.passUnretained(shards[hash.shard])._withUnsafeGuaranteedRef { shard in
            shard.withLock { $0.insert(hash, entry, keep: keep) }
        }
    }

    /// Adds the records of batches that belong to one shard, and updates the live bytes in `usage`.
    ///
    /// - Parameter newKeyCount: how many of them are expected to bring a new key.
    /// - Returns: how many did.
    func insert(
        _ batches: [RecordBatch], shard index: Int, expecting newKeyCount: Int, isUpdate: Bool, limits: [VersionLimit],
        usage: inout SegmentCounters, _ scratch: inout IndexShard.Scratch
    ) -> Int {
        let lists = batches.map { $0[shard: index] }
        for list in lists { for slot in list { levels.insert(slot.hash.level) } }
        let floors = allFloors
        return shards[index].withLock { shard in
            let before = shard.count
            shard.insert(
                lists, expecting: newKeyCount, isUpdate: isUpdate, floors: floors, limits: limits, usage: &usage,
                &scratch)
            return shard.count - before
        }
    }

    /// Releases room that batches reserved in a shard and did not need.
    func trim(shard index: Int) { shards[index].withLock { $0.trim() } }

    /// Removes everything of a level, or of all levels for 0, with a number below `floor`. Returns the frames that are
    /// now dead.
    package func raiseFloor(of level: UInt8, to floor: SequenceNumber) -> [FrameLocation] {
        let raised = floors.withLock { floors in
            guard floors[Int(level)] < floor else { return false }
            floors[Int(level)] = floor
            hasFloors.store(true, ordering: .releasing)
            return true
        }
        guard raised else { return [] }
        var dead: [FrameLocation] = []
        for shard in shards {
            shard.withLock { shard in
                var hashes: Set<KeyHash> = []
                shard.forEach { hash, entry, _ in
                    if level == 0 || hash.level == level, entry.sequenceNumber < floor { hashes.insert(hash) }
                }
                for hash in hashes { dead += shard.remove(hash, below: floor) }
            }
        }
        return dead
    }

    package func relocate(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, from old: FrameLocation, to new: FrameLocation
    ) -> Bool {
        shards[hash.shard].withLock { $0.relocate(hash, sequenceNumber, from: old, to: new) }
    }

    /// Whether the index has this very record: as the newest version, as an older one, or as a removal that still
    /// counts.
    ///
    /// - Parameter isRemovedVersion: whether the question is about the record that removed the version of that number.
    package func holds(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, isRemovedVersion: Bool = false
    ) -> Bool {
        guard sequenceNumber > floor(of: hash.level) else { return false }
        return location(hash, sequenceNumber, isRemovedVersion: isRemovedVersion) != nil
    }

    /// Where this very record is; nil if the index does not have it.
    package func location(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, isRemovedVersion: Bool = false
    ) -> FrameLocation? {
        read(hash.shard) { $0.location(hash, sequenceNumber, isRemovedVersion: isRemovedVersion) }
    }

    /// The number that a version must exceed to count: that of the last removal of its key, or of all keys.
    package func end(of hash: KeyHash) -> SequenceNumber {
        let removal = read(hash.shard) { $0.removal(hash) }
        return max(floor(of: hash.level), removal ?? SequenceNumber(rawValue: 0))
    }

    /// The newest record of a key. It may be a removal of the key, or of a version.
    package func newestRecord(_ hash: KeyHash) -> IndexEntry? { read(hash.shard) { $0.newestRecord(hash) } }

    /// Removes one version of a key; false if the index does not have it.
    func remove(_ hash: KeyHash, _ sequenceNumber: SequenceNumber) -> Bool {
        shards[hash.shard].withLock { $0.remove(hash, sequenceNumber) }
    }

    /// Removes a version of a key that is not its newest, or the removal in that version's place, and returns where its
    /// frame is; nothing if there is none with that number.
    func removeOlder(_ hash: KeyHash, _ sequenceNumber: SequenceNumber) -> [FrameLocation] {
        shards[hash.shard].withLock { $0.removeOlder(hash) { $0.sequenceNumber == sequenceNumber } }
    }

    /// Removes versions that are not the newest of their key, and returns where their frames are.
    ///
    /// - Complexity: O(n) in all such versions.
    func removeOlder(where isOver: (KeyHash, IndexEntry) -> Bool) -> [FrameLocation] {
        shards.flatMap { shard in shard.withLock { $0.removeOlder(where: isOver) } }
    }

    /// Forgets a removal, or the frame of a group that has ended, because compaction drops it: no older record of its
    /// key exists anywhere.
    package func forget(_ hash: KeyHash, _ sequenceNumber: SequenceNumber) {
        shards[hash.shard].withLock { $0.forget(hash, sequenceNumber) }
    }

    /// Visits the shards one after another. Each is as it was when its turn came.
    func forEachShard(_ body: (IndexShard) throws -> Void) rethrows {
        for index in 0..<Self.shardCount { try body(read(index) { $0 }) }
    }

    static var shardTotal: Int { shardCount }

    /// Replaces a table by that of a snapshot.
    func replace(shard index: Int, by table: IndexShard) { shards[index].withLock { $0 = table } }

    /// Replaces the floors by those of a snapshot.
    func replace(floors newFloors: [SequenceNumber], levels newLevels: [UInt8]) {
        floors.withLock { $0 = newFloors }
        if newFloors.contains(where: { $0.rawValue != 0 }) { hasFloors.store(true, ordering: .releasing) }
        for level in newLevels { levels.insert(level) }
    }

    func removeAll() {
        for index in shards.indices { replace(shard: index, by: IndexShard()) }
        replace(floors: [SequenceNumber](repeating: SequenceNumber(rawValue: 0), count: 256), levels: [])
    }

    var allFloors: [SequenceNumber] { floors.withLock { $0 } }

    /// Removes entries whose segment left the log: what was there was dead, or is elsewhere by now.
    func removeEntries(
        laneCount: Int, where isGone: @escaping @Sendable (_ segment: SegmentNumber) -> Bool
    ) {
        Lanes.forEach(below: shards.count, laneCount: count < Self.parallelCount ? 1 : laneCount) { [self] index in
            shards[index].withLock { $0.removeEntries(where: isGone) }
        }
    }

    /// With fewer entries than this, one thread is done before a second one has begun.
    package static let parallelCount = 1 << 15

    /// Visits all entries, shard by shard. The lock of a shard is held only while it is copied.
    package func forEach(_ body: (KeyHash, IndexEntry, _ isNewest: Bool) -> Void) {
        for index in 0..<Self.shardCount {
            let copy = read(index) { $0 }
            copy.forEach(body)
        }
    }
}
