/// How many versions a level keeps, in the form that the index uses.
struct VersionLimit: Sendable, Hashable {
    /// How many of the newest versions are kept, the very newest included.
    var count: Int
    /// Whether marked versions are kept in addition.
    var keepsMarked = false

    static let one = VersionLimit(count: 1)
}

extension LevelPolicy.Retention {
    var limit: VersionLimit { VersionLimit(count: count, keepsMarked: interval != nil) }
}

/// The versions of a key that are not its newest, and the removal of the key that precedes them, if there was one.
///
/// Oldest first, since nearly all changes are at the newest end.
struct OlderVersions: Sendable {
    private var entries: [IndexEntry] = []

    init() {}

    init(newestFirst: [IndexEntry]) { entries = newestFirst.reversed() }

    var isEmpty: Bool { entries.isEmpty }

    var count: Int { entries.count }

    var newestFirst: [IndexEntry] { entries.reversed() }

    private var hasRemoval: Bool { entries.first?.isRemoval ?? false }

    /// The first index whose number is not smaller.
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

    /// Inserts a record at its place; a removal of the key ends everything older.
    ///
    /// - Complexity: O(limit.count) for a record that is newer than the rest, otherwise O(n).
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

    /// Removes the version that is one too many after the insertion at `place`. The removal of the key stays: older
    /// frames of the key may be anywhere, and may be read later.
    private mutating func trim(after place: Int, _ limit: VersionLimit, _ outcome: inout InsertOutcome) {
        let first = entries.count - (limit.count - 1)
        let candidate = place < first ? place : first - 1
        guard candidate >= (hasRemoval ? 1 : 0) else { return }
        if limit.keepsMarked, entries[candidate].isMarked { return }
        outcome.addDead(entries.remove(at: candidate).location)
    }

    mutating func removeNewest() -> IndexEntry? { entries.popLast() }

    /// The number of the removal of the key that precedes the versions.
    var removal: SequenceNumber? { hasRemoval ? entries.first?.sequenceNumber : nil }

    /// The newest version that can be restored, or the removal of the key.
    var newest: IndexEntry? { entries.last { !$0.isRemovedVersion } }

    /// Removes one record; false if there is none of that number and kind.
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

    /// Removes all records for which `condition` is true, and returns where their frames are.
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
