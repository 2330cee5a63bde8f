package import CBOR
public import Logging
#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// How a log is opened. Every property has a default that suits most programs.
///
/// ```swift
/// var configuration = Configuration()
/// configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(10))
/// let log = try await CheckpointLog.open(at: "/var/lib/simulation", configuration: configuration)
/// ```
public struct Configuration: Sendable {
    /// The name of the actor, under which its parent knows it: 1 to 255 bytes of UTF-8 without a slash. Default: none;
    /// only a child needs one.
    public var name = ""

    /// The height of the actor in the tree of checkpointing actors, 1…255. Default: 1, a leaf. A parent has a greater
    /// rank than its children.
    public var rank = 1

    /// When the actor updates from its children and sources, and saves, by itself. Default: off.
    public var intervals = Intervals()

    /// The policies of levels 1…255; one that is not named goes by what the log has, in a new log by
    /// ``LevelPolicy/standard(for:)``. Default: empty.
    ///
    /// Durability and retention belong to the log: an opening for writing that states others changes them, and reports
    /// it in ``RecoveryReport/policyChanges``. Openings for reading go by the log's.
    public var levels: [Int: LevelPolicy] = [:]

    /// Whether ``levels`` may state a retention that keeps less than the log does. Default: false; what either keeps is
    /// then kept, and ``RecoveryReport/policyChanges`` says so. What a lesser retention drops is gone for good.
    public var allowsDroppingVersions = false

    /// The greatest length of a segment, in bytes, 64 KiB…64 MiB. Default: 64 MiB. Smaller segments give disk space
    /// back sooner and cost more files.
    public var segmentByteLimit = 64 << 20

    /// Encoded bytes over which a value gets a file of its own. 4 KiB…1 MiB; a quarter of `segmentByteLimit` where that
    /// is less. Default: 1 MiB.
    public var largeValueByteCount = 1 << 20

    /// The greatest encoded value, in bytes. Default: 4 GiB. Over it a checkpoint throws and the log is untouched; so
    /// does a restore, which holds the whole value in memory.
    public var valueByteLimit = 4 << 30

    /// The most disk that appends may make the log take, in bytes; at least six times `segmentByteLimit`. Default: nil,
    /// as much as the disk gives.
    ///
    /// At the limit it is as on a full disk: an append that needs a new file waits for a compaction that can win room,
    /// a second at the most in a synchronous call and ten in others, and then throws `.diskFull`. A segment's length of
    /// it is kept for what a compaction writes. Removals go on as long as their segment has room, an opening for
    /// writing and `close()` at any rate.
    public var spaceLimit: Int?

    /// Who may read and write the files of a log that this opening makes. Default: the owner alone.
    ///
    /// It is decided when a log is made. Whoever writes it later, under whatever umask, makes files that are as open to
    /// others as its `LOCK`, so `chmod` on the directory and all its files changes it for good.
    public var filePermissions = FilePermissions.ownerOnly

    /// Keys that the memory level holds, 1 or more. Default: 100,000. Over it those taken longest ago are written out;
    /// in a log without a directory a checkpoint of one more key throws `.memoryFull`.
    public var memoryCountLimit = 100_000

    /// Bytes that the values of the memory level had when they were last encoded, in all. Default: 1 GiB. Over it those
    /// taken longest ago are written out. A value that was never encoded counts nothing.
    public var memoryByteLimit = 1 << 30

    /// Whether old checkpoints are dropped: by a compaction thread and, where much is due, by
    /// ``CheckpointLog/close()``. Default: true. Without it the log only grows.
    public var compactsAutomatically = true

    /// The clock that the intervals go by. Default: the continuous clock. Tests give one of their own.
    public var clock: any Clock<Duration> = ContinuousClock()

    /// Is told of every failure that no caller waits for: of updates and saves by the interval, sources and children.
    /// Default: none; the logger and the metric `checkpoint_log.background_failures` are told in any case. Called on
    /// any thread.
    public var onBackgroundFailure: (@Sendable (any Error) -> Void)?

