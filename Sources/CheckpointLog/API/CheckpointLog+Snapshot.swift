extension CheckpointLog {
    /// Gives the log as it is at one moment within the call: what several restores find there belongs together.
    ///
    /// ```swift
    /// let snapshot = try await log.snapshot()
    /// let model = try await snapshot.restore(Model.self, for: "model")
    /// let optimizer = try await snapshot.restore(Optimizer.self, for: "optimizer")
    /// ```
    ///
    /// The snapshot is a log that is open for reading and that nothing changes: not what is stored, removed, compacted
    /// or over its age later. It sees all that was stored before the call, also what the memory level holds, and each
    /// batch and group whole or not at all. Of a tree it asks this actor alone; the sources and children are not its
    /// own. Its own snapshot is itself.
    ///
    /// It is let go by ``close()``, or when nobody refers to it any more, and at the latest when this log is closed;
    /// its calls throw `.closed` then. A log to which only a snapshot refers stays open for it. Until then it keeps the
    /// files on the disk that it reads, however much of them is superseded: ``Statistics/openSnapshotCount``,
    /// ``Statistics/oldestSnapshotAge`` and ``Statistics/heldByteCount`` show one that is forgotten. Of a log that is
    /// open for reading it holds each of its files open instead: one descriptor for each segment and each large value.
    ///
    /// - Throws: ``CheckpointLogError``: `.closed`, `.writerFailed` in a child of the process that opened the log; of a
    ///   log that is open for reading, as a restore, `.unavailable` where it changes faster than it is read, and
    ///   `.ioFailure` where the process may not have so many files open.
    /// - Complexity: O(1) in the keys, and O(n) in the large values. The first checkpoint to each of the 64 parts of
    ///   the index copies that part. Of a log that is open for reading O(n) in its files.
    public nonisolated func snapshot() async throws -> CheckpointLog {
        if engine.isSnapshot { return try ownSnapshot() }
        let engine = engine
        guard engine.follower != nil else { return try takeSnapshot() }
        return try await engine.blocking.run { try self.takeSnapshot() }
    }

    /// Gives the log as it is at one moment, as ``snapshot()`` does, on the thread that calls.
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
