extension CheckpointLog {
    /// Pins a version of `key`: the log keeps it, whatever the retention says, until you unpin or remove it.
    ///
    /// On return the pin is as durable as the level's checkpoints. Each change costs one small record, and the labels
    /// of the key are kept in memory.
    ///
    /// ```swift
    /// let receipt = try await log.checkpoint(model, for: "model", level: 2)
    /// try await log.pin(receipt.sequenceNumber, of: "model", level: 2)
    /// ```
    ///
    /// - Parameters:
    ///   - number: the version's number, from its receipt or from a history of this log.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil for the level that has that version.
    ///   - origin: such as `C4/C1`, for records that came up the tree that way; nil for this log's own.
    /// - Returns: whether there is such a version.
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``; `.unsupported` in a log without
    ///   a directory; `.invalidArgument` for over 4,096 pins and tags of one key.
    @discardableResult
    public nonisolated func pin(
        _ number: SequenceNumber, of key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> Bool {
        try await changeLabels(of: key, level, origin, keeping: number) {
            $0.insert(VersionLabels.Entry(number))
        }
    }

    /// Removes the pin of a version of `key`. The level's retention then applies again, unless the version has a tag.
    ///
    /// - Returns: whether it was pinned.
    /// - Throws: as ``pin(_:of:level:origin:)``.
    @discardableResult
    public nonisolated func unpin(
        _ number: SequenceNumber, of key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> Bool {
        try await changeLabels(of: key, level, origin) {
            $0.removeAll { $0.number == number && $0.name.isEmpty }
        }
    }

    /// Gives a version of `key` a name, for ``RestoreVersion/tag(_:)``. The log keeps the version as long as it has
    /// one.
    ///
    /// One version has a name at a time: if another version of the key at that level has it, it loses it.
    ///
    /// ```swift
    /// try await log.tag(receipt.sequenceNumber, of: "model", as: "best", level: 2)
    /// let best = try await log.restore(Model.self, for: "model", version: .tag("best"))
    /// ```
    ///
    /// - Parameters:
    ///   - number: the version's number, from its receipt or from a history of this log.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - name: 1 to 255 bytes of UTF-8.
    ///   - level: 1…255, or nil for the level that has that version.
    ///   - origin: such as `C4/C1`, for records that came up the tree that way; nil for this log's own.
    /// - Returns: whether there is such a version.
    /// - Throws: as ``pin(_:of:level:origin:)``; `.invalidArgument` for a name of another length.
    @discardableResult
    public nonisolated func tag(
        _ number: SequenceNumber, of key: CheckpointKey, as name: String, level: Int? = nil, origin: String? = nil
    ) async throws -> Bool {
        guard (1...VersionLabels.nameByteLimit).contains(name.utf8.count) else {
            throw CheckpointLogError(
                code: .invalidArgument,
                message: "A tag has \(name.utf8.count) bytes and may have 1 to \(VersionLabels.nameByteLimit); nothing "
                    + "was written.")
        }
        return try await changeLabels(of: key, level, origin, keeping: number) {
            $0.insert(VersionLabels.Entry(number, name: name))
        }
    }

    /// Removes a name from the version of `key` that has it.
    ///
    /// - Returns: whether a version had it.
    /// - Throws: as ``pin(_:of:level:origin:)``.
    @discardableResult
    public nonisolated func removeTag(
        _ name: String, of key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> Bool {
        try await changeLabels(of: key, level, origin) { $0.removeAll { $0.name == name && !name.isEmpty } }
    }

    private nonisolated func changeLabels(
        of key: CheckpointKey, _ level: Int?, _ origin: String?, keeping number: SequenceNumber? = nil,
        _ change: @escaping @Sendable (inout VersionLabels) -> Void
    ) async throws -> Bool {
        try await atLevel(of: key, level, origin) { engine, level, origin in
            try engine.changeLabels(of: key, level, origin: origin, keeping: number, change)
        }
    }

    /// Calls `change` for the level given, or for each until it has found what it is to change.
    nonisolated func atLevel(
        of key: CheckpointKey, _ level: Int?, _ origin: String?,
        _ change: @escaping @Sendable (LogEngine, Level, Origin) throws -> Bool
    ) async throws -> Bool {
        let level = try level.map { try Level(validating: $0) }
        let origin = origin.map { Origin($0) } ?? .own
        _ = try engine.hash(of: key, level: 1, origin: origin)
        _ = try engine.requireWriter()
        let engine = engine
        for level in level.map({ [$0] }) ?? engine.levelsInUse.compactMap(Level.init(rawValue:)) {
            let hasChanged = try await engine.whenThereIsRoom { patience in
                try engine.waitingForRoom(patience) { try change(engine, level, origin) }
            }
            guard hasChanged else { continue }
            if engine.storagePolicy(for: level.rawValue).durability == .synced {
                try await engine.synced(engine.requireWriter().appender.writtenPosition)
            }
            return true
        }
        return false
    }
}
