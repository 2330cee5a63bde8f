/// Which group a restore asks for.
struct GroupQuery: Sendable {
    let name: CheckpointKey
    /// Nil for whichever level is newest.
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
        /// Where its frame stands; nil in a log without a directory.
        var entry: IndexEntry?
        /// When it was committed, where that is known without its frame.
        var timestamp: Int64?
    }

    /// Calls `body` with the group that answers `query`, and with older ones as `fallback` says.
    ///
    /// - Throws: ``WouldWait`` in a mode that must not; what `body` throws.
    func group<Result>(
        _ query: GroupQuery, _ fallback: RestoreFallback, _ mode: ReadMode = .waiting,
        _ body: (CheckpointGroup) throws -> Result
    ) throws -> Result? {
        var skipped: [CheckpointLogError] = []
        defer { for error in skipped { tell(error, fallback) } }
        for found in try groups(query, mode) {
            do {
                return try group(found, query.name).map(body)
            } catch let error as CheckpointLogError where fallback.report != nil && fallback.skips(error) {
                skipped.append(error)
            }
        }
        if let first = skipped.first { throw first }
        return nil
    }

    func groupHistory(_ query: GroupQuery) throws -> [GroupVersion] {
        try groups(query, .waiting).compactMap { found in
            let time = try found.timestamp ?? found.entry.flatMap { try timestamp(of: $0, .waiting) } ?? 0
            let keys: [CheckpointKey]
            do {
                guard let group = try group(found, query.name) else { return nil }
                keys = group.keys
            } catch let error as CheckpointLogError where error.code == .damaged {
                keys = []
            }
            return GroupVersion(
                name: query.name, level: Int(found.level.rawValue), sequenceNumber: found.number,
                date: Self.date(time), keys: keys)
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
                    FoundGroup(level: level, hash: hash, number: group.number, timestamp: group.timestamp)
                }
                continue
            }
            let complete = Set(catalog.groups.groups(hash).map(\.sequenceNumber))
            for entry in try entries(hash, mode) where complete.contains(entry.sequenceNumber) {
                found.append(FoundGroup(level: level, hash: hash, number: entry.sequenceNumber, entry: entry))
            }
        }
        found.sort { $0.number > $1.number }
        switch query.version.choice {
        case .newest, .tag: return found
        case .sequence(let number): return found.filter { $0.number == number }
        case .asOf(let time):
            return try found.filter { group in
                try (group.timestamp ?? group.entry.flatMap { try timestamp(of: $0, mode) }).map { $0 <= time } ?? true
            }
        }
    }

    /// The group as it is known now; nil where it has ended meanwhile.
    private func group(_ found: FoundGroup, _ name: CheckpointKey) throws -> CheckpointGroup? {
        let level = Int(found.level.rawValue)
        if isInMemory {
            guard let group = memory.groups(found.hash).first(where: { $0.number == found.number }) else { return nil }
            return CheckpointGroup(
                sequenceNumber: group.number, level: level, keys: group.members.map(\.key), records: group.members,
                name: found.hash, engine: self)
        }
        guard let group = catalog.groups.group(found.hash, found.number) else { return nil }
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
            // Asked anew each time: compaction moves members.
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
