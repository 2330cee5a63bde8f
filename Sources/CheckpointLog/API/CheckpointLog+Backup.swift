internal import SystemPackage

/// The progress of a backup.
public struct BackupProgress: Sendable, Hashable {
    /// How many bytes are in their place; bytes of an earlier backup count at once.
    public var byteCount: Int
    /// How many bytes the backup will have.
    public var totalByteCount: Int
}

extension CheckpointLog {
    /// Makes `directory` a copy of this log at one moment within the call, with every version, number, date, group,
    /// origin, policy, metadata, pin and tag.
    ///
    /// ```swift
    /// try await log.backup(to: "/mnt/backup/simulation") { print("\($0.byteCount) of \($0.totalByteCount) bytes") }
    /// ```
    ///
    /// You can write, compact and read the log meanwhile; until the call ends, the log only keeps the files that the
    /// copy is made of. The call first writes the memory level to the disk. You can also back up a log that is open for
    /// reading while another process writes it: the copy then has everything that was written by one moment within the
    /// call, but not what the writer holds only in memory. If `directory` has an earlier backup of this log, the call
    /// copies only what is new. If the process is killed or the power fails, the directory holds the earlier backup or
    /// the new one, and the next call goes on. The copy is a log like any other: ``LogVerifier`` can check it, and you
    /// can open it and go on with it.
    ///
    /// If `directory` is on the log's own disk, and the file system has hard links, the call links files instead of
    /// copying them. That is quick and takes no space, but does not help if that disk fails.
    ///
    /// - Parameters:
    ///   - directory: the path of the backup. The call creates it if it does not exist; its parent must exist.
    ///   - progress: called after each file and each MiB, on a thread of the log.
    /// - Returns: what the call copied, linked and kept.
    /// - Throws: ``CheckpointLogError``: `.invalidArgument` if the directory holds something else, another log, or a
    ///   copy that somebody has written to; `.locked` if the copy is open for writing; `.unsupported` for a log without
    ///   a directory, a snapshot, or a log that is open for salvage; `.damaged` if a file of the log is missing;
    ///   `.diskFull`, `.ioFailure`; as ``save()``. The log and the earlier backup are then unchanged.
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
