/// A number of bytes for each segment, in an open table with linear probing.
///
/// Every append counts twice here. Segment numbers are consecutive, so the number itself is a good hash, and the first
/// probe finds it. The hashing of a dictionary would cost as much as the rest of the insertion.
struct SegmentCounters: Sendable {
    private struct Slot {
        /// 0 means that the slot is empty; segments count from 1.
        var segment: SegmentNumber = 0
        var byteCount = 0
    }

    // The number of slots is a power of two, and at least a quarter of them is empty.
    private var slots = [Slot](repeating: Slot(), count: 64)
    private var used = 0

    init() {}

    init(_ counts: [SegmentNumber: Int]) {
        for (segment, byteCount) in counts { add(byteCount, to: segment) }
    }

    /// One for each of these segments. Where every entry of an index asks, a counter is found faster than a member of a
    /// set.
    init(present segments: [SegmentNumber]) {
        for segment in segments { add(1, to: segment) }
    }

    subscript(segment: SegmentNumber) -> Int { slots[place(of: segment)].byteCount }

    var all: [SegmentNumber: Int] {
        var all: [SegmentNumber: Int] = [:]
        for slot in slots where slot.segment != 0 { all[slot.segment] = slot.byteCount }
        return all
    }

    @inline(__always)
    mutating func add(_ byteCount: Int, to segment: SegmentNumber) {
        let place = place(of: segment)
        if slots[place].segment == segment {
            slots[place].byteCount &+= byteCount
        } else if segment != 0 {
            insert(segment, byteCount)
        }
    }

    mutating func remove(_ segment: SegmentNumber) {
        guard segment != 0, slots[place(of: segment)].segment == segment else { return }
        var rest = all
        rest[segment] = nil
        self = SegmentCounters(rest)
    }

    private mutating func insert(_ segment: SegmentNumber, _ byteCount: Int) {
        if (used + 1) * 4 > slots.count * 3 {
            let old = slots
            slots = [Slot](repeating: Slot(), count: old.count * 2)
            for slot in old where slot.segment != 0 { slots[place(of: slot.segment)] = slot }
        }
        slots[place(of: segment)] = Slot(segment: segment, byteCount: byteCount)
        used += 1
    }

    /// The slot of `segment`, or the empty slot where it belongs.
    @inline(__always)
    private func place(of segment: SegmentNumber) -> Int {
        let mask = slots.count - 1
        var place = Int(segment.rawValue) & mask
        while slots[place].segment != segment, slots[place].segment != 0 { place = (place + 1) & mask }
        return place
    }
}
