/// What a level keeps, as the index asks.
struct VersionLimit: Sendable, Hashable {
    /// Versions kept for being the newest, the very newest among them.
    var count: Int
    /// Whether marked versions are kept beside them.
    var keepsMarked = false

    static let one = VersionLimit(count: 1)
}

extension LevelPolicy.Retention {
    var limit: VersionLimit { VersionLimit(count: count, keepsMarked: interval != nil) }
}

/// The versions of a key that are not its newest, and after them the removal that came before them, if there was one.
///
/// They stand oldest first, since nearly all that changes is at the newest end.
struct OlderVersions: Sendable {
    private var entries: [IndexEntry] = []

    init() {}

    init(newestFirst: [IndexEntry]) { entries = newestFirst.reversed() }

    var isEmpty: Bool { entries.isEmpty }

    var count: Int { entries.count }

    var newestFirst: [IndexEntry] { entries.reversed() }

    private var hasRemoval: Bool { entries.first?.isRemoval ?? false }

    /// The first place whose number is not less.
    private func place(of number: SequenceNumber) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequenceNumber < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func found(_ number: SequenceNumber) -> Int? {
        let place = place(of: number)
        return place < entries.count && entries[place].sequenceNumber == number ? place : nil
    }

    func entry(_ number: SequenceNumber) -> IndexEntry? { found(number).map { entries[$0] } }

    /// Puts a record in its place; a removal ends all that is older.
    ///
    /// - Complexity: O(limit.count) for one that is newer than the rest, else O(n).
    mutating func insert(_ entry: IndexEntry, _ limit: VersionLimit, _ outcome: inout InsertOutcome) {
        let place = place(of: entry.sequenceNumber)
        if place < entries.count, entries[place].sequenceNumber == entry.sequenceNumber {
            let known = entries[place]
            if entry.replaces(known) { entries[place] = entry }
            if entry.location != known.location {
                outcome.addDead(entry.replaces(known) ? known.location : entry.location)
            }
            return
        }
        if place == 0, hasRemoval {
            outcome.addDead(entry.location)
            return
        }
        if entry.isRemoval {
            for older in entries[..<place] { outcome.addDead(older.location) }
            entries.replaceSubrange(..<place, with: [entry])
            return
        }
        entries.insert(entry, at: place)
        trim(after: place, limit, &outcome)
    }

    /// Gives up what the insertion at `place` has made one too many. The removal stays: older frames of the key may be
    /// anywhere, and come to light in any order.
    private mutating func trim(after place: Int, _ limit: VersionLimit, _ outcome: inout InsertOutcome) {
        let first = entries.count - (limit.count - 1)
        let candidate = place < first ? place : first - 1
        guard candidate >= (hasRemoval ? 1 : 0) else { return }
        if limit.keepsMarked, entries[candidate].isMarked { return }
        outcome.addDead(entries.remove(at: candidate).location)
    }

    mutating func removeNewest() -> IndexEntry? { entries.popLast() }

    /// The number of the removal that came before them.
    var removal: SequenceNumber? { hasRemoval ? entries.first?.sequenceNumber : nil }

    /// The newest that can be restored, or the removal that ended the key.
    var newest: IndexEntry? { entries.last { !$0.isRemovedVersion } }

    /// Takes one out; false if there is none such.
    mutating func remove(_ number: SequenceNumber, isRemovedVersion: Bool) -> Bool {
        guard let place = found(number), entries[place].isRemovedVersion == isRemovedVersion else { return false }
        entries.remove(at: place)
        return true
    }

    /// Forgets the removal of that number, of the key or of a version.
    mutating func forgetRemoval(_ number: SequenceNumber) {
        guard let place = found(number), entries[place].isRemoval || entries[place].isRemovedVersion else { return }
        entries.remove(at: place)
    }

    mutating func relocate(_ number: SequenceNumber, from old: FrameLocation, to new: FrameLocation) -> Bool {
        guard let place = found(number), entries[place].location == old else { return false }
        entries[place].location = new
        return true
    }

    func contains(where condition: (IndexEntry) -> Bool) -> Bool { entries.contains(where: condition) }

    /// Takes out all that `condition` names, and gives where they stand.
    mutating func removeAll(where condition: (IndexEntry) -> Bool) -> [FrameLocation] {
        var removed: [FrameLocation] = []
        entries.removeAll { entry in
            guard condition(entry) else { return false }
            removed.append(entry.location)
            return true
        }
        return removed
    }

    func forEach(_ body: (IndexEntry) -> Void) { entries.forEach(body) }
}
