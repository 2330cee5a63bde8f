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
        /// Survives the failure of a task, not the end of the process. The log keeps the value itself, of any size, and
        /// encodes it when it saves. Costs less than a microsecond.
        case memory = 0
        /// Survives the end of the process, also by `kill -9`. Costs about a microsecond.
        case written = 1
        /// Survives power loss. Costs one disk flush, shared by all who wait for it.
        case synced = 2

        /// Whether `left` survives less than `right`.
        public static func < (left: Durability, right: Durability) -> Bool { left.rawValue < right.rawValue }
    }

    /// Which versions of a key the log keeps: the newest ``count``, and every ``interval``th, but none that is older
    /// than ``age``. It keeps the newest version whatever its age.
    ///
    /// ```swift
    /// // The newest three, and every hundredth, for a week.
    /// LevelPolicy(durability: .synced, retention: .newest(3).andEvery(100).younger(than: .seconds(7 * 86_400)))
    /// ```
    public struct Retention: Sendable, Hashable {
        /// How many versions of each key, and groups of each name, the log keeps: 1…1,024.
        public var count: Int
        /// The log also keeps one of every so many versions of a key, in the order in which they were taken:
        /// 2…1,000,000; nil for none. Counting begins when the level first has an interval. Groups are not counted.
        public var interval: Int?
        /// The log drops versions that are older than this, except the newest one: a microsecond or more; nil for no
        /// limit.
        public var age: Duration?

        /// Keeps the newest `count` versions of each key.
        public static func newest(_ count: Int) -> Retention { Retention(count: count) }

        /// The same retention, and every `interval`th version of a key. Without an age the log keeps those for good;
        /// each takes about 40 bytes of memory. A log without a directory keeps only the newest version.
        public func andEvery(_ interval: Int) -> Retention {
            Retention(count: count, interval: interval, age: age)
        }

        /// The same retention, without versions older than `age`. The log hides them at once; compaction removes them
        /// from the disk.
        public func younger(than age: Duration) -> Retention {
            Retention(count: count, interval: interval, age: age)
        }

        /// How many versions a level can keep by their count.
        package static let countRange = 1...1_024
        /// An interval can be one version in this many.
        package static let intervalRange = 2...1_000_000

        func validate(_ level: Int) throws {
            guard Self.countRange.contains(count) else {
                throw CheckpointLogError.invalidConfiguration(
                    "Level \(level) keeps \(count) versions; give 1 to 1,024.")
            }
            if let interval, !Self.intervalRange.contains(interval) {
                throw CheckpointLogError.invalidConfiguration(
                    "Level \(level) keeps one of every \(interval) versions; give 2 to 1,000,000.")
            }
            if let age, age < .microseconds(1) {
                throw CheckpointLogError.invalidConfiguration(
                    "Level \(level) keeps versions for no time; give an age of a microsecond or more.")
            }
        }

        /// What a new log keeps at a level of this durability, unless the configuration states something else.
        package static func standard(for durability: Durability) -> Retention {
            .newest(durability == .synced ? 2 : 1)
        }
    }

    /// What holds when `checkpoint` returns. Default: `.written` for level 1, `.synced` above.
    public var durability: Durability
    /// Which versions the log keeps. Nil, the default, means those that it keeps already; a new log keeps the newest
    /// two at a synced level and the newest one at any other. More versions cost disk, not time. A memory level keeps
    /// one version until it is saved.
    ///
    /// The retention belongs to the log. The log does not accept one that keeps less than its own, unless
    /// ``Configuration/allowsDroppingVersions`` is true; see ``RecoveryReport/policyChanges``.
    public var retention: Retention?
    /// How the log compresses payloads, if that makes them smaller. Default: `.lz4`. Compression belongs to the
    /// opening, not to the log.
    public var compression: CompressionMethod

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - durability: what holds when `checkpoint` returns.
    ///   - retention: which versions the log keeps; nil for those that it keeps already.
    ///   - compression: how the log compresses payloads, if that makes them smaller.
    public init(
        durability: Durability, retention: Retention? = nil, compression: CompressionMethod = .lz4
    ) {
        self.durability = durability
        self.retention = retention
        self.compression = compression
    }

    /// The policy of a level that neither the configuration nor the log names: `.written` for level 1, `.synced`
    /// above.
    public static func standard(for level: Int) -> LevelPolicy {
        LevelPolicy(durability: level <= 1 ? .written : .synced)
    }
}

/// How one checkpoint is stored, according to its level's policy. It is passed along with the checkpoint.
package struct StoragePolicy: Sendable, Hashable {
    package var durability: LevelPolicy.Durability
    package var compression: CompressionMethod

    package init(_ policy: LevelPolicy) {
        durability = policy.durability
        compression = policy.compression
    }
}
