/// Which group a restore asks for.
struct GroupQuery: Sendable {
    let name: CheckpointKey
    /// Nil for the level with the newest group.
    let level: Level?
    let version: RestoreVersion

    /// - Throws: `.invalidLevel`; `.invalidArgument` for a tag.
    init(_ name: CheckpointKey, _ level: Int?, _ version: RestoreVersion) throws {
        if case .tag = version.choice {
            throw CheckpointLogError(
                code: .invalidArgument,
                message: "Groups have no tags; give the number of the group, or a tag of one of its members.")
        }
        self.name = name
        self.level = try level.map { try Level(validating: $0) }
        self.version = version
    }
}

extension LogEngine {
    private struct FoundGroup {
        var level: Level
        var hash: KeyHash
        var number: SequenceNumber
        var content: Content

        enum Content {
            case stored(IndexEntry, GroupTable.Group)
            case remembered(MemoryStore.Group)
        }
    }

    /// Calls `body` with the group that `query` asks for, and with older ones if `fallback` says so.
    ///
    /// - Throws: ``WouldWait`` in a mode that must not wait; what `body` throws.
    func group<Result>(
        _ query: GroupQuery, _ fallback: RestoreFallback, _ mode: ReadMode = .waiting,
        _ body: (CheckpointGroup) throws -> Result
    ) throws -> Result? {
        var skipped: [CheckpointLogError] = []
        defer { for error in skipped { tell(error, fallback) } }
        for found in try retryingMoved({ _ in try groups(query, mode) }) {
            do {
                return try body(try group(found, query.name))
            } catch let error as CheckpointLogError where fallback.report != nil && fallback.skips(error) {
                skipped.append(error)
            }
        }
        if let first = skipped.first { throw first }
        return nil
    }

    func groupHistory(_ query: GroupQuery) throws -> [GroupVersion] {
        try retryingMoved { _ in
            try groups(query, .waiting).map { found in
                var keys: [CheckpointKey] = []
                do {
                    keys = try group(found, query.name).keys
                } catch let error as CheckpointLogError where error.code == .damaged {}
                return GroupVersion(
                    name: query.name, level: Int(found.level.rawValue), sequenceNumber: found.number,
                    date: Self.date(try time(of: found, .waiting) ?? 0), keys: keys)
            }
        }
    }

    /// When a group was committed; nil if its frame's header is damaged.
    private func time(of found: FoundGroup, _ mode: ReadMode) throws -> Int64? {
        switch found.content {
        case .remembered(let group): group.timestamp
        case .stored(let entry, _): try timestamp(of: entry, mode)
        }
    }

    /// The groups that answer a query, newest first.
    private func groups(_ query: GroupQuery, _ mode: ReadMode) throws -> [FoundGroup] {
        try checkOpen()
        try refresh(mode)
        // Without a level the name itself is still checked.
        _ = try hash(of: query.name, level: 1, origin: .own)
        var found: [FoundGroup] = []
        for level in query.level.map({ [$0] }) ?? levelsInUse.compactMap({ Level(rawValue: $0) }) {
            let hash = try hash(of: query.name, level: level.rawValue, origin: .own, space: .group)
            if isInMemory {
                found += memory.groups(hash).map { group in
                    FoundGroup(level: level, hash: hash, number: group.number, content: .remembered(group))
                }
                continue
            }
            found += try completeGroups(hash, mode).map { entry, group in
                FoundGroup(level: level, hash: hash, number: entry.sequenceNumber, content: .stored(entry, group))
            }
        }
        found.sort { $0.number > $1.number }
        switch query.version.choice {
        case .newest, .tag: return found
        case .sequence(let number): return found.filter { $0.number == number }
        case .asOf(let time):
            return try found.filter { group in try self.time(of: group, mode).map { $0 <= time } ?? true }
        }
    }

    /// The groups of one name and level, as index and table had them at one moment. A commit changes one after the
    /// other; in between, a group that was just replaced would hide the one in its place.
    private func completeGroups(_ hash: KeyHash, _ mode: ReadMode) throws -> [(IndexEntry, GroupTable.Group)] {
        while true {
            let newest = catalog.index.newestRecord(hash)?.sequenceNumber
            let entries = try entries(hash, mode)
            let groups = catalog.groups.groups(hash)
            guard catalog.index.newestRecord(hash)?.sequenceNumber == newest else { continue }
            return entries.compactMap { entry in
                groups.first { $0.sequenceNumber == entry.sequenceNumber }.map { (entry, $0) }
            }
        }
    }

    /// The group that the caller gets.
    ///
    /// - Throws: `.damaged` if the list of its members cannot be read.
    private func group(_ found: FoundGroup, _ name: CheckpointKey) throws -> CheckpointGroup {
        let level = Int(found.level.rawValue)
        let group: GroupTable.Group
        switch found.content {
        case .stored(_, let stored): group = stored
        case .remembered(let group):
            return CheckpointGroup(
                sequenceNumber: group.number, level: level, keys: group.members.map(\.key), records: group.members,
                name: found.hash, engine: self)
        }
        if var damage = group.damage {
            damage.lost = [
                CheckpointLogError.LostRecord(level: level, key: name, sequenceNumbers: found.number...found.number)
            ]
            throw damage
        }
        return CheckpointGroup(
            sequenceNumber: group.sequenceNumber, level: level,
            keys: group.members.map { CheckpointKey(String(decoding: $0.key, as: UTF8.self)) }, records: [],
            name: found.hash, engine: self)
    }

    func content(
        ofMember index: Int, in name: KeyHash, number: SequenceNumber, level: UInt8
    ) throws -> ([UInt8], FrameHeader.Flags) {
        try retryingMoved { _ in
            // Looked up again at each attempt, since compaction moves members.
            guard let group = catalog.groups.group(name, number), group.members.indices.contains(index) else {
                throw CheckpointLogError.groupReplaced
            }
            let member = group.members[index]
            return unsafe try member.key.withUnsafeBytes { key in
                let record = unsafe FrameReader.Record(
                    at: member.location, number: member.sequenceNumber, level: level, key: key)
                return unsafe try frames.withContent(of: record) { unsafe (Array($1), $0.header.flags) }
            }
        }
    }
}
