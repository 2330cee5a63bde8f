internal import SystemPackage

extension CheckpointLog {
    /// The actor's name, under which its parent knows it; empty for none.
    public nonisolated var name: String { node.name }

    /// The actor's height in the tree, 1…255.
    public nonisolated var rank: Int { node.rank }

    /// The names of the children, in order.
    public nonisolated var children: [String] { node.children.map(\.name) }

    /// Takes an actor of this process in as a child: this one updates from it, and is passed what is over the child's
    /// rank.
    ///
    /// The child holds its parent weakly, the parent its child strongly, until ``deregister(_:)``. A child that was
    /// closed is reported by the parent's next update and let go then; under a parent that was closed, what is over the
    /// child's rank throws `.unavailable` until the child is deregistered there.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidTree` for a child without a name, a name that another child has, a
    ///   rank that is not below this actor's, a child with a parent, or a cycle.
    public func register(_ child: CheckpointLog) throws {
        try engine.checkOpen()
        try node.adopt(child, below: self)
    }

    /// Takes the log in `directory` in as a child; another process may be writing it, compacting it, or dead. Nothing
    /// is opened before the first update.
    ///
    /// - Parameters:
    ///   - directory: the path of the child's log; a relative one is taken from where the process works at this call.
    ///     Whatever directory is there at an update is the child's.
    ///   - name: 1 to 255 bytes of UTF-8 without a slash: the origin of what comes from there.
    /// - Throws: ``CheckpointLogError``: `.invalidTree` for a name that does not serve or that another child has, and
    ///   at an actor of rank 1, which has no children. A directory that is this log's own is refused by the first
    ///   update with `.invalidTree`, and so is a circle of any length (this log takes over from one that takes over
    ///   from this one), by the update that would take this log's own checkpoints in again; nothing of it is written.
    public func register(directory: String, name: String) throws {
        try engine.checkOpen()
        guard rank > 1 else {
            throw CheckpointLogError.invalidTree(
                "An actor of rank 1 has no children; open it with `configuration.rank` 2 or more.")
        }
        let path = engine.configuration.fileSystem.absolute(try .ofLog(directory))
        try node.adopt(directory: path.string, name: name)
    }

    /// Lets the child of that name go. What was taken over from it stays.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidTree` when there is no such child.
    public func deregister(_ name: String) async throws {
        guard let child = node.release(name) else {
            throw CheckpointLogError.invalidTree("There is no child named \"\(name)\"; `children` lists them.")
        }
        if case .directory(_, let reader?) = child { try await reader.close() }
    }

    /// Registers a source: at every update, and at once when checkpointing starts or is on, a checkpoint is taken of
    /// what it gives.
    ///
    /// A source that is slower than the interval is not asked again before it has answered: such ticks are skipped and
    /// counted in ``Statistics/skippedTickCount``. What it throws is reported and keeps nothing else back.
    ///
    /// Its checkpoint has the number of the moment at which it was asked: a checkpoint of its key that is taken while
    /// it answers is newer, and stays the newest.
    ///
    /// - Parameters:
    ///   - key: the key of its checkpoints; a source registered under the same key and level takes the place of the
    ///     earlier one, whose answer is thrown away if it comes later.
    ///   - level: 1…255.
    ///   - state: gives the state to keep.
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
                // Before it is asked: what the program takes meanwhile is newer.
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
        // Its first tick is at once, as that of the timers was.
        if timers.update != nil { tick(source) }
    }

    /// Ends a source; nothing happens when there is none of that key and level.
    ///
    /// What it answers from now on is thrown away. Returns once it has answered, so that nothing of it is stored later;
    /// at once where the source itself calls this.
    public func deregister(source key: CheckpointKey, level: Int = 1) async {
        await removeSource(key, level)?.finishTurn()
    }

    private func removeSource(_ key: CheckpointKey, _ level: Int) -> CheckpointSource? {
        guard let index = sources.firstIndex(where: { $0.key == key && $0.level == level }) else { return nil }
        let source = sources.remove(at: index)
        source.end()
        return source
    }

    /// Asks a source by the clock; a tick that meets it answering is counted.
    func tick(_ source: CheckpointSource) {
        if !source.beginTurn() { failures.countSkippedTick() }
    }

    /// Whether there is a source or a child to update from.
    package var hasUpdates: Bool { !sources.isEmpty || !node.children.isEmpty }

    /// Takes a checkpoint of every source, and takes over from every child what is newer there.
    ///
    /// What comes from one child is one atomic commit, at the level of this actor's rank, durable on return as that
    /// level's policy says, and under the child's name as origin. Nothing is taken twice; removals are not taken over.
    /// A crash in the middle leaves the last commit of each child whole. An actor of rank 1 has no children and takes
    /// from its sources alone. A source that is answering already is asked again afterwards: what is stored on return
    /// is the state at this call or later.
    ///
    /// One batch holds up to half of `valueByteLimit`; what is more comes in several, each whole.
    ///
    /// A child whose directory was put back from a backup is taken over as it is now, all of it, and
    /// ``Configuration/onBackgroundFailure`` is told of `.wentBack`; keys that it has no more stay here.
    ///
    /// - Throws: the first failure, once all others have had their turn: `.unavailable` with the name of a child that
    ///   is closed or cannot be read, what a source threw, or what storing here threw.
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
            // It was reported once, and is gone for good.
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
            // The next update opens the directory anew.
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
            // A path stands for what is there now, such as a directory put back from a backup.
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

    /// Takes over the newest checkpoints of another log, each under its own key, level and origin.
    ///
    /// Of each only the newest version, under a number and a date of this log, and no groups, pins or tags: for a copy
    /// of all of that there is ``backup(to:progress:)``. They become the newest here, also where this log has its own
    /// of the same key. A crash in the middle leaves the first of several batches, each whole; loading again takes all
    /// anew.
    ///
    /// - Parameter directory: the path of the other log, which is opened for reading and left as it is.
    /// - Returns: how many checkpoints were taken over.
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
