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
        /// Survives the failure of a task, not the end of the process: the value itself is kept, whatever its size, and
        /// encoded when it is saved. Well under a microsecond.
        case memory = 0
        /// Survives the end of the process, also by `kill -9`. About a microsecond.
        case written = 1
        /// Survives power loss. One disk flush, shared by all who wait for it.
        case synced = 2

        /// Orders by what is survived.
        public static func < (left: Durability, right: Durability) -> Bool { left.rawValue < right.rawValue }
    }

    /// Which versions of a key are kept. The newest always is.
    ///
    /// ```swift
    /// LevelPolicy(durability: .synced, retention: .newest(48).younger(than: .seconds(86_400)))
    /// ```
    public struct Retention: Sendable, Hashable {
        /// Versions kept of each key, 1…1,024.
        public var count: Int
        /// The age over which a version is given up even if it is among the newest ``count``; nil for none. The newest
        /// version has no age.
        public var age: Duration?

        /// Keeps the newest `count` versions of each key.
        public static func newest(_ count: Int) -> Retention { Retention(count: count) }

        /// The same retention, without versions older than `age`. They are hidden at once; their bytes go when their
        /// segment is compacted.
        public func younger(than age: Duration) -> Retention { Retention(count: count, age: age) }
    }

    /// What holds when `checkpoint` returns. Default: `.written` for level 1, `.synced` above.
    public var durability: Durability
    /// Which versions are kept: 1 to 1,024, or the opening throws `.invalidConfiguration`. Default: the newest two of a
    /// synced level, else the newest. More cost disk, not time. A level of the memory keeps one version until it is
    /// saved.
    public var retention: Retention
    /// How payloads are compressed when that makes them smaller. Default: `.lz4`.
    public var compression: CompressionMethod

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - durability: what holds when `checkpoint` returns.
    ///   - retention: which versions are kept; nil for the newest two of a synced level, and the newest one of any
    ///     other.
    ///   - compression: how payloads are compressed when that makes them smaller.
    public init(
        durability: Durability, retention: Retention? = nil, compression: CompressionMethod = .lz4
    ) {
        self.durability = durability
        self.retention = retention ?? .newest(durability == .synced ? 2 : 1)
        self.compression = compression
    }

    /// The policy of a level that the configuration does not name: `.written` for level 1, `.synced` above.
    public static func standard(for level: Int) -> LevelPolicy {
        LevelPolicy(durability: level <= 1 ? .written : .synced)
    }
}
