extension LogEngine {
    /// Levels that any record ever had.
    package var levelsInUse: [UInt8] {
        let levels = catalog.index.levelsInUse.filter { $0 > 0 }
        let inMemory = memory.levelsInUse
        return inMemory.isEmpty ? levels : Set(levels).union(inMemory).sorted()
    }

    /// The record that answers `query`, from the index or the memory level; nil if there is none.
    package func newest(_ query: RecordQuery, _ mode: ReadMode = .waiting) throws -> FoundRecord? {
        try checkOpen()
        if query.level == nil { unsafe try query.key.withValidatedBytes { _ in } }
        try refresh(mode)
        guard query.version.choice == .newest else { return try versions(query, mode).first }
        if let origin = query.origin { return try newest(query, origin, mode) }
        if let own = try newest(query, .own, mode) { return own }
        var best: FoundRecord?
        for origin in catalog.origins.union(memory.origins) {
            guard let found = try newest(query, origin, mode) else { continue }
            if best.map({ $0.number < found.number }) ?? true { best = found }
        }
        return best
    }

    private func newest(_ query: RecordQuery, _ origin: Origin, _ mode: ReadMode) throws -> FoundRecord? {
        if let level = query.level { return try newest(query.key, level, origin, mode) }
        var best: FoundRecord?
        for level in levelsInUse {
            guard let found = try newest(query.key, level, origin, mode) else { continue }
            if best.map({ $0.number < found.number }) ?? true { best = found }
        }
        return best
    }

    private func newest(
        _ key: CheckpointKey, _ level: UInt8, _ origin: Origin, _ mode: ReadMode
    ) throws -> FoundRecord? {
        let hash = try hash(of: key, level: level, origin: origin)
        let record = hasMemoryLevel ? memory.newest(hash) : nil
        guard let entry = try newestEntry(hash, mode) else { return record.map { .memory($0) } }
        if let record, record.number >= entry.sequenceNumber { return .memory(record) }
        return .frame(entry, level: level, origin: origin)
    }

    /// All versions that answer `query`, newest first: those of its own origin, or, where it has none, of every origin.
    package func versions(_ query: RecordQuery, _ mode: ReadMode = .waiting) throws -> [FoundRecord] {
        try checkOpen()
        unsafe try query.key.withValidatedBytes { _ in }
        try refresh(mode)
        if let origin = query.origin { return try versions(query, origin, mode) }
        let own = try versions(query, .own, mode)
        guard own.isEmpty else { return own }
        let others = try catalog.origins.union(memory.origins).flatMap { try versions(query, $0, mode) }
        return others.sorted { $0.number > $1.number }
    }

    private func versions(_ query: RecordQuery, _ origin: Origin, _ mode: ReadMode) throws -> [FoundRecord] {
        var found: [FoundRecord] = []
        for level in query.level.map({ [$0] }) ?? levelsInUse {
            let hash = try hash(of: query.key, level: level, origin: origin)
            let records = memory.versions(hash)
            found += records.map { .memory($0) }
            let numbers = Set(records.map(\.number))
            for entry in try entries(hash, mode) where !numbers.contains(entry.sequenceNumber) {
                found.append(.frame(entry, level: level, origin: origin))
            }
        }
        found.sort { $0.number > $1.number }
        switch query.version.choice {
        case .newest: return found
        case .sequence(let number):
            return found.filter { $0.number == number }
        case .tag(let name):
            return try found.filter { version in
                let hash = try hash(of: query.key, level: version.level, origin: version.origin)
                return catalog.labels.labels(of: hash).number(of: name) == version.number
            }
        case .asOf(let time):
            return try found.filter { try timestamp(of: $0, mode).map { $0 <= time } ?? true }
        }
    }

    /// Whether the key has a version at the level of the query, even one that only a group keeps.
    package func hasVersion(_ query: RecordQuery) throws -> Bool {
        if try newest(query) != nil { return true }
        guard let level = query.level else { return false }
        return catalog.groups.holds(key: try hash(of: query.key, level: level, origin: query.origin ?? .own))
    }

    /// The newest version of a key that is in the log and not over its level's age; nil if there is none.
    func newestEntry(_ hash: KeyHash, _ mode: ReadMode = .waiting) throws -> IndexEntry? {
        guard let view = uncountedView else { return try newestEntry(hash, mode, in: catalog) }
        return unsafe try view.catalog._withUnsafeGuaranteedRef { try newestEntry(hash, mode, in: $0) }
    }

    @inline(__always)
    private func newestEntry(_ hash: KeyHash, _ mode: ReadMode, in catalog: RecordCatalog) throws -> IndexEntry? {
        guard let entry = catalog.newest(hash) else { return nil }
        // Nearly always that is the newest that was ever taken, and the call looks at no other.
        guard catalog.hasAges, catalog.retentions[hash.level].age != nil,
            catalog.index.newestRecord(hash)?.sequenceNumber != entry.sequenceNumber
        else { return entry }
        return try entries(hash, mode).first
    }

    /// The versions of a key that are in the log and not over its level's age, newest first.
    ///
    /// Ages do not apply to the newest version that was ever taken, nor to one with a label. If that newest version was
    /// removed, ages still apply to the others: what was hidden stays hidden.
    func entries(_ hash: KeyHash, _ mode: ReadMode) throws -> [IndexEntry] {
        let entries = catalog.versions(hash)
        guard let age = catalog.retentions[hash.level].age else { return entries }
        let newest = catalog.index.newestRecord(hash)?.sequenceNumber
        return try entries.filter { entry in
            try entry.sequenceNumber == newest || catalog.labels.location(hash, entry.sequenceNumber) != nil
                || !isOlder(entry, than: age, mode)
        }
    }

    private func isOlder(_ entry: IndexEntry, than age: Duration, _ mode: ReadMode) throws -> Bool {
        let limit = configuration.now() - age.microseconds
        return try timestamp(of: entry, mode).map { $0 < limit } ?? false
    }

    private func timestamp(of found: FoundRecord, _ mode: ReadMode) throws -> Int64? {
        switch found {
        case .memory(let record): record.timestamp
        case .frame(let entry, _, _): try timestamp(of: entry, mode)
        }
    }

    /// When a record was taken; nil if its header is damaged. Such a record stays among the versions: a restore of it
    /// throws, and a fallback can skip it.
    func timestamp(of entry: IndexEntry, _ mode: ReadMode) throws -> Int64? {
        do {
            return try frames.header(at: entry.location, mode).header.timestamp
        } catch let error as CheckpointLogError where error.code == .damaged && !Self.isGone(error) {
            return nil
        } catch {
            throw error
        }
    }
}
