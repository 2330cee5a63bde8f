extension CheckpointLog {
    /// The versions of `key` that the log keeps, newest first, at `level` or at every level.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - origin: such as `C4/C1`. Nil means this log's own versions or, if it has none, those of every origin.
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidKey`, `.invalidLevel`, `.ioFailure`.
    public nonisolated func history(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> [CheckpointVersion] {
        let engine = engine
        let query = try RecordQuery(key, level, .newest, origin)
        return try await engine.blocking.run { try engine.history(query) }
    }

    /// The versions of `key` as ``history(for:level:origin:)`` lists them, for synchronous code; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous history.")
    public nonisolated func historyBlocking(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) throws -> [CheckpointVersion] {
        try engine.history(try RecordQuery(key, level, .newest, origin))
    }

    /// The newest version of `key` for which `condition` is true; nil if there is none.
    ///
    /// ```swift
    /// let stable = try await log.newest(for: "model", level: 2) { $0.metadata["stable"] == "yes" }
    /// ```
    ///
    /// - Throws: as ``history(for:level:origin:)``, and what `condition` throws.
    /// - Complexity: O(n) in the versions kept; of each the frame's header is read, and no value.
    public nonisolated func newest(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil,
        where condition: (CheckpointVersion) throws -> Bool
    ) async throws -> CheckpointVersion? {
        try await history(for: key, level: level, origin: origin).first(where: condition)
    }

    /// The version of `key` whose metadata have the best number under the name `metric`; nil if no version has one.
    ///
    /// ```swift
    /// if let best = try await log.best(of: "loss", .lowest, for: "model", level: 2) {
    ///     let model = try await log.restore(
    ///         Model.self, for: "model", level: 2, version: .sequence(best.sequenceNumber))
    /// }
    /// ```
    ///
    /// Of several equally good versions it returns the newest. It skips versions without that number, and NaN.
    ///
    /// - Throws: as ``history(for:level:origin:)``.
    /// - Complexity: O(n) in the versions kept; of each the frame's header is read, and no value.
    public nonisolated func best(
        of metric: String, _ order: MetricOrder, for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws -> CheckpointVersion? {
        var best: (version: CheckpointVersion, number: Double)?
        for version in try await history(for: key, level: level, origin: origin) {
            guard let number = version.metadata[metric]?.doubleValue, !number.isNaN else { continue }
            if let known = best?.number, order == .lowest ? number >= known : number <= known { continue }
            best = (version, number)
        }
        return best?.version
    }

    /// The newest checkpoint of each key, ordered by level, key and origin, at `level` or at every level.
    ///
    /// - Parameters:
    ///   - level: 1…255, or nil.
    ///   - prefix: what the keys begin with, byte for byte; empty for all.
    /// - Throws: ``CheckpointLogError``: `.damaged`, `.closed`, `.invalidLevel`, `.ioFailure`.
    /// - Complexity: O(n log n) in all keys. Keys are not kept in memory, so the call reads the header of each frame.
    public nonisolated func checkpoints(
        level: Int? = nil, prefix: CheckpointKey = ""
    ) async throws -> [CheckpointVersion] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        return try await engine.blocking.run { try engine.checkpoints(level: level, prefix: prefix) }
    }

    /// The keys that have a checkpoint at `level`, or at any level, in the order of their bytes, each once.
    ///
    /// ```swift
    /// for key in try await log.keys(prefix: "worker/") { print(key) }
    /// ```
    ///
    /// - Parameters:
    ///   - level: 1…255, or nil.
    ///   - prefix: what the keys begin with, byte for byte; empty for all.
    /// - Throws: as ``checkpoints(level:prefix:)``.
    /// - Complexity: as ``checkpoints(level:prefix:)``.
    public nonisolated func keys(level: Int? = nil, prefix: CheckpointKey = "") async throws -> [CheckpointKey] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        return try await engine.blocking.run { try engine.keys(level: level, prefix: prefix) }
    }

    /// Restores the newest checkpoint of every key, at `level` or at any level, as values of one type.
    ///
    /// - Parameters:
    ///   - type: the type of all values. If a checkpoint is of another type, the call throws.
    ///   - level: 1…255, or nil.
    ///   - prefix: what the keys begin with, byte for byte; empty for all.
    /// - Returns: the values by key. If a key has several origins, the log's own value, or else the newest.
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)-5xn3o``.
    /// - Complexity: O(n) in the bytes of these checkpoints. The call reads them in the order of the files.
    public nonisolated func restoreAll<Value: Codable & Sendable>(
        as type: Value.Type, level: Int? = nil, prefix: CheckpointKey = ""
    ) async throws -> [CheckpointKey: Value] {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        return try await engine.decoding.run {
            let form = OneValue<Value>()
            return unsafe try engine.newestContents(
                level: level, prefix: prefix, remembered: { form.remembered($0) },
                receive: { try form.received($0, $1) }
            ) {
                unsafe try form.decoded($2, $1, $0)
            }
        }
    }
}
