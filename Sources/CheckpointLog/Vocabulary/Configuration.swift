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

    /// The policies of levels 1…255. A level that is not named keeps the policy that the log has for it, or, in a new
    /// log, ``LevelPolicy/standard(for:)``. Default: empty.
    ///
    /// Durability and retention belong to the log. An opening for writing that states others changes them, and reports
    /// that in ``RecoveryReport/policyChanges``. An opening for reading uses those of the log.
    public var levels: [Int: LevelPolicy] = [:]

    /// Whether ``levels`` may state a retention that keeps less than the log does. Default: false. The log then keeps
    /// every version that the old or the new retention keeps, and ``RecoveryReport/policyChanges`` says so. Danger: the
    /// versions that a lesser retention drops are gone for good.
    public var allowsDroppingVersions = false

    /// The greatest length of a segment, in bytes, 64 KiB…64 MiB. Default: 64 MiB. With smaller segments compaction
    /// gives disk space back sooner, and the log has more files.
    public var segmentByteLimit = 64 << 20

    /// A value with more encoded bytes than this gets a file of its own. 4 KiB…1 MiB, and at most a quarter of
    /// `segmentByteLimit`. Default: 1 MiB.
    public var largeValueByteCount = 1 << 20

    /// The greatest encoded value, in bytes. Default: 4 GiB. A larger checkpoint throws `.valueTooLarge` and leaves the
    /// log untouched. A restore of a larger value throws too, since it would hold all of it in memory.
    public var valueByteLimit = 4 << 30

    /// The most disk that appends may make the log take, in bytes; at least six times `segmentByteLimit`. Default: nil,
    /// as much as the disk gives.
    ///
    /// At the limit the log acts as on a full disk. An append that needs a new file waits for a compaction that can win
    /// room, at most a second in a synchronous call and ten seconds in others. Then it throws `.diskFull`. The log
    /// reserves the length of one segment for what compaction writes. Removals succeed while their segment has room;
    /// an opening for writing and `close()` always succeed.
    public var spaceLimit: Int?

    /// Who may read and write the files of a log that this opening creates. Default: the owner alone.
    ///
    /// The first opening decides. Every later opening, whatever its umask, creates files with the permissions of the
    /// file `LOCK`. To change them for good, use `chmod` on the directory and all its files.
    public var filePermissions = FilePermissions.ownerOnly

    /// How many keys the memory level holds, 1 or more. Default: 100,000. If there are more, the log writes the oldest
    /// to the disk. In a log without a directory, a checkpoint of one more key throws `.memoryFull`.
    public var memoryCountLimit = 100_000

    /// How many bytes the values of the memory level may have together, as they were last encoded. Default: 1 GiB. If
    /// they have more, the log writes the oldest to the disk. A value that was never encoded counts as zero.
    public var memoryByteLimit = 1 << 30

    /// Whether the log removes superseded checkpoints: a compaction thread does, and ``CheckpointLog/close()`` if much
    /// is due. Default: true. If false, the log only grows.
    public var compactsAutomatically = true

    /// The clock that measures the intervals. Default: the continuous clock. Tests use a clock of their own.
    public var clock: any Clock<Duration> = ContinuousClock()

    /// Called, on any thread, for every failure that no caller waits for: failed updates and saves by the interval, and
    /// failures of sources and children. Default: none. The logger and the metric `checkpoint_log.background_failures`
    /// report such failures as well.
    public var onBackgroundFailure: (@Sendable (any Error) -> Void)?

    /// Where the log reports what an opening finds, what fails in the background and, at level `debug`, what its
    /// threads do: each segment prepared or sealed, and each compaction. Default: nowhere.
    ///
    /// The log calls the handler on any thread. A handler that blocks delays the work that it reports, and `close()`;
    /// appends go on.
    public var logger: Logger?

    package var fileSystem: any FileSystem = POSIXFileSystem.shared
    /// Whether small frames are stored through a mapping, if the file system is known to allow it.
    package var usesMapping = true
    /// Whether syncs, seals and compaction run on the calling thread, in the order of the calls: for deterministic
    /// tests.
    package var runsInline = false
    /// The least growth of a log, in bytes, after which the index is written into a snapshot.
    package var snapshotByteCount = 16 << 20
    /// How many bytes of dead large values wait for the log's next sync.
    package var deadValueByteLimit = 64 << 20
    package var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    package var randomSeed: UInt64?

    /// Makes the default configuration.
    public init() {}

    /// How many threads one large value gets: one for each processor, at most four. One where calls must come in the
    /// same order in every run.
    package var laneCount: Int {
        runsInline || !(fileSystem is POSIXFileSystem) ? 1 : min(4, NamedThread.coreCount)
    }

    /// An encoder that refuses a value over the value limit while it encodes it.
    package var encoder: CBOREncoder {
        var encoder = CBOREncoder()
        encoder.byteLimit = valueByteLimit
        return encoder
    }

    /// A value with more bytes is large in this log: a frame must fit into a segment several times.
    package var largeValueLimit: Int { min(largeValueByteCount, segmentByteLimit / 4) }

    /// Limits segments and values to the length that this process may give a file.
    ///
    /// - Throws: `.invalidConfiguration` if that is too small for a log.
    package mutating func keep(toFilesOf fileByteLimit: Int?) throws {
        guard let fileByteLimit else { return }
        // A sealed segment also has a footer, which is shorter than its frames.
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