    /// Where the log says what it finds on opening, what fails in the background and, at the level `debug`, what its
    /// threads do: each segment prepared or sealed, and each compaction. Default: nowhere.
    ///
    /// Its handler is called on any thread. One that blocks delays the work it is told of, and `close()`; appends go
    /// on.
    public var logger: Logger?

    package var fileSystem: any FileSystem = POSIXFileSystem.shared
    /// Whether small frames go through a mapping where the file system is known to allow it.
    package var usesMapping = true
    /// Whether syncs, seals and compaction run on the calling thread, in the order of the calls: for deterministic
    /// tests.
    package var runsInline = false
    /// Bytes by which a log grows at least before the index is written into a snapshot.
    package var snapshotByteCount = 16 << 20
    package var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    package var randomSeed: UInt64?

    /// Makes the default configuration.
    public init() {}

    /// Threads for one large value: as many as there are processors, four at the most. One where calls must come in the
    /// same order in every run.
    package var laneCount: Int {
        runsInline || !(fileSystem is POSIXFileSystem) ? 1 : min(4, NamedThread.coreCount)
    }

    /// Refuses what is over the value limit while it is encoded.
    package var encoder: CBOREncoder {
        var encoder = CBOREncoder()
        encoder.byteLimit = valueByteLimit
        return encoder
    }

    /// The bytes over which a value is large in this log: a frame must fit into a segment several times.
    package var largeValueLimit: Int { min(largeValueByteCount, segmentByteLimit / 4) }

    /// Keeps segments and values under the length that this process may give a file.
    ///
    /// - Throws: `.invalidConfiguration` where that is too small for a log.
    package mutating func keep(toFilesOf fileByteLimit: Int?) throws {
        guard let fileByteLimit else { return }
        // A sealed segment has a footer behind its frames, which is shorter than they are.
        let longest = fileByteLimit / 2 / 4_096 * 4_096
        guard longest >= 64 << 10 else {
            throw CheckpointLogError.invalidConfiguration(
                "This process may make files of \(fileByteLimit) bytes (`ulimit -f`), and a log needs 131,072; raise "
                    + "the limit.")
        }
        segmentByteLimit = min(segmentByteLimit, longest)
    }

    package func validate() throws {
        for (level, policy) in levels {
            _ = try Level(validating: level)
            if let retention = policy.retention { try retention.validate(level) }
        }
        guard (64 << 10...64 << 20).contains(segmentByteLimit), segmentByteLimit % 4_096 == 0 else {
            throw CheckpointLogError.invalidConfiguration(
                "`segmentByteLimit` is \(segmentByteLimit); give a multiple of 4,096 from 65,536 to 67,108,864.")
        }
        if let spaceLimit, spaceLimit < 6 * segmentByteLimit {
            throw CheckpointLogError.invalidConfiguration(
                "`spaceLimit` is \(spaceLimit); give six times `segmentByteLimit` or more: "
                    + "\(6 * segmentByteLimit).")
        }
        guard (4 << 10...1 << 20).contains(largeValueByteCount) else {
            throw CheckpointLogError.invalidConfiguration(
                "`largeValueByteCount` is \(largeValueByteCount); give 4,096 to 1,048,576.")
        }
        guard memoryCountLimit > 0, memoryByteLimit > 0 else {
            throw CheckpointLogError.invalidConfiguration("`memoryCountLimit` and `memoryByteLimit` must be 1 or more.")
        }
        guard Level.range.contains(rank) else {
            throw CheckpointLogError.invalidConfiguration("`rank` is \(rank); give 1 to 255.")
        }
        guard name.utf8.count <= 255, !name.utf8.contains(UInt8(ascii: "/")) else {
            throw CheckpointLogError.invalidConfiguration(
                "`name` is over 255 bytes or has a slash; origins part their names by slashes.")
        }
        try intervals.validate()
        guard valueByteLimit > 0, valueByteLimit <= 64 << 30 else {
            throw CheckpointLogError.invalidConfiguration("`valueByteLimit` is \(valueByteLimit); give 1 to 2³⁶.")
        }
    }
}
