/// Puts the entries of a table into the memory of one that has another size.
///
/// It takes them in the order of the old table, which is nearly the order of the new one. So it writes the new one from
/// its beginning to its end, and each slot once.
@safe struct TableFiller {
    private let slots: UnsafeMutableBufferPointer<IndexSlot>
    /// The slots before it are written.
    private var end = 0
    /// Entries that the end of the table has no room for, and those before the old table's first gap: their homes may
    /// be at its end.
    private var late: [IndexSlot] = []
    private var isBeforeGap = true
    private(set) var used = 0

    /// - Parameter slots: memory that is not initialized. It is after ``finish()``.
    init(_ slots: UnsafeMutableBufferPointer<IndexSlot>) { unsafe self.slots = slots }

    mutating func add(_ old: UnsafeBufferPointer<IndexSlot>) {
        for index in old.indices {
            let slot = unsafe old[index]
            if slot.sequence == 0 {
                isBeforeGap = false
            } else if isBeforeGap || !put(slot) {
                late.append(slot)
            }
        }
    }

    /// Puts an entry into its place or behind it; false if the table ends before.
    @inline(__always)
    private mutating func put(_ slot: IndexSlot) -> Bool {
        let count = unsafe slots.count
        var place = IndexShard.home(of: slot.hash, count)
        while place < end, unsafe slots[place].sequence != 0 { place += 1 }
        guard place < count else { return false }
        if place >= end {
            unsafe slots[end..<place].initialize(repeating: IndexSlot())
            end = place + 1
        }
        unsafe slots.initializeElement(at: place, to: slot)
        used += 1
        return true
    }

    /// Ends the table. It must have as many slots as there are entries.
    mutating func finish() {
        let count = unsafe slots.count
        unsafe slots[end...].initialize(repeating: IndexSlot())
        for slot in late where used < count {
            var place = IndexShard.home(of: slot.hash, count)
            while unsafe slots[place].sequence != 0 { place = place + 1 == count ? 0 : place + 1 }
            unsafe slots[place] = slot
            used += 1
        }
    }
}
