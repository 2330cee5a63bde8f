/// What an opening does with a table: it comes from a snapshot, and many records follow at once.
extension IndexShard {
    /// Memory that one thread uses again for each shard: a fresh page costs more than what is written to it.
    struct Scratch: Sendable {
        fileprivate var block = [IndexSlot](repeating: IndexSlot(), count: IndexShard.blockSlotCount)
        fileprivate var sorted: [IndexSlot] = []
    }

    /// A table is read in blocks that stay in the nearest cache while they are checked and taken over.
    private static let blockSlotCount = 8 << 10
    /// If this many slots have fewer in use than one of ``leastUse``, there must be a hole in the file. The reading
    /// stops, before it touches memory for the rest.
    private static let holeSlotCount = 128 << 10
    private static let leastUse = 256

    /// A table from a snapshot; nil if this type cannot have made such a table, or if `read` returns false.
    ///
    /// - Parameters:
    ///   - room: how many keys are expected to follow. It decides nothing but the speed.
    ///   - present: the segments of the log. Entries in others are left out; none if it is nil.
    ///   - read: fills a block with bytes of the table, from an offset on.
    init?(
        slotCount: Int, older: [KeyHash: OlderVersions], room: Int, present: SegmentCounters?,
        _ scratch: inout Scratch, read: (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Bool
    ) rethrows {
        var census = Census(slotCount: slotCount, present: present)
        // A few may find room in the table as it is.
        if room <= slotCount / 16 {
            slots = unsafe try [IndexSlot](unsafeUninitializedCapacity: slotCount) { buffer, initialized in
                unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
                while census.isSound, census.done < slotCount {
                    let end = min(census.done + Self.blockSlotCount, slotCount)
                    let block = unsafe UnsafeMutableBufferPointer(rebasing: buffer[census.done..<end])
                    unsafe try census.count(block, read)
                }
                initialized = census.isSound ? slotCount : 0
            }
        } else {
            // Whoever reads it into its place first, and makes it larger then, touches twice the memory.
            slots = unsafe try scratch.block.withUnsafeMutableBufferPointer { block in
                unsafe try Self.slots(slotCount, room: room, block, &census, read)
            }
        }
        count = census.used
        self.older = older
        // A probe ends at an empty slot. Without one, a search would never end.
        guard census.isSound, slotCount == 0 || count < slots.count else { return nil }
        if let present,
            census.hasGone || older.values.contains(where: { $0.contains { present[$0.location.segment] == 0 } })
        {
            removeEntries { present[$0] == 0 }
        }
    }

    /// The slots of a larger table, with what the blocks have that `read` gives.
    private static func slots(
        _ slotCount: Int, room: Int, _ memory: UnsafeMutableBufferPointer<IndexSlot>, _ census: inout Census,
        _ read: (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Bool
    ) rethrows -> [IndexSlot] {
        func next() throws -> UnsafeBufferPointer<IndexSlot> {
            let count = min(memory.count, slotCount - census.done)
            let block = unsafe UnsafeMutableBufferPointer(rebasing: memory[..<count])
            unsafe try census.count(block, read)
            return UnsafeBufferPointer(block)
        }
        var block = unsafe try next()
        // Hashes are spread evenly, so the whole is filled as the first block is.
        let used = census.used * slotCount / max(1, block.count)
        let newCount = max(slotCount, Self.slotCount(for: used + room))
        return unsafe try [IndexSlot](unsafeUninitializedCapacity: newCount) { buffer, initialized in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            var filler = unsafe TableFiller(UnsafeMutableBufferPointer(rebasing: buffer[..<newCount]))
            while census.isSound {
                unsafe filler.add(block)
                if census.done == slotCount { break }
                unsafe block = try next()
            }
            // After a hole the rest of the memory stays untouched.
            guard census.isSound else { return }
            filler.finish()
            initialized = newCount
        }
    }

    /// What is known of a table while it is read.
    private struct Census {
        let slotCount: Int
        let present: SegmentCounters?
        /// Slots that were read.
        var done = 0
        var used = 0
        /// Whether an entry is in a segment that is not there.
        var hasGone = false
        var isSound = true

        /// Reads the next block.
        mutating func count(
            _ block: UnsafeMutableBufferPointer<IndexSlot>,
            _ read: (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Bool
        ) rethrows {
            let bytes = UnsafeMutableRawBufferPointer(block)
            guard unsafe try read(done * IndexShard.slotByteCount, bytes) else {
                isSound = false
                return
            }
            // Without a branch, since nothing says which slots are in use.
            for index in block.indices { used += unsafe block[index].sequence == 0 ? 0 : 1 }
            if let present, !hasGone { hasGone = unsafe !present.haveAll(of: UnsafeBufferPointer(block)) }
            done += block.count
            if slotCount > IndexShard.holeSlotCount, done % IndexShard.holeSlotCount == 0 || done == slotCount,
                used * IndexShard.leastUse < done
            {
                isSound = false
            }
        }
    }

    /// Replaces the table by one of `slotCount` slots with the same entries, which must be fewer.
    mutating func resize(to slotCount: Int) {
        var used = 0
        let new = unsafe [IndexSlot](unsafeUninitializedCapacity: slotCount) { buffer, initialized in
            unsafe LargePages.want(UnsafeMutableRawBufferPointer(buffer))
            var filler = unsafe TableFiller(UnsafeMutableBufferPointer(rebasing: buffer[..<slotCount]))
            unsafe slots.withUnsafeBufferPointer { unsafe filler.add($0) }
            filler.finish()
            used = filler.used
            initialized = slotCount
        }
        (slots, count) = (new, used)
    }

    /// The least number of slots for `count` keys.
    private static func leastSlotCount(for count: Int) -> Int { max(firstSlotCount, count * 8 / 7 + 1) }

    /// A number of slots for `count` keys of which most are there at once. Four fifths are in use then: if a table were
    /// as full as it may be, the last keys would be compared with twice as many others.
    private static func slotCount(for count: Int) -> Int { max(firstSlotCount, count + count / 4 + 1) }

    /// Adds records of this shard in any order, and updates the live bytes in `usage`.
    ///
    /// - Parameters:
    ///   - batches: any number of lists, as the threads of an opening gathered them.
    ///   - newKeyCount: how many of the records are expected to bring a new key. It decides nothing but the speed.
    ///   - isUpdate: whether a record may be known already, and may be at another place now.
    mutating func insert(
        _ batches: [ArraySlice<IndexSlot>], expecting newKeyCount: Int, isUpdate: Bool, floors: [SequenceNumber],
        limits: [VersionLimit], usage: inout SegmentCounters, _ scratch: inout Scratch
    ) {
        reserve(newKeyCount)
        let total = batches.reduce(0) { $0 + $1.count }
        guard total >= Self.leastSortedCount else {
            for batch in batches {
                insert(batch, isUpdate: isUpdate, floors: floors, limits: limits, usage: &usage)
            }
            return
        }
        sort(batches, total, into: &scratch.sorted)
        insert(scratch.sorted[..<total], isUpdate: isUpdate, floors: floors, limits: limits, usage: &usage)
    }

    /// Fewer records are inserted as they come.
    private static let leastSortedCount = 1_024

    /// Brings records nearly into the order of the table, by their uppermost bits. Their slots are then in the cache
    /// when their turn comes. In the order of the log, each would wait for the memory.
    private func sort(_ batches: [ArraySlice<IndexSlot>], _ total: Int, into sorted: inout [IndexSlot]) {
        if sorted.count < total { sorted = [IndexSlot](repeating: IndexSlot(), count: total + total / 4) }
        // A part of the table that is smaller than the nearest cache, and several records for each.
        let parts = min(slots.count / 128, total / 8, 4_096)
        let shift = UInt64(64 - max(1, (Int.bitWidth - parts.leadingZeroBitCount)))
        var places = [Int](repeating: 0, count: (1 << (64 - Int(shift))) + 1)
        // The uppermost six bits have selected the shard.
        for batch in batches { for slot in batch { places[Int((slot.hash.high << 6) >> shift) + 1] += 1 } }
        for part in 1..<places.count { places[part] += places[part - 1] }
        for batch in batches {
            for slot in batch {
                let part = Int((slot.hash.high << 6) >> shift)
                sorted[places[part]] = slot
                places[part] += 1
            }
        }
    }

    private mutating func insert(
        _ records: ArraySlice<IndexSlot>, isUpdate: Bool, floors: [SequenceNumber], limits: [VersionLimit],
        usage: inout SegmentCounters
    ) {
        for (number, slot) in zip(records.indices, records) {
            prefetch(records, number + Self.prefetchDistance)
            let level = slot.hash.level
            let isDead = slot.entry.sequenceNumber <= max(floors[Int(level)], floors[0])
            let keep = limits[Int(level)]
            if !isDead, insertPlain(slot, keep: keep, &usage) { continue }
            let entry = slot.entry
            if isUpdate, let known = location(slot.hash, entry.sequenceNumber) {
                if known != entry.location,
                    relocate(slot.hash, entry.sequenceNumber, from: known, to: entry.location)
                {
                    usage.add(entry.location.byteCountBound, to: entry.location.segment)
                }
                continue
            }
            if isDead { continue }
            let outcome = insert(slot.hash, entry, keep: keep)
            usage.add(entry.location.byteCountBound, to: entry.location.segment)
            outcome.forEachDead { usage.add(-$0.byteCountBound, to: $0.segment) }
        }
    }

    /// Handles the usual case: the first record of its key, or one that is older or newer than the only other one, at a
    /// level that keeps one. Returns false for any other case.
    @inline(__always)
    private mutating func insertPlain(_ slot: IndexSlot, keep: VersionLimit, _ usage: inout SegmentCounters) -> Bool {
        guard let place = index(of: slot.hash) else { return false }
        let old = slots[place]
        if old.sequence == 0 {
            guard (count + 1) * 8 <= slots.count * 7 else { return false }
            count += 1
        } else {
            guard (old.sequence | slot.sequence) & IndexEntry.kindBits == 0, keep.count == 1, older.isEmpty,
                old.sequence != slot.sequence
            else { return false }
            if slot.sequence < old.sequence { return true }
            let dead = FrameLocation(bits: old.location)
            usage.add(-dead.byteCountBound, to: dead.segment)
        }
        slots[place] = slot
        let location = FrameLocation(bits: slot.location)
        usage.add(location.byteCountBound, to: location.segment)
        return true
    }

    /// How many records ahead the memory of a slot is requested: about as many as are inserted until the memory
    /// answers.
    private static let prefetchDistance = 12

    @inline(__always)
    private func prefetch(_ records: ArraySlice<IndexSlot>, _ number: Int) {
        guard number < records.endIndex, !slots.isEmpty else { return }
        let home = home(of: records[number].hash)
        unsafe slots.withUnsafeBufferPointer { unsafe Prefetch.want($0.baseAddress.map { unsafe $0 + home }) }
    }

    /// Makes the table large enough for that many more keys in one step. Growing by quarters would touch five times the
    /// memory.
    private mutating func reserve(_ newKeyCount: Int) {
        let wanted = Self.leastSlotCount(for: count + newKeyCount)
        if wanted > slots.count { resize(to: max(wanted, Self.slotCount(for: count + newKeyCount))) }
    }

    /// Releases room that was reserved and not needed.
    mutating func trim() {
        let wanted = Self.leastSlotCount(for: count)
        if wanted + wanted / 4 < slots.count { resize(to: wanted + wanted / 8) }
    }
}

extension SegmentCounters {
    /// Whether all entries are in segments that are counted.
    fileprivate func haveAll(of slots: UnsafeBufferPointer<IndexSlot>) -> Bool {
        for index in slots.indices {
            let slot = unsafe slots[index]
            if slot.sequence != 0, self[FrameLocation(bits: slot.location).segment] == 0 { return false }
        }
        return true
    }
}
