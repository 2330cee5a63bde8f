#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Which version of a checkpoint a restore asks for.
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

    /// The version numbered `number`, as a receipt or a history of this very log gives it; none when it is not kept any
    /// more.
    ///
    /// The actor asked answers itself, also for a level over its rank: a parent has its copies under numbers of its
    /// own.
    public static func sequence(_ number: SequenceNumber) -> RestoreVersion {
        RestoreVersion(choice: .sequence(number))
    }

    /// The version that ``CheckpointLog/tag(_:of:as:level:origin:)`` gave this name; none where no version has it.
    public static func tag(_ name: String) -> RestoreVersion { RestoreVersion(choice: .tag(name)) }

    /// The version with the greatest number among those whose time is `date` or before; none when all that are kept are
    /// younger.
    ///
    /// Times are those of the clock. Where it was put back between two openings, a later version has an earlier time.
    public static func asOf(_ date: Date) -> RestoreVersion {
        let microseconds = date.timeIntervalSince1970 * 1_000_000
        return RestoreVersion(choice: .asOf(Int64(exactly: microseconds.rounded()) ?? (microseconds < 0 ? .min : .max)))
    }
}

/// What a restore does when the version it found cannot be used.
///
/// ```swift
/// let state = try await log.restore(
///     State.self, for: "state", level: 2, fallback: .lastIntact { print("went around \($0)") })
/// ```
public struct RestoreFallback: Sendable {
    var report: (@Sendable (CheckpointLogError) -> Void)?
    /// Whether a version that is intact and of another type is gone around too.
    var skipsUndecodable = false

    /// Throws `.damaged` or `.decodingFailed`.
    public static let none = RestoreFallback(report: nil)

    /// Goes on to the next older version, until one is intact, and tells `report` of each that was skipped.
    ///
    /// When no version is intact the restore throws the damage of the newest.
    public static func lastIntact(report: @escaping @Sendable (CheckpointLogError) -> Void) -> RestoreFallback {
        RestoreFallback(report: report)
    }

    /// As ``lastIntact(report:)``; what was skipped is told to the configuration's logger alone.
    public static let lastIntact = RestoreFallback { _ in }

    /// Goes on to the next older version, until one is intact and decodes as what is asked for, and tells `report` of
    /// each that was skipped: where a faulty release of the program has stored what no other understands.
    ///
    /// When there is none, the restore throws what is wrong with the newest.
    public static func lastDecodable(report: @escaping @Sendable (CheckpointLogError) -> Void) -> RestoreFallback {
        RestoreFallback(report: report, skipsUndecodable: true)
    }

    /// As ``lastDecodable(report:)``; what was skipped is told to the configuration's logger alone.
    public static let lastDecodable = lastDecodable { _ in }

    /// Whether a version that could not be restored for this reason is gone around.
    func skips(_ error: CheckpointLogError) -> Bool {
        error.code == .damaged || (skipsUndecodable && error.code == .decodingFailed)
    }
}
