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

    /// Which versions of a key are kept: the newest ``count``, beside them every ``interval``th, and none of them once
    /// it is older than ``age``. The newest is kept whatever its age.
    ///
    /// ```swift
    /// // The newest three, and every hundredth, for a week.
    /// LevelPolicy(durability: .synced, retention: .newest(3).andEvery(100).younger(than: .seconds(7 * 86_400)))
    /// ```
    public struct Retention: Sendable, Hashable {
        /// Versions kept of each key, and groups of each name, 1…1,024.
        public var count: Int
        /// Of how many versions of a key, counted in the order they were taken, one is kept beside the newest
        /// ``count``: 2…1,000,000; nil for none. Versions are counted from when their level first keeps so; groups are
        /// not counted.
        public var interval: Int?
        /// The age over which a version is given up, microseconds at the least; nil for none. The newest version has no
        /// age.
        public var age: Duration?

        /// Keeps the newest `count` versions of each key.
        public static func newest(_ count: Int) -> Retention { Retention(count: count) }

        /// The same retention, and every `interval`th version of a key beside it. They are kept for good where no age
        /// ends them, and each takes about 40 bytes of memory. A log without a directory keeps the newest alone.
        public func andEvery(_ interval: Int) -> Retention {
            Retention(count: count, interval: interval, age: age)
        }

        /// The same retention, without versions older than `age`. They are hidden at once; a compaction frees them.
        public func younger(than age: Duration) -> Retention {
            Retention(count: count, interval: interval, age: age)
        }

        /// Versions that can be kept by their count alone.
        package static let countRange = 1...1_024
        /// Of how many versions one can be kept beside them.
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

        /// What a new log keeps at a level of this durability, where nothing else is stated.
        package static func standard(for durability: Durability) -> Retention {
            .newest(durability == .synced ? 2 : 1)
        }
    }

    /// What holds when `checkpoint` returns. Default: `.written` for level 1, `.synced` above.
    public var durability: Durability
    /// Which versions are kept; nil, the default, for what the log keeps already, which is the newest two at a synced
    /// level of a new log, and the newest one at any other. More cost disk, not time. A level of the memory keeps one
    /// version until it is saved.
    ///
    /// The retention belongs to the log: one that keeps less than the log does is not taken unless
    /// ``Configuration/allowsDroppingVersions`` says so; see ``RecoveryReport/policyChanges``.
    public var retention: Retention?
    /// How payloads are compressed when that makes them smaller. Default: `.lz4`. It belongs to the opening, not to the
    /// log.
    public var compression: CompressionMethod

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - durability: what holds when `checkpoint` returns.
    ///   - retention: which versions are kept; nil for those that the log keeps.
    ///   - compression: how payloads are compressed when that makes them smaller.
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

/// What a policy says of how one checkpoint is stored: passed along with each.
package struct StoragePolicy: Sendable, Hashable {
    package var durability: LevelPolicy.Durability
    package var compression: CompressionMethod

    package init(_ policy: LevelPolicy) {
        durability = policy.durability
        compression = policy.compression
    }
}
