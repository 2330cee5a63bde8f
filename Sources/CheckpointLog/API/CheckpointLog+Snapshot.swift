extension CheckpointLog {
    /// Makes a snapshot: a log that shows one moment within the call, so that several restores from it belong together.
    ///
    /// ```swift
    /// let snapshot = try await log.snapshot()
    /// let model = try await snapshot.restore(Model.self, for: "model")
    /// let optimizer = try await snapshot.restore(Optimizer.self, for: "optimizer")
    /// ```
    ///
    /// A snapshot is open for reading. Later checkpoints, removals, compactions and ages do not change it. It contains
    /// everything that was saved before the call, the memory level included, and each group is complete or absent. It
    /// asks only this log, not its parents, sources or children. The snapshot of a snapshot is the snapshot itself.
    ///
    /// Close the snapshot when you are done; it also ends when nobody refers to it, or when this log closes. Its calls
    /// then throw `.closed`. While a snapshot is open, the log stays open, and keeps the files that the snapshot reads,
    /// even if all in them is superseded. ``Statistics/openSnapshotCount``, ``Statistics/oldestSnapshotAge`` and
    /// ``Statistics/heldByteCount`` reveal a forgotten one. The snapshot of a log that is open for reading keeps one
    /// descriptor open for each segment and each large value.
    ///
    /// - Throws: ``CheckpointLogError``: `.closed`; `.writerFailed` in a forked child of the process that opened the
    ///   log. For a log that is open for reading also what a restore throws, `.unavailable` if the log changes faster
    ///   than the call can read it, and `.ioFailure` if the process has too many files open.
    /// - Complexity: O(1) in the keys, and O(n) in the large values. The index has 64 parts; the first checkpoint to
    ///   each part afterwards copies it. For a log that is open for reading O(n) in its files.
    public nonisolated func snapshot() async throws -> CheckpointLog {
        if engine.isSnapshot { return try ownSnapshot() }
        let engine = engine
        guard engine.follower != nil else { return try takeSnapshot() }
        return try await engine.blocking.run { try self.takeSnapshot() }
    }

    /// Makes a snapshot as ``snapshot()`` does, for synchronous code; works on the calling thread.
    @available(*, noasync, message: "Use the asynchronous snapshot.")
    public nonisolated func snapshotBlocking() throws -> CheckpointLog {
        engine.isSnapshot ? try ownSnapshot() : try takeSnapshot()
    }

    private nonisolated func takeSnapshot() throws -> CheckpointLog {
        CheckpointLog(try engine.snapshot(), snapshotOf: self)
    }

    private nonisolated func ownSnapshot() throws -> CheckpointLog {
        try engine.checkOpen()
        return self
    }
}
