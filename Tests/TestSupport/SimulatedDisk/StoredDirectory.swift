/// Where a name leads.
enum StoredNode: Hashable, Sendable {
    case file(Int)
    case directory(Int)
}

/// One directory of the simulated disk: its entries now, those on the disk, and the changes between them, in order.
struct StoredDirectory: Sendable {
    private(set) var entries: [String: StoredNode] = [:]
    private(set) var synced: [String: StoredNode] = [:]
    private(set) var unsynced: [EntryChange] = []

    /// One creation, removal or renaming: in a crash it has happened wholly or not at all.
    struct EntryChange: Sendable {
        var removed: (name: String, node: StoredNode)?
        var added: (name: String, node: StoredNode)?

        func apply(to entries: inout [String: StoredNode]) {
            if let removed, entries[removed.name] == removed.node { entries[removed.name] = nil }
            if let added { entries[added.name] = added.node }
        }
    }

    mutating func change(_ change: EntryChange) {
        change.apply(to: &entries)
        unsynced.append(change)
    }

    mutating func add(_ name: String, _ node: StoredNode) {
        change(EntryChange(added: (name, node)))
    }

    mutating func remove(_ name: String, _ node: StoredNode) {
        change(EntryChange(removed: (name, node)))
    }

    mutating func sync() {
        for change in unsynced { change.apply(to: &synced) }
        unsynced = []
    }

    /// The names of files that were to be made durable are seen as before, and no later sync makes them so. Those of
    /// directories are kept: one that lost its name would take everything in it along, whatever is done there.
    mutating func dropUnsynced() {
        unsynced.removeAll { change in
            if case .directory = change.added?.node { return false }
            return true
        }
    }

    /// Every node that the directory leads to now, or could lead to after a crash.
    var nodes: [StoredNode] {
        Array(entries.values) + synced.values
            + unsynced.flatMap { [$0.removed?.node, $0.added?.node].compactMap(\.self) }
    }

    func image(
        _ kind: CrashImageKind, _ generator: inout SeededGenerator, odds: CrashOdds
    ) -> StoredDirectory {
        var survivors = synced
        switch kind {
        case .syncedOnly: break
        case .everything: survivors = entries
        case .random:
            // A journal keeps changes in order; not every file system has one.
            if generator.isOne(in: 2) {
                for change in unsynced.prefix(generator.number(below: unsynced.count + 1)) {
                    change.apply(to: &survivors)
                }
            } else {
                for change in unsynced where odds.keeps(&generator) { change.apply(to: &survivors) }
            }
        }
        return StoredDirectory(entries: survivors, synced: survivors, unsynced: [])
    }
}
