/// A record as the table of a shard stores it.
struct IndexSlot: Sendable {
    var hash = KeyHash(high: 0, low: 0)
    var location: UInt64 = 0
    /// The entry's ``IndexEntry/word``; 0 for an empty slot.
    var sequence: UInt64 = 0

    init() {}

    init(_ hash: KeyHash, _ entry: IndexEntry) {
        self.hash = hash
        location = entry.location.bits
        sequence = entry.word
    }

    var entry: IndexEntry { IndexEntry(word: sequence, location: FrameLocation(bits: location)) }
}

/// One part of the index: a flat table with linear probing, and the older versions beside it.
///
/// A slot has 32 bytes: hash (16), location (8), sequence number (8). A number of zero means that the slot is empty.
/// The table grows by a quarter when it is seven eighths full, so a key costs at most 46 bytes.
struct IndexShard {
    static let firstSlotCount = 16

    var slots: [IndexSlot] = []
    /// Slots in use.
    var count = 0
    /// The older records of keys whose level keeps more than one version, and of keys that were removed.
    var older: [KeyHash: OlderVersions] = [:]

    var memoryByteCount: Int {
        slots.capacity * MemoryLayout<IndexSlot>.stride
            + older.values.reduce(0) { $0 + 64 + $1.count * MemoryLayout<IndexEntry>.stride }
    }

    /// Bytes of a slot, in memory and in a snapshot.
    static let slotByteCount = MemoryLayout<IndexSlot>.stride

    var slotCount: Int { slots.count }

    /// Records that are not the newest of their key.
    var olderVersions: [(hash: KeyHash, entries: [IndexEntry])] {
        older.map { ($0.key, $0.value.newestFirst) }
    }

