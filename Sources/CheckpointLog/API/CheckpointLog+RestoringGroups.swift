extension CheckpointLog {
    /// A complete group of `name`, at `level` or, without one, at whichever level is newest: the newest that is left,
    /// or the version asked for. Nil when there is none.
    ///
    /// A group ends when a key that it holds, or one of its members, is removed; those of the name before it stay, as
    /// many as the level keeps.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which of the groups that the level keeps. They have no tags.
    ///   - fallback: what to do when the list of its members, or one of them, is damaged. Whether they decode is known
    ///     when they are restored: see ``restoreGroup(_:level:version:fallback:decoding:)``.
    /// - Throws: ``CheckpointLogError``: `.damaged` when the list of its members cannot be read, or, with a fallback,
    ///   no group is intact; `.invalidArgument` for a tag; `.invalidKey`, `.invalidLevel`, `.closed`, `.ioFailure`.
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

    /// Gives back what `decode` makes of a group, going on to an older one where `fallback` says so.
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
    ///   - fallback: what to do when `decode` throws `.damaged` or `.decodingFailed`.
    ///   - decode: is given the newest group, and then older ones as long as it throws what the fallback goes around.
    ///     Runs on a thread of the engine's, where the blocking forms of the group may be used.
    /// - Returns: what `decode` made; nil when there is no such group.
    /// - Throws: as ``restoreGroup(_:level:version:fallback:)``; what `decode` throws.
    public nonisolated func restoreGroup<Value: Sendable>(
        _ name: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, fallback: RestoreFallback = .none,
        decoding decode: @escaping @Sendable (CheckpointGroup) throws -> Value
    ) async throws -> Value? {
        let engine = engine
        let query = try GroupQuery(name, level, version)
        return try await engine.decoding.run { try engine.group(query, fallback, .waiting, decode) }
    }

    /// A complete group of `name` as ``restoreGroup(_:level:version:fallback:)`` gives it, for code that is not
    /// asynchronous; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restoreGroup.")
    public nonisolated func restoreGroupBlocking(
        _ name: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, fallback: RestoreFallback = .none
    ) throws -> CheckpointGroup? {
        try engine.group(GroupQuery(name, level, version), fallback) { try $0.checked(fallback) }
    }

    /// The groups of `name` that can be restored, newest first.
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
    /// The group itself, once all of its members were read where a fallback wants them intact.
    fileprivate func checked(_ fallback: RestoreFallback) throws -> CheckpointGroup {
        if fallback.report != nil { for key in keys { _ = try read(key) } }
        return self
    }
}
