internal import SystemPackage

/// How far a backup is.
public struct BackupProgress: Sendable, Hashable {
    /// Bytes of the backup that are in their place; those of an earlier backup count at once.
    public var byteCount: Int
    /// Bytes that the backup will have.
    public var totalByteCount: Int
}

extension CheckpointLog {
    /// Makes `directory` a copy of this log as it is at one moment within the call, with every version, number, date,
    /// group, origin, policy, metadata, pin and tag.
    ///
    /// ```swift
    /// try await log.backup(to: "/mnt/backup/simulation") { print("\($0.byteCount) of \($0.totalByteCount) bytes") }
    /// ```
    ///
    /// The log is written, compacted and read meanwhile; only what the copy is made of is left where it is until the
    /// end. What the memory level holds is written out first. A log that is open for reading can be backed up too,
    /// while another process writes it: all that was written by a moment within the call is then in the copy, durable
    /// there, and nothing that the writer has only in memory. A directory with an earlier backup of this log gets what
    /// is new. Killed at any point, by a power cut too, the directory holds the backup from before or the new one, and
    /// the next call goes on. The copy is a log like any other: ``LogVerifier`` proves it sound, and an opening of it
    /// continues it.
    ///
    /// On the log's own disk files are not copied but get a second name, where the file system has such. That is
    /// quick, takes no room, and is no help when that disk fails.
    ///
    /// - Parameters:
    ///   - directory: the path; made where it is not there. Its parent must exist.
    ///   - progress: is told on a thread of the engine's how far it is, after each file and each MiB.
    /// - Returns: what was copied, linked and kept.
    /// - Throws: ``CheckpointLogError``: `.invalidArgument` for a directory that holds anything else, another log, or a
    ///   copy that has gone on by itself; `.locked` where that is open for writing; `.unsupported` for a log without a
    ///   directory, a snapshot, and a log that is open for salvage; `.damaged` for a file of the log that is missing,
    ///   `.diskFull`, `.ioFailure`; as ``save()``. Nothing of the log or of the earlier backup has changed then.
    /// - Complexity: O(n) in the bytes that are new since the earlier backup.
    @discardableResult
    public nonisolated func backup(
        to directory: String, progress: (@Sendable (BackupProgress) -> Void)? = nil
    ) async throws -> BackupReport {
        let engine = engine
        try engine.checkOpen()
        guard !engine.isInMemory else {
            throw CheckpointLogError.unsupported(
                "This log has no directory, and so no files to copy; register it with a log that has one.")
        }
        if !engine.isReadOnly { try await save() }
        let path = try FilePath.ofLog(directory)
        return try await engine.blocking.run {
            try engine.backUp(to: path) { progress?(BackupProgress(byteCount: $0, totalByteCount: $1)) }
        }
    }
}
