/// What a backup copied.
///
/// ```swift
/// let report = try await log.backup(to: "/mnt/backup/simulation")
/// print(report)  // The backup has 734003200 bytes: 3 files copied, 0 linked, 8 kept from the last one.
/// ```
public struct BackupReport: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Bytes of the segments and large values of the backup.
    public var byteCount = 0
    /// Bytes that the call copied. All others were there already, or are shared with the log.
    public var copiedByteCount = 0
    /// Files that the call copied.
    public var copiedFileCount = 0
    /// Files that the call linked: they now have a second name.
    public var linkedFileCount = 0
    /// Files that were there from an earlier backup.
    public var keptFileCount = 0

    package init() {}

    /// A sentence for people.
    public var description: String {
        "The backup has \(byteCount) bytes: \(copiedFileCount) files copied, \(linkedFileCount) linked, "
            + "\(keptFileCount) kept from the last one."
    }
}
