extension CheckpointLog {
    /// Removes every version of `key`, at `level` or at every level.
    ///
    /// On return the removal is as durable as the level's checkpoints. Groups that hold the key end. Records of other
    /// origins stay. Copies in actors above stay too, and still answer a restore at a level greater than this log's
    /// rank.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - origin: such as `C4/C1`, for records that came up the tree that way; nil for this log's own.
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``. A key without checkpoints is
    ///   not an error.
    /// - Complexity: O(1) for each level that has the key.
    public nonisolated func removeCheckpoint(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws {
        let level = try level.map { try Level(validating: $0) }
        let origin = origin.map { Origin($0) } ?? .own
        _ = try engine.hash(of: key, level: 1, origin: origin)
        if engine.isInMemory { return try engine.removeFromMemory(key, level, origin) }
        _ = try engine.requireWriter()
        var levels: [Level] = []
        if let level {
            levels = [level]
            try await remove(key, level, origin)
        } else {
            try engine.refresh()
            // A source that was asked before answers for an older moment.
            let expected = Set(origin.isOwn ? expectedLevels { $0 == key }.map(\.level) : [])
            // Always in the same order, so that what a power cut leaves does not depend on chance.
            for level in Set(engine.levelsInUse.compactMap(Level.init(rawValue:))).union(expected).sorted() {
                let query = RecordQuery(key: key, level: level.rawValue, origin: origin)
                guard try expected.contains(level) || engine.hasVersion(query) else { continue }
                levels.append(level)
                try await remove(key, level, origin)
            }
        }
        let durability = levels.map { engine.policy(for: $0.rawValue).durability }.max()
        if durability == .synced { try await sync() }
    }

    /// Removes one version of `key`, for example a damaged one.
    ///
    /// The other versions stay, and versions that retention has dropped do not come back. The version's pin and tags
    /// go, and a group that has it as a member ends. On return the removal is as durable as the level's checkpoints.
    /// Copies in actors above stay.
    ///
    /// ```swift
    /// for version in try await log.history(for: "model", level: 2) where version.metadata["diverged"] == "yes" {
    ///     try await log.removeVersion(version.sequenceNumber, of: "model", level: 2)
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - number: the version's number, from its receipt or from a history of this log.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil for the level that has that version.
    ///   - origin: such as `C4/C1`, for records that came up the tree that way; nil for this log's own.
    /// - Returns: whether there was such a version.
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``; `.damaged` if the version is a member of a
    ///   group whose list of members cannot be read.
    /// - Complexity: O(n) in the members of all groups.
    @discardableResult
    public nonisolated func removeVersion(
        _ number: SequenceNumber, of key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> Bool {
        guard !engine.isInMemory else {
            let level = try level.map { try Level(validating: $0) }
            return try engine.removeFromMemory(number, of: key, level, origin.map { Origin($0) } ?? .own)
        }
        return try await atLevel(of: key, level, origin) { engine, level, origin in
            try engine.appendRemoval(of: number, of: key, level, origin: origin)
        }
    }

    /// Removes every version of every key that begins with `prefix`, at `level` or at every level.
    ///
    /// ```swift
    /// try await log.removeCheckpoints(prefix: "run-17/")
    /// ```
    ///
    /// On return the removals are as durable as the level's checkpoints. They are not atomic: after a crash in the
    /// middle some of the keys may still be there. A key that somebody saves during the call may stay. In everything
    /// else as ``removeCheckpoint(for:level:origin:)``.
    ///
    /// - Parameters:
    ///   - prefix: the beginning of the keys, byte for byte; not empty. ``removeAllCheckpoints(level:)`` removes all.
    ///   - level: 1…255, or nil.
    /// - Returns: how many keys the call removed.
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)`` and ``keys(level:prefix:)``;
    ///   `.invalidArgument` for an empty prefix.
    /// - Complexity: as ``keys(level:prefix:)``.
    @discardableResult
    public nonisolated func removeCheckpoints(prefix: CheckpointKey, level: Int? = nil) async throws -> Int {
        let level = try level.map { try Level(validating: $0) }
        guard !prefix.name.isEmpty else {
            throw CheckpointLogError(
                code: .invalidArgument,
                message: "The prefix is empty; give what the keys begin with, or call `removeAllCheckpoints`.")
        }
        let engine = engine
        if !engine.isInMemory { _ = try engine.requireWriter() }
        // A source that was asked before answers for an older moment.
        let expected = expectedLevels { $0.hasPrefix(prefix) }
        let removed = try await engine.blocking.run { () throws -> (keys: Set<CheckpointKey>, levels: Set<UInt8>) in
            var (keys, levels): (Set<CheckpointKey>, Set<UInt8>) = ([], [])
            func remove(_ key: CheckpointKey, _ level: Level) throws {
                if engine.isInMemory {
                    try engine.removeFromMemory(key, level, .own)
                } else {
                    _ = try engine.waitingForRoom(.long) { try engine.appendRemoval(of: key, level, origin: .own) }
                }
                levels.insert(level.rawValue)
            }
            for version in try engine.checkpoints(level: level?.rawValue, prefix: prefix) where version.origin == nil {
                guard let level = Level(rawValue: UInt8(clamping: version.level)) else { continue }
                try remove(version.key, level)
                keys.insert(version.key)
            }
            for (key, expectedLevel) in expected where level == nil || level == expectedLevel {
                try remove(key, expectedLevel)
            }
            return (keys, levels)
        }
        if removed.levels.contains(where: { engine.policy(for: $0).durability == .synced }), !engine.isInMemory {
            try await sync()
        }
        return removed.keys.count
    }

    private nonisolated func remove(_ key: CheckpointKey, _ level: Level, _ origin: Origin) async throws {
        let engine = engine
        try await engine.whenThereIsRoom { patience in
            _ = try engine.waitingForRoom(patience) { try engine.appendRemoval(of: key, level, origin: origin) }
        }
    }

    /// Removes every checkpoint of `level`, or of all levels, with one record.
    ///
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``.
    public nonisolated func removeAllCheckpoints(level: Int? = nil) async throws {
        let level = try level.map { try Level(validating: $0) }
        if engine.isInMemory { return try engine.removeFromMemory(nil, level) }
        let engine = engine
        try await engine.whenThereIsRoom { patience in
            _ = try engine.waitingForRoom(patience) { try engine.appendRemovalOfAll(level) }
        }
        let durability = level.map { engine.policy(for: $0.rawValue).durability } ?? .synced
        if durability == .synced { try await sync() }
    }

    private nonisolated func sync() async throws {
        try await engine.synced(engine.requireWriter().appender.writtenPosition)
    }
}
