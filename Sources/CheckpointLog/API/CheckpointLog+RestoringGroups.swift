extension CheckpointLog {
    /// Restores a complete group of `name`, at `level` or at any level: the newest one, or the given version. Nil if
    /// there is none.
    ///
    /// If you remove a key that a group holds, or one of its members, the group ends. Earlier groups of the name stay,
    /// as many as the level keeps.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which of the groups that the level keeps. Groups have no tags.
    ///   - fallback: what to do if the list of members, or a member, is damaged. Whether members decode is known only
    ///     when they are restored: see ``restoreGroup(_:level:version:fallback:decoding:)``.
    /// - Throws: ``CheckpointLogError``: `.damaged` if the list of members cannot be read or, with a fallback, no group
    ///   is intact; `.invalidArgument` for a tag; `.invalidKey`, `.invalidLevel`, `.closed`, `.ioFailure`.
    /// - Complexity: O(n) in its members; with a fallback O(n) in their bytes.
    public nonisolated func restoreGroup(
        _ name: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, fallback: RestoreFallback = .none
    ) async throws -> CheckpointGroup? {
        let engine = engine
        let query = try GroupQuery(name, level, version)
        if fallback.report == nil {
            do { return try engine.group(query, fallback, .cachedOnly) { $0 } } catch is WouldWait {}
        }
        return try await engine.decoding.run { try engine.group(query, fallback) { try $0.checked(fallback) } }
    }

    /// Restores a group and decodes it with `decode`; tries older groups if `fallback` says so.
    ///
    /// ```swift
    /// let epoch = try await log.restoreGroup("epoch", level: 2, fallback: .lastDecodable) { group in
    ///     Epoch(
    ///         weights: try group.restoreBlocking([Float].self, for: "weights"),
    ///         optimizer: try group.restoreBlocking(Optimizer.self, for: "optimizer"))
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which of the groups that the level keeps.
    ///   - fallback: what to do if `decode` throws `.damaged` or `.decodingFailed`.
    ///   - decode: called with the newest group, then with older ones while it throws an error that the fallback skips.
    ///     It runs on a thread of the log, so it may call the blocking forms of the group.
    /// - Returns: what `decode` returned; nil if there is no such group.
    /// - Throws: as ``restoreGroup(_:level:version:fallback:)``; what `decode` throws.
    public nonisolated func restoreGroup<Value: Sendable>(
        _ name: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, fallback: RestoreFallback = .none,
        decoding decode: @escaping @Sendable (CheckpointGroup) throws -> Value
    ) async throws -> Value? {
        let engine = engine
        let query = try GroupQuery(name, level, version)
        return try await engine.decoding.run { try engine.group(query, fallback, .waiting, decode) }
    }

    /// Restores a complete group of `name` as ``restoreGroup(_:level:version:fallback:)`` does, for synchronous code;
    /// blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restoreGroup.")
    public nonisolated func restoreGroupBlocking(
        _ name: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, fallback: RestoreFallback = .none
    ) throws -> CheckpointGroup? {
        try engine.group(GroupQuery(name, level, version), fallback) { try $0.checked(fallback) }
    }

    /// The groups of `name` that the log keeps, newest first.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; nil for all levels.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`, `.closed`, `.ioFailure`, `.damaged`.
    /// - Complexity: O(n) in the members of these groups; one read of a frame's header each.
    public nonisolated func groupHistory(of name: CheckpointKey, level: Int? = nil) async throws -> [GroupVersion] {
        let engine = engine
        let query = try GroupQuery(name, level, .newest)
        return try await engine.blocking.run { try engine.groupHistory(query) }
    }
}

extension CheckpointGroup {
    /// The group itself, after all of its members were read if a fallback wants them intact.
    fileprivate func checked(_ fallback: RestoreFallback) throws -> CheckpointGroup {
        if fallback.report != nil { for key in keys { _ = try read(key) } }
        return self
    }
}
