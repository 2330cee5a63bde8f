/// One part of the index: a flat table with linear probing, and the older versions beside it.
///
/// A slot has 32 bytes: hash (16), location (8), sequence number (8); a number of zero marks a slot empty. The table
/// grows by a quarter when it is seven eighths full, so a key never costs more than 46 bytes.
struct IndexShard {
    private struct Slot {
        var hash = KeyHash(high: 0, low: 0)
        var location: UInt64 = 0
        /// The entry's ``IndexEntry/word``.
        var sequence: UInt64 = 0
    }

    private var slots: [Slot] = []
    private(set) var count = 0
    /// What is older than the slot's, newest first: versions, of keys whose level keeps more than one, and at the end
    /// the removal that came before them, if there was one.
    private var older: [KeyHash: [IndexEntry]] = [:]

    var memoryByteCount: Int {
        slots.capacity * MemoryLayout<Slot>.stride + older.count * 96
    }

    /// Bytes of a slot, in memory and in a snapshot.
    static let slotByteCount = MemoryLayout<Slot>.stride

    var slotCount: Int { slots.count }

    /// Records that are not the newest of their key.
    var olderVersions: [(hash: KeyHash, entries: [IndexEntry])] { older.map { ($0.key, $0.value) } }

    /// The table as it stands, for a snapshot.
    func withSlotBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        unsafe try slots.withUnsafeBytes(body)
    }

    init() {}

    /// A table out of a snapshot, read by `fill` into memory of its own; nil when it is none that this type could have
    /// made.
    init?(
        slotCount: Int, older: [KeyHash: [IndexEntry]], fill: (UnsafeMutableRawBufferPointer) throws -> Bool
    ) rethrows {
        var isFilled = false
        slots = unsafe try [Slot](unsafeUninitializedCapacity: slotCount) { buffer, initialized in
            isFilled = unsafe try fill(UnsafeMutableRawBufferPointer(buffer))
            if !isFilled { unsafe buffer.initialize(repeating: Slot()) }
            initialized = slotCount
        }
        count = slots.reduce(0) { $0 + ($1.sequence == 0 ? 0 : 1) }
        self.older = older
        // A probe ends at an empty slot: a table without one would be searched for ever.
        guard isFilled, slotCount == 0 || count < slotCount else { return nil }
    }

    /// Drops the entries whose segment is not of the log any more.
    mutating func removeEntries(where isGone: (_ segment: SegmentNumber) -> Bool) {
        for (hash, entries) in older where entries.contains(where: { isGone($0.location.segment) }) {
            let kept = entries.filter { !isGone($0.location.segment) }
            older[hash] = kept.isEmpty ? nil : kept
        }
        let lost = slots.filter { $0.sequence != 0 && isGone(FrameLocation(bits: $0.location).segment) }
        for slot in lost {
            let next = older[slot.hash]?.first
            _ = remove(
                slot.hash, below: SequenceNumber(rawValue: (slot.sequence & ~IndexEntry.removalBit) + 1),
                keepsOlder: true)
            if let next {
                older[slot.hash] = older[slot.hash].map { Array($0.dropFirst()) }.flatMap { $0.isEmpty ? nil : $0 }
                if let place = index(of: slot.hash) {
                    set(place, slot.hash, next)
                    count += 1
                }
            }
        }
    }

    private static func entry(_ slot: Slot) -> IndexEntry {
        IndexEntry(word: slot.sequence, location: FrameLocation(bits: slot.location))
    }

    /// The slot of `hash`, or the empty one where it belongs; nil for a table without slots.
    @inline(__always)
    private func index(of hash: KeyHash) -> Int? {
        guard !slots.isEmpty else { return nil }
        // The upper half of a product places hashes evenly in any number of slots; the top six bits chose the shard.
        var index = Int((hash.high << 6).multipliedFullWidth(by: UInt64(slots.count)).high)
        while slots[index].sequence != 0, slots[index].hash != hash {
            index += 1
            if index == slots.count { index = 0 }
        }
        return index
    }

    func newest(_ hash: KeyHash) -> IndexEntry? {
        guard let index = index(of: hash), slots[index].sequence != 0 else { return nil }
        return Self.entry(slots[index])
    }

    /// All records kept, newest first; a removal is the last, for it ends everything before it.
    func versions(_ hash: KeyHash) -> [IndexEntry] {
        guard let newest = newest(hash) else { return [] }
        return [newest] + (older[hash] ?? [])
    }

    mutating func insert(_ hash: KeyHash, _ entry: IndexEntry, keep: Int) -> InsertOutcome {
        var outcome = InsertOutcome()
        if (count + 1) * 8 > slots.count * 7 { grow() }
        guard let index = index(of: hash) else { return outcome }
        if slots[index].sequence == 0 {
            set(index, hash, entry)
            count += 1
            return outcome
        }
        let newest = Self.entry(slots[index])
        if entry.sequenceNumber == newest.sequenceNumber {
            if entry.location != newest.location { outcome.addDead(entry.location) }
            return outcome
        }
        if entry.sequenceNumber > newest.sequenceNumber {
            set(index, hash, entry)
            if entry.isRemoval {
                outcome.addDead(newest.location)
                for old in older.removeValue(forKey: hash) ?? [] { outcome.addDead(old.location) }
                return outcome
            }
            if keep > 1 || newest.isRemoval {
                older[hash, default: []].insert(newest, at: 0)
            } else {
                outcome.addDead(newest.location)
            }
        } else if newest.isRemoval {
            outcome.addDead(entry.location)
            return outcome
        } else {
            insertOlder(hash, entry, &outcome)
        }
        trim(hash, keep: keep, &outcome)
        return outcome
    }

    /// Puts a record among those older than the newest of its key, which is no removal.
    private mutating func insertOlder(_ hash: KeyHash, _ entry: IndexEntry, _ outcome: inout InsertOutcome) {
        var list = older[hash] ?? []
        if list.contains(where: { $0.sequenceNumber == entry.sequenceNumber }) { return }
        if let last = list.last, last.isRemoval, entry.sequenceNumber < last.sequenceNumber {
            outcome.addDead(entry.location)
            return
        }
        let place = list.firstIndex { $0.sequenceNumber < entry.sequenceNumber } ?? list.count
        if entry.isRemoval {
            for older in list[place...] { outcome.addDead(older.location) }
            list.removeSubrange(place...)
        }
        list.insert(entry, at: place)
        older[hash] = list
    }

    /// Gives up the values that are more than wanted. A removal stays behind them: older frames of the key may be
    /// anywhere, and come to light in any order.
    private mutating func trim(_ hash: KeyHash, keep: Int, _ outcome: inout InsertOutcome) {
        guard !older.isEmpty, var list = older[hash] else { return }
        let removal = list.last.flatMap { $0.isRemoval ? $0 : nil }
        if removal != nil { list.removeLast() }
        guard list.count > keep - 1 else { return }
        while list.count > keep - 1 { outcome.addDead(list.removeLast().location) }
        if let removal { list.append(removal) }
        older[hash] = list.isEmpty ? nil : list
    }

    /// Forgets a record whose frame is dropped: the newest one of its key, or a removal behind newer ones.
    mutating func forget(_ hash: KeyHash, _ sequenceNumber: SequenceNumber) {
        guard let newest = newest(hash) else { return }
        if newest.sequenceNumber == sequenceNumber {
            _ = remove(hash, below: SequenceNumber(rawValue: sequenceNumber.rawValue + 1))
        } else if var list = older[hash], let last = list.last, last.isRemoval, last.sequenceNumber == sequenceNumber {
            list.removeLast()
            older[hash] = list.isEmpty ? nil : list
        }
    }

    /// Swaps the place of a version that compaction copied; false when it is not wanted there any more.
    mutating func relocate(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, from old: FrameLocation, to new: FrameLocation
    ) -> Bool {
        guard let index = index(of: hash), slots[index].sequence != 0 else { return false }
        if slots[index].sequence & ~IndexEntry.removalBit == sequenceNumber.rawValue {
            guard slots[index].location == old.bits else { return false }
            slots[index].location = new.bits
            return true
        }
        guard var list = older[hash],
            let place = list.firstIndex(where: { $0.sequenceNumber == sequenceNumber && $0.location == old })
        else { return false }
        list[place].location = new
        older[hash] = list
        return true
    }

    /// Forgets all versions of `hash` below `floor`, and the key when none is left.
    mutating func remove(
        _ hash: KeyHash, below floor: SequenceNumber, keepsOlder: Bool = false
    ) -> [FrameLocation] {
        var dead: [FrameLocation] = []
        if !keepsOlder, var list = older[hash] {
            dead += list.filter { $0.sequenceNumber < floor }.map(\.location)
            list.removeAll { $0.sequenceNumber < floor }
            older[hash] = list.isEmpty ? nil : list
        }
        guard let found = index(of: hash), slots[found].sequence != 0,
            slots[found].sequence & ~IndexEntry.removalBit < floor.rawValue
        else { return dead }
        dead.append(FrameLocation(bits: slots[found].location))
        // Closes the gap, so that no probe ends too early.
        var (gap, next) = (found, found)
        while true {
            next = next + 1 == slots.count ? 0 : next + 1
            if slots[next].sequence == 0 { break }
            let home = Int((slots[next].hash.high << 6).multipliedFullWidth(by: UInt64(slots.count)).high)
            let distance = (next - home + slots.count) % slots.count
            if distance >= (next - gap + slots.count) % slots.count {
                slots[gap] = slots[next]
                gap = next
            }
        }
        slots[gap] = Slot()
        count -= 1
        return dead
    }

    func forEach(_ body: (KeyHash, IndexEntry, _ isNewest: Bool) -> Void) {
        for slot in slots where slot.sequence != 0 {
            body(slot.hash, Self.entry(slot), true)
        }
        for (hash, entries) in older {
            for entry in entries { body(hash, entry, false) }
        }
    }

    private mutating func set(_ index: Int, _ hash: KeyHash, _ entry: IndexEntry) {
        slots[index] = Slot(hash: hash, location: entry.location.bits, sequence: entry.word)
    }

    private mutating func grow() {
        let old = slots
        slots = []
        slots = [Slot](repeating: Slot(), count: max(16, old.count + old.count / 4))
        for slot in old where slot.sequence != 0 {
            if let index = index(of: slot.hash) { slots[index] = slot }
        }
    }
}
