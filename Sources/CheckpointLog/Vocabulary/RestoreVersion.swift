#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Which version of a checkpoint to restore.
///
/// ```swift
/// let before = try await log.restore(Model.self, for: "model", level: 2, version: .asOf(yesterday))
/// ```
public struct RestoreVersion: Sendable, Hashable {
    enum Choice: Sendable, Hashable {
        case newest
        case sequence(SequenceNumber)
        /// Microseconds since 1970-01-01 UTC.
        case asOf(Int64)
        case tag(String)
    }

    let choice: Choice

    /// The newest version.
    public static let newest = RestoreVersion(choice: .newest)

    /// The version with the number that a receipt or a history of this log gave. If the log no longer keeps it, the
    /// restore returns nil.
    ///
    /// The log answers itself, also for a level greater than its rank, because a parent gives its copies new numbers.
    public static func sequence(_ number: SequenceNumber) -> RestoreVersion {
        RestoreVersion(choice: .sequence(number))
    }

    /// The version that ``CheckpointLog/tag(_:of:as:level:origin:)`` gave this name. If no version has it, the restore
    /// returns nil.
    public static func tag(_ name: String) -> RestoreVersion { RestoreVersion(choice: .tag(name)) }

    /// The latest version whose time is not after `date`. If all versions that the log keeps are later, the restore
    /// returns nil.
    ///
    /// Times are those of the machine's clock. If the clock was set back between two openings, a later version can have
    /// an earlier time.
    public static func asOf(_ date: Date) -> RestoreVersion {
        let microseconds = date.timeIntervalSince1970 * 1_000_000
        return RestoreVersion(choice: .asOf(Int64(exactly: microseconds.rounded()) ?? (microseconds < 0 ? .min : .max)))
    }
}

/// What a restore does if the version that it found cannot be used.
///
/// ```swift
/// let state = try await log.restore(
///     State.self, for: "state", level: 2, fallback: .lastIntact { print("skipped \($0)") })
/// ```
public struct RestoreFallback: Sendable {
    var report: (@Sendable (CheckpointLogError) -> Void)?
    /// Whether to skip a version that is intact but does not decode.
    var skipsUndecodable = false

    /// The restore throws `.damaged` or `.decodingFailed`.
    public static let none = RestoreFallback(report: nil)

    /// Tries the next older version until one is intact, and calls `report` for each that it skips.
    ///
    /// If no version is intact, the restore throws the damage of the newest.
    public static func lastIntact(report: @escaping @Sendable (CheckpointLogError) -> Void) -> RestoreFallback {
        RestoreFallback(report: report)
    }

    /// As ``lastIntact(report:)``, but reports only to the configuration's logger.
    public static let lastIntact = RestoreFallback { _ in }

    /// Tries the next older version until one is intact and decodes, and calls `report` for each that it skips. Use it
    /// when a faulty release of the program has saved what no other release understands.
    ///
    /// If there is none, the restore throws what is wrong with the newest.
    public static func lastDecodable(report: @escaping @Sendable (CheckpointLogError) -> Void) -> RestoreFallback {
        RestoreFallback(report: report, skipsUndecodable: true)
    }

    /// As ``lastDecodable(report:)``, but reports only to the configuration's logger.
    public static let lastDecodable = lastDecodable { _ in }

    /// Whether to skip a version that could not be restored for this reason.
    func skips(_ error: CheckpointLogError) -> Bool {
        error.code == .damaged || (skipsUndecodable && error.code == .decodingFailed)
    }
}
