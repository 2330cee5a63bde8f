internal import SystemPackage

extension CheckpointLog {
    /// The actor's name, under which its parent knows it; empty for none.
    public nonisolated var name: String { node.name }

    /// The actor's height in the tree, 1…255.
    public nonisolated var rank: Int { node.rank }

    /// The names of the children, in order.
    public nonisolated var children: [String] { node.children.map(\.name) }

    /// Takes an actor of this process in as a child: this one updates from it, and is passed what is over the child's rank.
    ///
    /// The child holds its parent weakly, the parent its child strongly, until ``deregister(_:)`` or either's ``close()``.
    ///
    /// - Throws: ``CheckpointLogError``: `.invalidTree` for a child without a name, a name that another child has, a rank that is not
    ///   below this actor's, a child with a parent, or a cycle.
    public func register(_ child: CheckpointLog) throws {
        try engine.checkOpen()
        try node.adopt(child, below: self)
    }

    /// Takes the log in `directory` in as a child; another process may be writing it, compacting it, or dead. Nothing is opened
    /// before the first update.
    ///
    /// - Parameters:
    ///   - directory: the path of the child's log.
    ///   - name: 1 to 255 bytes of UTF-8 without a slash: the origin of what comes from there.
    /// - Throws: ``CheckpointLogError``: `.invalidTree` for a name that does not serve or that another child has.
    public func register(directory: String, name: String) throws {
        try engine.checkOpen()
        try node.adopt(directory: directory, name: name)
    }

    /// Lets the child of that name go. What was taken over from it stays.
    ///
    /// - Throws: ``CheckpointLogError``: `.unavailable` when there is no such child.
    public func deregister(_ name: String) async throws {
        guard let child = node.release(name) else { throw CheckpointLogError.unavailable(name, cause: nil) }
        if case .directory(_, let reader?) = child { try await reader.close() }
    }

    /// Registers a source: at every update, and at once when checkpointing starts, a checkpoint is taken of what it gives.
    ///
    /// A source that is slower than the interval is not asked again before it has answered: such ticks are skipped and counted in
    /// ``Statistics/skippedTickCount``. What it throws is reported and keeps nothing else back.
    ///
    /// - Parameters:
    ///   - key: the key of its checkpoints; a source registered under the same key and level takes the place of the earlier one.
    ///   - level: 1…255.
    ///   - state: gives the state to keep.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`.
    public func register<Value: Codable & Sendable>(
        source key: CheckpointKey, level: Int = 1, _ state: @escaping @Sendable () async throws -> Value
    ) throws {
        _ = try Level(validating: level)
        _ = try engine.hash(of: key, level: UInt8(clamping: level), origin: .own)
        deregister(source: key, level: level)
        sources.append(
            CheckpointSource(key: key, level: level) { [weak self] in
                let value = try await state()
                guard let self else { return }
                _ = try await self.checkpoint(value, for: key, level: level)
            })
    }

    /// Ends a source; nothing happens when there is none of that key and level.
    public func deregister(source key: CheckpointKey, level: Int = 1) {
        sources.removeAll { $0.key == key && $0.level == level }
    }

    /// Takes a checkpoint of every source, and takes over from every child what is newer there.
    ///
    /// What comes from one child is one atomic commit, at the level of this actor's rank, durable on return as that level's
    /// policy says, and under the child's name as origin. Nothing is taken twice; removals are not taken over. A crash in the middle
    /// leaves the last commit of each child whole. An actor of rank 1 has no children and takes from its sources alone.
    ///
    /// - Throws: the first failure, once all others have had their turn: `.unavailable` with the name of a child that is closed or
    ///   cannot be read, what a source threw, or what storing threw.
    public func update() async throws {
        try engine.checkOpen()
        var first: (any Error)?
        await withTaskGroup(of: (any Error)?.self) { group in
            for source in sources {
                group.addTask { [failures] in
                    do {
                        if try await source.run() == false { failures.countSkippedTick() }
                        return nil
                    } catch {
                        failures.report(error, "a source failed", ["key": "\(source.key)"])
                        return error
                    }
                }
            }
            for await error in group { first = first ?? error }
        }
        for (name, child) in node.children {
            do {
                try await takeOver(from: child, named: name)
            } catch {
                let failure = CheckpointLogError.unavailable(name, cause: error)
                failures.report(failure, "a child could not be taken over", ["child": "\(name)"])
                first = first ?? failure
            }
        }
        if let first { throw first }
    }

    private func takeOver(from child: TreeNode.Child, named name: String) async throws {
        let level = try Level(validating: rank)
        let engine = engine
        let keepsInMemory = keepsInMemory(try engine.content(rank))
        let source = try await log(of: child, named: name)
        let mark = node.mark(of: name)
        let takeover: LogEngine.Takeover
        do {
            takeover = try await engine.blocking.run {
                let known = try mark ?? (keepsInMemory ? nil : engine.mark(of: name, level: level))
                return try source.engine.takeover(after: known)
            }
        } catch {
            // The next update opens the directory anew.
            node.setReader(nil, of: name)
            throw error
        }
        guard !takeover.records.isEmpty else { return }
        if keepsInMemory {
            for record in takeover.records {
                _ = try engine.remember(
                    .encoded(record.bytes), record.flags, key: record.key, level, origin: record.origin.under(name))
            }
            node.setMark(takeover.mark, of: name)
            return
        }
        let batch = try await engine.blocking.run { try engine.commit(takeover, of: name, level: level) }
        if let batch, engine.policy(for: level.rawValue).durability == .synced {
            try await engine.synced(batch.end)
        }
    }

    private func log(of child: TreeNode.Child, named name: String) async throws -> CheckpointLog {
        switch child {
        case .log(let log): return log
        case .directory(_, let reader?): return reader
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
    /// - Parameter directory: the path of the other log, which is opened for reading and left as it is.
    /// - Returns: how many checkpoints were taken over.
    /// - Throws: ``CheckpointLogError``: as ``openForReading(at:configuration:salvage:)`` and ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func load(from directory: String) async throws -> Int {
        var configuration = Configuration()
        configuration.fileSystem = engine.configuration.fileSystem
        let other = try await CheckpointLog.openForReading(at: directory, configuration: configuration)
        let engine = engine
        let end = try await engine.blocking.run { try engine.takeAll(of: other.engine) }
        try await other.close()
        if let position = end.position { try await engine.synced(position) }
        return end.count
    }
}
