/// What a backup took.
///
/// ```swift
/// let report = try await log.backup(to: "/mnt/backup/simulation")
/// print(report)  // The backup has 734003200 bytes: 3 files copied, 0 linked, 8 kept from the last one.
/// ```
public struct BackupReport: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Bytes of the segments and large values of the backup.
    public var byteCount = 0
    /// Bytes that were copied for it: all others were there, or are shared with the log.
    public var copiedByteCount = 0
    /// Files that were copied.
    public var copiedFileCount = 0
    /// Files that have a second name now.
    public var linkedFileCount = 0
    /// Files that an earlier backup had.
    public var keptFileCount = 0

    package init() {}

    /// A sentence for people.
    public var description: String {
        "The backup has \(byteCount) bytes: \(copiedFileCount) files copied, \(linkedFileCount) linked, "
            + "\(keptFileCount) kept from the last one."
    }
}
