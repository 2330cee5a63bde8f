internal import SystemPackage

extension CheckpointLog {
    /// The name by which a parent knows this log; empty if it has none.
    public nonisolated var name: String { node.name }

    /// The log's rank, that is its height in the tree: 1…255.
    public nonisolated var rank: Int { node.rank }

    /// The names of the children, in order.
    public nonisolated var children: [String] { node.children.map(\.name) }

    /// Registers a log of this process as a child. This log then copies what the child holds at each update, and the
    /// child passes it checkpoints at levels greater than the child's rank.
    ///
    /// The child refers to its parent weakly, and the parent to its child strongly, until ``deregister(_:)``. If the
    /// child was closed, the parent's next update reports that and lets it go. If the parent was closed, the child's
    /// checkpoints at levels greater than its rank throw `.unavailable` until you deregister the child.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidTree` if the child has no name, the name of another child, a rank
    ///   that is not less than this log's, or a parent; or if there would be a cycle.
    public func register(_ child: CheckpointLog) throws {
        try engine.checkOpen()
        try node.adopt(child, below: self)
    }

    /// Registers the log in `directory` as a child. Another process may write or compact it. The first update opens it.
    ///
    /// - Parameters:
    ///   - directory: the path of the child's log. A relative path starts at the working directory of this call. Each
    ///     update reads the directory that it finds there.
    ///   - name: 1 to 255 bytes of UTF-8 without a slash. It becomes the origin of the child's checkpoints.
    /// - Throws: ``CheckpointLogError``: `.invalidTree` if the name is not possible or another child has it, and in a
    ///   log of rank 1, which cannot have children. If the directory is this log's own, or the children form a cycle of
    ///   any length, the update that finds that throws `.invalidTree` and writes nothing.
    public func register(directory: String, name: String) throws {
        try engine.checkOpen()
        guard rank > 1 else {
            throw CheckpointLogError.invalidTree(
                "An actor of rank 1 has no children; open it with `configuration.rank` 2 or more.")
        }
        let path = engine.configuration.fileSystem.absolute(try .ofLog(directory))
        try node.adopt(directory: path.string, name: name)
    }

    /// Lets the child of that name go. Copies of its checkpoints stay.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidTree` if there is no such child.
    public func deregister(_ name: String) async throws {
        guard let child = node.release(name) else {
            throw CheckpointLogError.invalidTree("There is no child named \"\(name)\"; `children` lists them.")
        }
        if case .directory(_, let reader?) = child { try await reader.close() }
    }

    /// Registers a source. The log takes a checkpoint of what the source returns at every update, and at once if
    /// checkpointing is on.
    ///
    /// If a source is slower than the interval, the log skips its turns until it has answered, and counts them in
    /// ``Statistics/skippedTickCount``. If it throws, the log reports that and goes on with the others.
    ///
    /// The checkpoint gets its number when the log asks the source. So a checkpoint of the same key that somebody takes
    /// while the source answers is newer, and stays the newest.
    ///
    /// - Parameters:
    ///   - key: the key of the checkpoints. A second source for the same key and level replaces the first, and the log
    ///     discards an answer of the first that comes later.
    ///   - level: 1…255.
    ///   - state: returns the state to save.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`.
    public func register<Value: Codable & Sendable>(
        source key: CheckpointKey, level: Int = 1, _ state: @escaping @Sendable () async throws -> Value
    ) throws {
        _ = try Level(validating: level)
        _ = try engine.hash(of: key, level: UInt8(clamping: level), origin: .own)
        _ = removeSource(key, level)
        let failures = failures
        let source = CheckpointSource(key: key, level: level) { [weak self] source in
            do {
                // The number is taken before the source is asked: what the program checkpoints meanwhile is newer.
                guard let taken = try self?.takeNumber(for: key, level) else { return nil }
                defer { self?.forget(taken) }
                let value = try await state()
                guard let self, !source.isEnded else { return nil }
                try await self.checkpoint(value, for: key, level: level, as: taken)
                return nil
            } catch {
                failures.report(error, "a source failed", ["key": "\(key)"])
                return error
            }
        }
        sources.append(source)
        // The first tick comes at once, as that of the timers did.
        if timers.update != nil { tick(source) }
    }

    /// Removes a source, if there is one for that key and level.
    ///
    /// The log discards what the source answers from now on. The call returns when the source has answered, so that
    /// nothing of it is saved later. If the source itself makes the call, it returns at once.
    public func deregister(source key: CheckpointKey, level: Int = 1) async {
        await removeSource(key, level)?.finishTurn()
    }

    private func removeSource(_ key: CheckpointKey, _ level: Int) -> CheckpointSource? {
        guard let index = sources.firstIndex(where: { $0.key == key && $0.level == level }) else { return nil }
        let source = sources.remove(at: index)
        source.end()
        return source
    }

    /// Asks a source at a tick. If the source is still answering, the tick is counted as missed.
    func tick(_ source: CheckpointSource) {
        if !source.beginTurn() { failures.countSkippedTick() }
    }

    /// Whether there is a source or a child to update from.
    package var hasUpdates: Bool { !sources.isEmpty || !node.children.isEmpty }

