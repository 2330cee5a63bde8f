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
    /// The name of the actor. Default: none.
    public var name = ""

    /// The policies of levels 1…255. Default: empty; see ``LevelPolicy``.
    public var levels: [Int: LevelPolicy] = [:]

    /// The greatest length of a segment, in bytes, 64 KiB…64 MiB. Default: 64 MiB. Smaller segments give disk space back
    /// sooner and cost more files.
    public var segmentByteLimit = 64 << 20

    /// Encoded bytes over which a value gets a file of its own. 4 KiB…1 MiB, at most a quarter of `segmentByteLimit`.
    /// Default: 1 MiB.
    public var largeValueByteCount = 1 << 20

    /// The greatest encoded value, in bytes. Default: 4 GiB. Over it a checkpoint throws and the log is untouched.
    public var valueByteLimit = 4 << 30

    /// Whether a compaction thread drops old checkpoints. Default: true. Without it the log only grows.
    public var compactsAutomatically = true

    /// Where the log says what it finds on opening and what fails in the background. Default: nowhere.
    public var logger: Logger?

    package var fileSystem: any FileSystem = POSIXFileSystem.shared
    /// Whether small frames go through a mapping where the file system is known to allow it.
    package var usesMapping = true
    /// Whether syncs, seals and compaction run on the calling thread, in the order of the calls: for deterministic tests.
    package var runsInline = false
    package var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }
    package var randomSeed: UInt64?

    /// Makes the default configuration.
    public init() {}

    package func policy(for level: UInt8) -> LevelPolicy { levels[Int(level)] ?? .standard(for: level) }

    package func validate() throws {
        for (level, policy) in levels {
            _ = try Level(validating: level)
            guard (1...1_024).contains(policy.retention.count) else {
                throw CheckpointLogError.invalidConfiguration(
                    "Level \(level) keeps \(policy.retention.count) versions; give 1 to 1,024.")
            }
        }
        guard (64 << 10...64 << 20).contains(segmentByteLimit), segmentByteLimit % 4_096 == 0 else {
            throw CheckpointLogError.invalidConfiguration(
                "`segmentByteLimit` is \(segmentByteLimit); give a multiple of 4,096 from 65,536 to 67,108,864.")
        }
        guard (4 << 10...1 << 20).contains(largeValueByteCount), largeValueByteCount <= segmentByteLimit / 4 else {
            throw CheckpointLogError.invalidConfiguration(
                "`largeValueByteCount` is \(largeValueByteCount); give 4,096 to 1,048,576, at most a quarter of "
                    + "`segmentByteLimit`.")
        }
        guard valueByteLimit > 0, valueByteLimit <= 64 << 30 else {
            throw CheckpointLogError.invalidConfiguration("`valueByteLimit` is \(valueByteLimit); give 1 to 2³⁶.")
        }
    }
}
