extension IndexShard {
    /// Puts a record among those older than the newest of its key, which is no removal.
    mutating func insertOlder(_ hash: KeyHash, _ entry: IndexEntry, _ outcome: inout InsertOutcome) {
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
    mutating func trim(_ hash: KeyHash, keep: Int, _ outcome: inout InsertOutcome) {
        guard !older.isEmpty, var list = older[hash] else { return }
        let removal = list.last.flatMap { $0.isRemoval ? $0 : nil }
        if removal != nil { list.removeLast() }
        guard list.count > keep - 1 else { return }
        while list.count > keep - 1 { outcome.addDead(list.removeLast().location) }
        if let removal { list.append(removal) }
        older[hash] = list.isEmpty ? nil : list
    }

    /// Takes versions of all keys out that are not the newest of their key; see ``removeOlder(_:where:)``.
    mutating func removeOlder(where isOver: (KeyHash, IndexEntry) -> Bool) -> [FrameLocation] {
        var keys: [KeyHash] = []
        for (hash, list) in older where list.contains(where: { !$0.isRemoval && isOver(hash, $0) }) {
            keys.append(hash)
        }
        return keys.flatMap { hash in removeOlder(hash) { isOver(hash, $0) } }
    }

    /// Takes versions of a key out that are not its newest, and gives where they stand. A removal stays: it is no
    /// version.
    mutating func removeOlder(_ hash: KeyHash, where isOver: (IndexEntry) -> Bool) -> [FrameLocation] {
        guard var list = older[hash] else { return [] }
        var dead: [FrameLocation] = []
        list.removeAll { entry in
            guard !entry.isRemoval, isOver(entry) else { return false }
            dead.append(entry.location)
            return true
        }
        if !dead.isEmpty { older[hash] = list.isEmpty ? nil : list }
        return dead
    }
}
