/// How the bytes of a checkpoint are made smaller before they are stored.
///
/// ```swift
/// var configuration = Configuration()
/// configuration.levels[3] = LevelPolicy(durability: .synced, compression: .zlib)  // Slow, and the smallest files.
/// ```
public enum CompressionMethod: UInt8, Sendable, CaseIterable {
    /// Stored as they are.
    case none = 0
    /// LZ4's block format: gigabytes a second, for everything that does not ask for more.
    case lz4 = 1
    /// The zlib format (RFC 1950): smaller, and some twenty times slower to make.
    case zlib = 2
}
