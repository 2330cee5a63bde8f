extension LogEngine {
    /// Records of a child that its parent does not have yet, and how far that brings the parent.
    package struct Takeover: Sendable {
        package struct Record: Sendable {
            package var key: CheckpointKey
            /// As the child knows it.
            package var origin: Origin
            package var level: Level
            package var flags: FrameHeader.Flags
            package var bytes: [UInt8]
            package var metadata: [UInt8]

            /// As the parent is to store it at a level of its own.
            fileprivate func attributes(
                under child: String, _ level: Level, _ policy: LevelPolicy
            ) -> RecordAttributes {
                var attributes = RecordAttributes(level: level, policy: policy, flags: flags)
                attributes.origin = origin.under(child)
                attributes.metadata = metadata
                return attributes
            }
        }

        /// Another log that the child has taken over from, itself or by way of others.
        package struct Descendant: Sendable {
            package var name: String
            /// The way by which the child knows of it.
            package var origin: Origin
            package var log: LogIdentifier
        }

        package var records: [Record] = []
        package var descendants: [Descendant] = []
        package var mark: ChildMark
        /// Whether the child is not what the mark was of: its directory was put back from a backup, or is a copy that
        /// has gone on. Everything is taken then.
        package var wentBack = false
    }

    /// A record that may be new to the parent, before it is known which level of its key is newest.
    private struct Candidate {
        var found: FoundRecord
        var hash: KeyHash
    }

    /// What names a record whatever its level.
    private struct Name: Hashable {
        var key: CheckpointKey
        var origin: Origin
    }

    private static let settleAttempts = 200

    /// The newest record of each key and origin that is not behind `mark`. Removals are not among them.
    ///
    /// - Parameters:
    ///   - mark: how far the parent has come; nil for not at all.
    ///   - parent: the log that takes over.
    /// - Throws: `.invalidTree` when this log is the parent's own, or has itself taken over from the parent, be it by
    ///   way of others: records would be handed round for ever.
    /// - Complexity: O(n) in the index entries; frames are read of those alone that are new since the mark, or were
    ///   moved by compaction since.
    package func takeover(after mark: ChildMark?, by parent: LogIdentifier) throws -> Takeover {
        try checkOpen()
        guard isInMemory || identity.identifier != parent else {
            throw CheckpointLogError.invalidTree("A log cannot be its own child; deregister it.")
        }
        try refresh()
        let sameLog = mark.flatMap { $0.log == identity.identifier ? $0 : nil }
        let opening = newestOpening
        let ancestry = sameLog.map { self.ancestry(of: $0.opening) } ?? .descends
        let last = ancestry == .descends ? sameLog : nil
        let known = Set(last?.exceptions ?? [])
        let settled = try settledEnd()
        var takeover = Takeover(
            mark: ChildMark(
                log: identity.identifier, opening: opening,
                appendNumber: settled?.number ?? last?.appendNumber ?? .init(rawValue: 0),
                position: settled?.position ?? last?.position), wentBack: ancestry == .differs)
        var newest: [Name: Candidate] = [:]
        func offer(_ candidate: Candidate, _ name: Name) {
            if newest[name].map({ $0.found.number < candidate.found.number }) ?? true { newest[name] = candidate }
        }
        for record in memory.records() {
            let hash = try hash(of: record.key, level: record.level.rawValue, origin: record.origin)
            if record.isDirty {
                offer(Candidate(found: .memory(record), hash: hash), Name(key: record.key, origin: record.origin))
            }
        }
        for (hash, listed) in entries(after: last?.position) {
            guard let (entry, frame) = try current(hash, listed) else { continue }
            if frame.header.kind == .mark, let descendant = try descendant(frame) {
                if descendant.log == parent { throw Self.cycle(descendant) }
                takeover.descendants.append(descendant)
            }
            guard frame.header.kind == .value || frame.header.kind == .reference else { continue }
            guard frame.header.appendNumber > (last?.appendNumber ?? .init(rawValue: 0)) else { continue }
            let key = CheckpointKey(String(decoding: frame.key, as: UTF8.self))
            let found = FoundRecord.frame(entry, level: frame.header.level, origin: frame.origin)
            offer(Candidate(found: found, hash: hash), Name(key: key, origin: frame.origin))
            let isAhead = frame.header.appendNumber > takeover.mark.appendNumber
            if isAhead { takeover.mark.exceptions.append(Self.exception(hash, entry.sequenceNumber)) }
        }
        for (name, candidate) in newest {
            let exception = Self.exception(candidate.hash, candidate.found.number)
            if case .memory = candidate.found { takeover.mark.exceptions.append(exception) }
            if known.contains(exception) { continue }
            guard let (number, record) = try read(candidate.found, name) else { continue }
            takeover.records.append(record)
            if number != candidate.found.number {
                takeover.mark.exceptions.append(Self.exception(candidate.hash, number))
            }
        }
        takeover.records.sort { ($0.origin, $0.key) < ($1.origin, $1.key) }
        return takeover
    }

    /// The last opening for writing of this log; nil in one without a directory.
    private var newestOpening: Opening? {
        if let follower { return follower.opening }
        return writer?.manifest.current.newestOpening
    }

    /// What this log says of an opening that a mark names.
    private func ancestry(of opening: Opening?) -> Opening.Ancestry {
        // The log of a process has one life, and a name of its own.
        if isInMemory { return .descends }
        guard let opening else { return .unknown }
        if let follower { return follower.ancestry(of: opening) }
        return writer?.manifest.current.ancestry(of: opening) ?? .unknown
    }

    private func descendant(_ frame: FoundHeader) throws -> Takeover.Descendant? {
        let name = String(decoding: frame.key, as: UTF8.self)
        guard let level = Level(rawValue: frame.header.level),
            let mark = try mark(of: name, level: level, origin: frame.origin)
        else { return nil }
        return Takeover.Descendant(name: name, origin: frame.origin, log: mark.log)
    }

    private static func cycle(_ descendant: Takeover.Descendant) -> CheckpointLogError {
        let way = descendant.origin.isOwn ? descendant.name : "\(descendant.origin)/\(descendant.name)"
        return .invalidTree(
            "The child takes over from its parent, as \"\(way)\": the logs are registered in a circle; deregister "
                + "one of them.")
    }

    private static func exception(_ hash: KeyHash, _ number: SequenceNumber) -> ChildMark.Exception {
        ChildMark.Exception(high: hash.high, low: hash.low, number: number)
    }

    /// A moment at which everything appended is in the index; nil when appends never paused for it.
    ///
    /// What comes later has greater numbers and stands after it, large batches too: their segments are numbered after
    /// every segment of the chain that was there.
    private func settledEnd() throws -> (position: LogPosition, number: SequenceNumber)? {
        if let follower { return try follower.settledEnd() }
        guard let writer else { return nil }
        for _ in 0..<Self.settleAttempts {
            let end = writer.appender.settledEnd
            // A batch that is under way has numbers from before this moment, and is not in the index.
            guard batchesUnderWay.withLock({ $0 == 0 }) else { return nil }
            if let end { return end }
        }
        return nil
    }

    /// Newest entries whose frames stand at or after `position`.
    private func entries(after position: LogPosition?) -> [(KeyHash, IndexEntry)] {
        var entries: [(KeyHash, IndexEntry)] = []
        catalog.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, entry.sequenceNumber > catalog.index.floor(of: hash.level) else { return }
            if let position, entry.location.position < position { return }
            entries.append((hash, entry))
        }
        return entries.sorted { $0.1.location.bits < $1.1.location.bits }
    }

    /// A listed record and its header, looked up again when compaction has moved it, or the newer one that took its
    /// place; nil when the key was removed.
    private func current(_ hash: KeyHash, _ listed: IndexEntry) throws -> (IndexEntry, FoundHeader)? {
        try retryingMoved { _ in
            var entry = listed
            if let location = catalog.index.location(hash, listed.sequenceNumber) {
                entry.location = location
            } else {
                guard let newest = catalog.index.newest(hash), !newest.isRemoval,
                    newest.sequenceNumber > catalog.index.floor(of: hash.level)
                else { return nil }
                entry = newest
            }
            return (entry, try frames.header(at: entry.location))
        }
    }

    /// A record and its number: a newer one of its key when that took its place meanwhile.
    private func read(_ found: FoundRecord, _ name: Name) throws -> (SequenceNumber, Takeover.Record)? {
        guard let level = Level(rawValue: found.level) else { return nil }
        return unsafe try withContentOrNewer(
            key: name.key, level: found.level, number: found.number, origin: name.origin
        ) { facts, content in
            let record = unsafe Takeover.Record(
                key: name.key, origin: name.origin, level: level,
                flags: facts.flags.intersection([.raw, .severalValues]), bytes: Array(content),
                metadata: facts.metadata)
            return (facts.number, record)
        }
    }

    /// How far the child named `name` was taken over, as the log at `level` says; nil when it never was.
    ///
    /// - Parameter origin: the way to a log below that child, of whose mark this log has a copy; its own children have
    ///   none.
    package func mark(of name: String, level: Level, origin: Origin = .own) throws -> ChildMark? {
        let key = CheckpointKey(name)
        let hash = try hash(of: key, level: level.rawValue, origin: origin, space: .mark)
        guard let entry = catalog.index.newest(hash) else { return nil }
        return unsafe try key.withValidatedBytes { key in
            let record = unsafe FrameReader.Record(
                at: entry.location, number: entry.sequenceNumber, level: level.rawValue, key: key, origin: origin)
            return unsafe try frames.withContent(of: record) { frame, content in
                guard frame.header.kind == .mark else { throw FrameFault.badField }
                return unsafe ChildMark(Array(content))
            }
        }
    }

    /// Keeps what was taken over from a child at a level of the memory, all of it or none.
    package func saveMark(_ takeover: Takeover, of child: String, _ level: Level) throws {
        try requirePossibleOrigins(takeover, of: child)
        guard isInMemory else {
            let policy = policy(for: level.rawValue)
            for record in takeover.records {
                let attributes = record.attributes(under: child, level, policy)
                _ = try keepInMemory(.encoded(record.bytes), attributes, key: record.key)
            }
            return
        }
        let records = try takeover.records.map { record in
            let origin = record.origin.under(child)
            let taken = try reserveNumber()
            let memory = MemoryRecord(
                key: record.key, level: level, origin: origin, number: taken.sequenceNumber, timestamp: taken.timestamp,
                content: .encoded(record.bytes), flags: record.flags, metadata: record.metadata)
            return (record: memory, hash: try hash(of: record.key, level: level.rawValue, origin: origin))
        }
        try putAllInMemory(records, keep: retention(of: level.rawValue).count)
    }

    /// Before any of it is kept: what is refused leaves the log as it was.
    private func requirePossibleOrigins(_ takeover: Takeover, of child: String) throws {
        for origin in takeover.records.map(\.origin) + takeover.descendants.map(\.origin) {
            let origin = origin.under(child)
            guard origin.bytes.count <= Origin.byteLimit else { throw CheckpointLogError.originTooLong(origin) }
        }
    }

    /// Appends what was taken over from a child, under this log's own numbers, and with the last batch the mark: each
    /// batch all or nothing, one of them up to the value limit.
    package func commit(_ takeover: Takeover, of child: String, level: Level) throws -> AppendedBatch? {
        try requirePossibleOrigins(takeover, of: child)
        let policy = policy(for: level.rawValue)
        var members: [BatchMember] = []
        var byteCount = 0
        var last: AppendedBatch?
        for record in takeover.records {
            if byteCount + record.bytes.count > configuration.valueByteLimit / 2, !members.isEmpty {
                last = try appendBatch(members)
                (members, byteCount) = ([], 0)
            }
            let attributes = record.attributes(under: child, level, policy)
            members.append(BatchMember(key: record.key, attributes: attributes, bytes: record.bytes))
            byteCount += record.bytes.count
        }
        guard !members.isEmpty || last != nil || takeover.wentBack else { return nil }
        var attributes = RecordAttributes(level: level, policy: policy, flags: [])
        attributes.kind = .mark
        for descendant in takeover.descendants {
            // So that whoever is asked to take over from this log sees all that are below it.
            attributes.origin = descendant.origin.under(child)
            let known = try mark(of: descendant.name, level: level, origin: attributes.origin)
            if known?.log == descendant.log { continue }
            let copy = ChildMark(log: descendant.log, appendNumber: .init(rawValue: 0), position: nil)
            members.append(BatchMember(key: CheckpointKey(descendant.name), attributes: attributes, bytes: copy.bytes))
        }
        attributes.origin = .own
        members.append(BatchMember(key: CheckpointKey(child), attributes: attributes, bytes: takeover.mark.bytes))
        last = try appendBatch(members)
        return last
    }
}