    /// The table as it stands, for a snapshot.
    func withSlotBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        unsafe try slots.withUnsafeBytes(body)
    }

    init() {}

    /// Removes the entries whose segment left the log.
    mutating func removeEntries(where isGone: (_ segment: SegmentNumber) -> Bool) {
        let touched = older.filter { $0.value.contains { isGone($0.location.segment) } }.keys
        for hash in touched { _ = change(hash) { $0.removeAll { isGone($0.location.segment) } } }
        func isLost(_ slot: IndexSlot) -> Bool {
            slot.sequence != 0 && isGone(FrameLocation(bits: slot.location).segment)
        }
        guard slots.contains(where: isLost) else { return }
        let old = slots
        clear(slotCount: old.count)
        for slot in old where slot.sequence != 0 {
            var slot = slot
            if isLost(slot) {
                guard let next = change(slot.hash, { $0.removeNewest() }) ?? nil else { continue }
                slot = IndexSlot(slot.hash, next)
            }
            if let place = index(of: slot.hash) { slots[place] = slot }
            count += 1
        }
    }

    /// Where the search for `hash` begins. The upper half of a product spreads hashes evenly over any number of slots.
    /// The uppermost six bits have selected the shard.
    @inline(__always)
    func home(of hash: KeyHash) -> Int { Self.home(of: hash, slots.count) }

    @inline(__always)
    static func home(of hash: KeyHash, _ slotCount: Int) -> Int {
        Int((hash.high << 6).multipliedFullWidth(by: UInt64(slotCount)).high)
    }

    /// The slot with `hash`, or the empty slot where it belongs; nil if the table has no slots.
    @inline(__always)
    func index(of hash: KeyHash) -> Int? {
        guard !slots.isEmpty else { return nil }
        var index = home(of: hash)
        while slots[index].sequence != 0, slots[index].hash != hash {
            index += 1
            if index == slots.count { index = 0 }
        }
        return index
    }

    /// The newest record of any kind.
    @inline(__always)
    func newestRecord(_ hash: KeyHash) -> IndexEntry? {
        guard let index = index(of: hash), slots[index].sequence != 0 else { return nil }
        return slots[index].entry
    }

    /// The newest version that was not removed, or the removal of the key.
    @inline(__always)
    func newest(_ hash: KeyHash) -> IndexEntry? {
        guard let record = newestRecord(hash) else { return nil }
        return record.isRemovedVersion ? older[hash]?.newest : record
    }

    /// The number of the last removal of the key.
    func removal(_ hash: KeyHash) -> SequenceNumber? {
        guard let record = newestRecord(hash) else { return nil }
        return record.isRemoval ? record.sequenceNumber : older.isEmpty ? nil : older[hash]?.removal
    }

    /// All records that are kept, newest first. A removal of the key is the last one, since it ends everything before
    /// it.
    func versions(_ hash: KeyHash) -> [IndexEntry] {
        guard let newest = newestRecord(hash) else { return [] }
        return [newest] + (older[hash]?.newestFirst ?? [])
    }

    /// The record of that number; nil if the table does not have it.
    func entry(_ hash: KeyHash, _ sequenceNumber: SequenceNumber, isRemovedVersion: Bool = false) -> IndexEntry? {
        guard let newest = newestRecord(hash) else { return nil }
        let entry =
            newest.sequenceNumber == sequenceNumber
            ? newest : older.isEmpty ? nil : older[hash]?.entry(sequenceNumber)
        return entry?.isRemovedVersion == isRemovedVersion ? entry : nil
    }

    /// Changes the older versions of a key in place; nil if it has none.
    private mutating func change<Result>(_ hash: KeyHash, _ body: (inout OlderVersions) -> Result) -> Result? {
        guard let place = older.index(forKey: hash) else { return nil }
        let result = body(&older.values[place])
        if older.values[place].isEmpty { older.remove(at: place) }
        return result
    }

    mutating func insert(_ hash: KeyHash, _ entry: IndexEntry, keep: VersionLimit) -> InsertOutcome {
        var outcome = InsertOutcome()
        if (count + 1) * 8 > slots.count * 7 { grow() }
        guard let index = index(of: hash) else { return outcome }
        if slots[index].sequence == 0 {
            set(index, hash, entry)
            count += 1
            return outcome
        }
        let newest = slots[index].entry
        if entry.sequenceNumber == newest.sequenceNumber {
            if entry.replaces(newest) { set(index, hash, entry) }
            if entry.location != newest.location {
                outcome.addDead(entry.replaces(newest) ? newest.location : entry.location)
            }
            return outcome
        }
        if entry.sequenceNumber > newest.sequenceNumber {
            set(index, hash, entry)
            if entry.isRemoval {
                outcome.addDead(newest.location)
                older.removeValue(forKey: hash)?.forEach { outcome.addDead($0.location) }
                return outcome
            }
            if keep.count > 1 || newest.isRemoval || (keep.keepsMarked && newest.isMarked) {
                older[hash, default: OlderVersions()].insert(newest, keep, &outcome)
            } else {
                outcome.addDead(newest.location)
            }
        } else if newest.isRemoval {
            outcome.addDead(entry.location)
            return outcome
        } else {
            older[hash, default: OlderVersions()].insert(entry, keep, &outcome)
            if older[hash]?.isEmpty == true { older[hash] = nil }
        }
        return outcome
    }

    /// Where this very record is; nil if the table does not have it.
    func location(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, isRemovedVersion: Bool = false
    ) -> FrameLocation? {
        entry(hash, sequenceNumber, isRemovedVersion: isRemovedVersion)?.location
    }

    /// Forgets a record whose frame is dropped: the newest one of its key, or a removal with newer records after it.
    mutating func forget(_ hash: KeyHash, _ sequenceNumber: SequenceNumber) {
        guard let newest = newestRecord(hash) else { return }
        if newest.isRemovedVersion, newest.sequenceNumber == sequenceNumber {
            // The older ones stay.
            _ = remove(hash, sequenceNumber, isRemovedVersion: true)
        } else if newest.sequenceNumber == sequenceNumber {
            _ = remove(hash, below: SequenceNumber(rawValue: sequenceNumber.rawValue + 1))
        } else {
            _ = change(hash) { $0.forgetRemoval(sequenceNumber) }
        }
    }

    /// Removes one version of a key, or the removal of a version; false if there is none with that number.
    mutating func remove(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, isRemovedVersion: Bool = false
    ) -> Bool {
        guard let index = index(of: hash), slots[index].sequence != 0 else { return false }
        guard slots[index].entry.sequenceNumber == sequenceNumber else {
            return change(hash) { $0.remove(sequenceNumber, isRemovedVersion: isRemovedVersion) } ?? false
        }
        guard slots[index].entry.isRemovedVersion == isRemovedVersion else { return false }
        guard let next = change(hash, { $0.removeNewest() }) ?? nil else {
            return !remove(hash, below: SequenceNumber(rawValue: sequenceNumber.rawValue + 1)).isEmpty
        }
        slots[index] = IndexSlot(hash, next)
        return true
    }

    /// Removes versions of all keys that are not the newest of their key; see ``removeOlder(_:where:)``.
    mutating func removeOlder(where isOver: (KeyHash, IndexEntry) -> Bool) -> [FrameLocation] {
        let touched = older.filter { hash, list in list.contains { !$0.isRemoval && isOver(hash, $0) } }.keys
        return touched.flatMap { hash in removeOlder(hash) { isOver(hash, $0) } }
    }

    /// Removes versions of a key that are not its newest, and returns where their frames are. A removal of the key
    /// stays, since it is no version.
    mutating func removeOlder(_ hash: KeyHash, where isOver: (IndexEntry) -> Bool) -> [FrameLocation] {
        change(hash) { $0.removeAll { !$0.isRemoval && isOver($0) } } ?? []
    }

    /// Changes the place of a record that compaction copied; false if the table no longer has it at the old place.
    mutating func relocate(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, from old: FrameLocation, to new: FrameLocation
    ) -> Bool {
        guard let index = index(of: hash), slots[index].sequence != 0 else { return false }
        if slots[index].entry.sequenceNumber == sequenceNumber {
            guard slots[index].location == old.bits else { return false }
            slots[index].location = new.bits
            return true
        }
        return change(hash) { $0.relocate(sequenceNumber, from: old, to: new) } ?? false
    }

    /// Forgets all records of `hash` with a number below `floor`, and the key if none is left.
    mutating func remove(_ hash: KeyHash, below floor: SequenceNumber) -> [FrameLocation] {
        var dead = change(hash) { $0.removeAll { $0.sequenceNumber < floor } } ?? []
        guard let found = index(of: hash), slots[found].sequence != 0,
            slots[found].entry.sequenceNumber < floor
        else { return dead }
        dead.append(FrameLocation(bits: slots[found].location))
        // Closes the gap, so that no probe ends too early.
        var (gap, next) = (found, found)
        while true {
            next = next + 1 == slots.count ? 0 : next + 1
            if slots[next].sequence == 0 { break }
            let home = home(of: slots[next].hash)
            let distance = (next - home + slots.count) % slots.count
            if distance >= (next - gap + slots.count) % slots.count {
                slots[gap] = slots[next]
                gap = next
            }
        }
        slots[gap] = IndexSlot()
        count -= 1
        return dead
    }

    func forEach(_ body: (KeyHash, IndexEntry, _ isNewest: Bool) -> Void) {
        for slot in slots where slot.sequence != 0 {
            body(slot.hash, slot.entry, !slot.entry.isRemovedVersion)
        }
        for (hash, entries) in older {
            let newest = newestRecord(hash)?.isRemovedVersion == true ? entries.newest : nil
            entries.forEach { body(hash, $0, $0 == newest) }
        }
    }

    private mutating func set(_ index: Int, _ hash: KeyHash, _ entry: IndexEntry) {
        slots[index] = IndexSlot(hash, entry)
    }

    private mutating func grow() { resize(to: max(Self.firstSlotCount, slots.count + slots.count / 4)) }

    /// Replaces the table by an empty one.
    private mutating func clear(slotCount: Int) {
        count = 0
        slots = []
        slots = unsafe [IndexSlot](unsafeUninitializedCapacity: slotCount) { buffer, initialized in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            unsafe buffer.initialize(repeating: IndexSlot())
            initialized = slotCount
        }
    }
}