    /// Takes a checkpoint of every source, and copies from every child what is newer there.
    ///
    /// What comes from one child is one atomic commit, at the level that equals this log's rank, with the child's name
    /// as its origin. On return it is as durable as that level's policy says. Nothing is copied twice, and removals are
    /// not copied. After a crash in the middle, the last commit of each child is complete. A log of rank 1 has only
    /// sources. If a source is already answering, the log asks it again afterwards: what is saved on return is the
    /// state at this call or later.
    ///
    /// A batch holds up to half of `valueByteLimit`. If there is more, it comes in several batches, each complete.
    ///
    /// If a child's directory was restored from a backup, the update copies everything that the child holds now, and
    /// calls ``Configuration/onBackgroundFailure`` with `.wentBack`. Keys that the child no longer has stay here.
    ///
    /// - Throws: the first failure, after all others have had their turn: `.unavailable` with the name of a child that
    ///   is closed or cannot be read, what a source threw, or what saving here threw.
    public func update() async throws {
        try engine.checkOpen()
        var first: (any Error)?
        await withTaskGroup(of: (any Error)?.self) { group in
            for source in sources { group.addTask { await source.takeTurn() } }
            for await error in group { first = first ?? error }
        }
        for (name, child) in node.children {
            let failure = await update(from: child, named: name)
            first = first ?? failure
        }
        if let first { throw first }
    }

    /// Takes over from one child, after what is under way with it; gives the failure, which was reported.
    @discardableResult
    func update(from child: TreeNode<CheckpointLog>.Child, named name: String) async -> (any Error)? {
        let earlier = childUpdates[name]
        let task = Task { () -> (any Error)? in
            _ = await earlier?.value
            return await self.takeOverReporting(child, name)
        }
        childUpdates[name] = task
        let failure = await task.value
        if childUpdates[name] == task { childUpdates[name] = nil }
        return failure
    }

    private func takeOverReporting(_ child: TreeNode<CheckpointLog>.Child, _ name: String) async -> (any Error)? {
        do {
            try await takeOver(from: child, named: name)
            return nil
        } catch {
            failures.report(error, "a child could not be taken over", ["child": "\(name)"])
            // The end of this child was reported once, and it does not come back.
            if case .log(let log) = child, (try? log.engine.checkOpen()) == nil { _ = node.release(name) }
            return error
        }
    }

    private func takeOver(from child: TreeNode<CheckpointLog>.Child, named name: String) async throws {
        let level = try Level(validating: rank)
        let engine = engine
        let keepsInMemory = keepsInMemory(try engine.attributes(rank))
        let mark =
            try keepsInMemory ? node.mark(of: name) : node.mark(of: name, orFuller: engine.mark(of: name, level: level))
        let takeover: LogEngine.Takeover
        do {
            let source = try await log(of: child, named: name)
            takeover = try await engine.blocking.run {
                try source.engine.takeover(after: mark, by: engine.identity.identifier)
            }
        } catch let error as CheckpointLogError where error.code == .invalidTree {
            throw error
        } catch {
            // The next update opens the directory again.
            node.setReader(nil, of: name)
            throw CheckpointLogError.unavailable(name, cause: error)
        }
        if takeover.wentBack {
            failures.report(
                CheckpointLogError.wentBack(child: name), "a child went back", ["child": "\(name)"])
        }
        guard !takeover.records.isEmpty || takeover.wentBack else { return }
        if keepsInMemory {
            try engine.saveMark(takeover, of: name, level)
        } else {
            let batch = try await engine.blocking.run { try engine.commit(takeover, of: name, level: level) }
            if let batch, engine.policy(for: level.rawValue).durability == .synced {
                try await engine.synced(batch.end)
            }
        }
        node.setMark(takeover.mark, of: name)
    }

    private func log(of child: TreeNode<CheckpointLog>.Child, named name: String) async throws -> CheckpointLog {
        switch child {
        case .log(let log): return log
        case .directory(let path, let reader?):
            // A path means the log that is there now, for example one that was put back from a backup.
            let identity = reader.engine.identity
            let isThere = try await engine.blocking.run {
                let found = try? identity.fileSystem.openDirectory(.ofLog(path))
                return found?.placeIdentifier == identity.directory.placeIdentifier
            }
            if isThere { return reader }
            node.setReader(nil, of: name)
            return try await log(of: .directory(path, reader: nil), named: name)
        case .directory(let path, nil):
            var configuration = Configuration()
            configuration.fileSystem = engine.configuration.fileSystem
            let reader = try await CheckpointLog.openForReading(at: path, configuration: configuration)
            node.setReader(reader, of: name)
            return reader
        }
    }

    /// Copies the newest checkpoint of each key of another log, under its own key, level and origin.
    ///
    /// The copies get numbers and dates of this log, and become the newest here, even if this log has checkpoints of
    /// the same keys. Earlier versions, groups, pins and tags are not copied: ``backup(to:progress:)`` copies
    /// everything. After a crash in the middle, some batches are there, each complete; a second call copies everything
    /// again.
    ///
    /// - Parameter directory: the path of the other log, which the call opens for reading and does not change.
    /// - Returns: how many checkpoints the call copied.
    /// - Throws: ``CheckpointLogError``: as ``openForReading(at:configuration:salvage:)`` and
    ///   ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func load(from directory: String) async throws -> Int {
        var configuration = Configuration()
        configuration.fileSystem = engine.configuration.fileSystem
        let other = try await CheckpointLog.openForReading(at: directory, configuration: configuration)
        let engine = engine
        let end = try await engine.blocking.run { try engine.loadAll(of: other.engine) }
        try await other.close()
        if let position = end.position { try await engine.synced(position) }
        return end.count
    }
}
