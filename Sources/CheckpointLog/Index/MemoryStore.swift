/// The checkpoints of memory levels: the newest of each key, or as many versions as the level keeps, and groups.
///
/// One lock guards it. Every call except a listing holds the lock for one look-up.
package final class MemoryStore: Sendable {
    /// Members of a group that was committed to a log without a directory.
    package struct Group: Sendable {
        package var number: SequenceNumber
        /// Microseconds since 1970-01-01 UTC.
        package var timestamp: Int64
        package var level: Level
        package var name: CheckpointKey
        package var members: [MemoryRecord]

        package init(
            number: SequenceNumber, timestamp: Int64, level: Level, name: CheckpointKey, members: [MemoryRecord]
        ) {
            self.number = number
            self.timestamp = timestamp
            self.level = level
            self.name = name
            self.members = members
        }
    }

    private struct State {
        /// Newest first; no list is empty.
        var records: [KeyHash: [MemoryRecord]] = [:]
        /// Newest first; no list is empty.
        var groups: [KeyHash: [Group]] = [:]
        var byteCount = 0
        var origins: Set<Origin> = []
        var levels: Set<UInt8> = []
    }

    private let state = Lock(State())

    package init() {}

    /// Everything that `other` has now.
    ///
    /// - Complexity: O(1); the first change of either then copies it.
    package init(copying other: MemoryStore) {
        let content = other.state.withLock { $0 }
        state.withLock { $0 = content }
    }

    package var count: Int { state.withLock { $0.records.count } }

    /// What the store may hold.
    package struct Limits: Sendable {
        package var count: Int
        package var byteCount: Int

        package init(count: Int, byteCount: Int) {
            self.count = count
            self.byteCount = byteCount
        }
    }

    /// Keeps `record` instead of the one of its key, unless that one is newer.
    ///
    /// - Returns: whether the store now holds more than `limits`.
    package func put(_ record: consuming MemoryRecord, _ hash: KeyHash, limits: Limits) -> Bool {
        // Moved into its place: a copy would retain each of its parts.
        var record = Optional(record)
        return state.withLock { state in
            if let growth = Self.replace(&state.records[hash], by: &record) { state.byteCount += growth }
            if let new = record.take() {
                state.records[hash] = [new]
                state.byteCount += new.byteCount
                Self.note(new, &state)
            }
            return state.records.count > limits.count || state.byteCount > limits.byteCount
        }
    }

    /// Puts `record` in the place of the one that is kept, and takes it; drops it if it is the older one.
    ///
    /// - Returns: by how many bytes the store has grown; nil if it has no record of the key.
    private static func replace(_ kept: inout [MemoryRecord]?, by record: inout MemoryRecord?) -> Int? {
        guard let (number, byteCount) = kept.map({ ($0[0].number, $0[0].byteCount) }), let new = record.take() else {
            return nil
        }
        guard number < new.number else { return 0 }
        let growth = new.byteCount - byteCount
        kept?[0] = new
        return growth
    }

    private static func note(_ record: MemoryRecord, _ state: inout State) {
        if !record.origin.isOwn { state.origins.insert(record.origin) }
        state.levels.insert(record.level.rawValue)
    }

    /// Keeps all of `records`, which have different keys, and `group`, or none of them.
    ///
    /// - Returns: false if the store would then hold more than `limits`; nothing is changed.
    package func put(
        _ records: [(record: MemoryRecord, hash: KeyHash)], group: (group: Group, name: KeyHash)? = nil, keep: Int,
        limits: Limits
    ) -> Bool {
        state.withLock { state in
            var new: [[MemoryRecord]] = []
            var (count, byteCount) = (state.records.count, state.byteCount)
            for (record, hash) in records {
                var versions = state.records[hash] ?? []
                if versions.isEmpty { count += 1 }
                versions.insert(record, at: versions.firstIndex { $0.number < record.number } ?? versions.count)
                byteCount += record.byteCount
                while versions.count > keep { byteCount -= versions.removeLast().byteCount }
                new.append(versions)
            }
            let isOver = count > limits.count || byteCount > limits.byteCount
            guard !isOver || (count <= state.records.count && byteCount <= state.byteCount) else { return false }
            for ((record, hash), versions) in zip(records, new) {
                state.records[hash] = versions
                Self.note(record, &state)
            }
            state.byteCount = byteCount
            if let (group, name) = group {
                var groups = state.groups[name] ?? []
                groups.insert(group, at: groups.firstIndex { $0.number < group.number } ?? groups.count)
                state.groups[name] = Array(groups.prefix(keep))
            }
            return true
        }
    }

    package func newest(_ hash: KeyHash) -> MemoryRecord? { state.withLock { $0.records[hash]?.first } }

    package func versions(_ hash: KeyHash) -> [MemoryRecord] { state.withLock { $0.records[hash] ?? [] } }

    /// Levels that any record in the store ever had.
    package var levelsInUse: Set<UInt8> { state.withLock { $0.levels } }

    /// Origins, other than the log's own, that any record in the store ever had.
    package var origins: Set<Origin> { state.withLock { $0.origins } }

    /// All records, of `level` or of all levels.
    package func records(level: UInt8? = nil) -> [MemoryRecord] {
        state.withLock { state in
            state.records.values.flatMap { $0 }.filter { level == nil || $0.level.rawValue == level }
        }
    }

    /// The records that are not in the log yet, oldest first.
    package func dirty() -> [MemoryRecord] {
        state.withLock { state in state.records.values.flatMap { $0 }.filter(\.isDirty) }
            .sorted { $0.number < $1.number }
    }

    /// The records that were taken longest ago: as many as have to go until the rest is an eighth below the limits.
    /// None if the store is within its limits.
    package func overflow(_ limits: Limits) -> [MemoryRecord] {
        state.withLock { state in
            guard state.records.count > limits.count || state.byteCount > limits.byteCount else { return [] }
            // Records that do not encode are left out: each call would try them again.
            var records = state.records.values.flatMap { $0 }.filter { !$0.isStuck }
                .sorted { $0.number < $1.number }[...]
            var overflow: [MemoryRecord] = []
            var byteCount = state.byteCount
            while let record = records.first,
                records.count > limits.count - limits.count / 8
                    || byteCount > limits.byteCount - limits.byteCount / 8
            {
                overflow.append(record)
                byteCount -= record.byteCount
                records.removeFirst()
            }
            return overflow
        }
    }

    /// Notes that a record is in the log. If it was taken again meanwhile, it stays as it is.
    package func markWritten(_ hash: KeyHash, _ number: SequenceNumber, byteCount: Int) {
        state.withLock { state in
            guard let place = state.records[hash]?.firstIndex(where: { $0.number == number }) else { return }
            state.byteCount += byteCount - (state.records[hash]?[place].byteCount ?? 0)
            state.records[hash]?[place].isDirty = false
            state.records[hash]?[place].byteCount = byteCount
        }
    }

    /// Notes that a record's values do not encode. It stays, and only a save tries again.
    package func markStuck(_ hash: KeyHash, _ number: SequenceNumber) {
        state.withLock { state in
            guard let place = state.records[hash]?.firstIndex(where: { $0.number == number }) else { return }
            state.records[hash]?[place].isStuck = true
        }
    }

    /// Removes versions of a key up to `number`, and the groups up to it that have the key.
    package func drop(_ hash: KeyHash, key: CheckpointKey, through number: SequenceNumber) {
        state.withLock { state in
            Self.filter(&state, hash) { $0.number > number }
            guard !state.groups.isEmpty else { return }
            Self.filterGroups(&state) { name, group in
                group.number > number || name.level != hash.level || !group.members.contains { $0.key == key }
            }
        }
    }

    /// Removes one version of a key, and the groups that have it; false if the version is not here.
    package func remove(_ hash: KeyHash, _ number: SequenceNumber) -> Bool {
        state.withLock { state in
            guard state.records[hash]?.contains(where: { $0.number == number }) == true else { return false }
            Self.filter(&state, hash) { $0.number != number }
            Self.filterGroups(&state) { !$1.members.contains { $0.number == number } }
            return true
        }
    }

    /// Removes everything of `level`, or of all levels, up to `number`.
    package func dropAll(level: UInt8?, through number: SequenceNumber) {
        state.withLock { state in
            for (hash, _) in state.records where level == nil || hash.level == level {
                Self.filter(&state, hash) { $0.number > number }
            }
            Self.filterGroups(&state) { hash, group in
                group.number > number || (level != nil && hash.level != level)
            }
        }
    }

    /// The groups of that name, newest first.
    package func groups(_ name: KeyHash) -> [Group] { state.withLock { $0.groups[name] ?? [] } }

    private static func filterGroups(_ state: inout State, _ isKept: (KeyHash, Group) -> Bool) {
        for (name, groups) in state.groups {
            let kept = groups.filter { isKept(name, $0) }
            if kept.count < groups.count { state.groups[name] = kept.isEmpty ? nil : kept }
        }
    }

    private static func filter(_ state: inout State, _ hash: KeyHash, _ isKept: (MemoryRecord) -> Bool) {
        guard let versions = state.records[hash] else { return }
        let kept = versions.filter(isKept)
        state.byteCount += kept.reduce(0) { $0 + $1.byteCount } - versions.reduce(0) { $0 + $1.byteCount }
        state.records[hash] = kept.isEmpty ? nil : kept
    }
}
