/// What the log promises for the checkpoints of one level, and what it costs.
///
/// ```swift
/// var configuration = Configuration()
/// configuration.levels[1] = LevelPolicy(durability: .written)
/// configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(5), compression: .zlib)
/// ```
public struct LevelPolicy: Sendable, Hashable {
    /// How much a checkpoint has survived once it is acknowledged.
    public enum Durability: Int, Sendable, Comparable {
        /// Survives the end of the process, also by `kill -9`. About a microsecond.
        case written = 1
        /// Survives power loss. One disk flush, shared by all who wait for it.
        case synced = 2

        /// Orders by what is survived.
        public static func < (left: Durability, right: Durability) -> Bool { left.rawValue < right.rawValue }
    }

    /// Which versions of a key are kept. The newest always is.
    public struct Retention: Sendable, Hashable {
        /// Versions kept of each key, 1…1,024.
        public var count: Int

        /// Keeps the newest `count` versions of each key.
        public static func newest(_ count: Int) -> Retention { Retention(count: count) }
    }

    /// What holds when `checkpoint` returns. Default: `.written` for level 1, `.synced` above.
    public var durability: Durability
    /// Which versions are kept. Default: the newest at level 1, the newest two above. More cost disk, not time.
    public var retention: Retention
    /// How payloads are compressed when that makes them smaller. Default: `.lz4`.
    public var compression: CompressionMethod

    /// Makes a policy.
    public init(
        durability: Durability, retention: Retention = .newest(1), compression: CompressionMethod = .lz4
    ) {
        self.durability = durability
        self.retention = retention
        self.compression = compression
    }

    /// The policy of a level that the configuration does not name.
    package static func standard(for level: UInt8) -> LevelPolicy {
        level <= 1
            ? LevelPolicy(durability: .written) : LevelPolicy(durability: .synced, retention: .newest(2))
    }
}
