/// What an opening for writing did about a policy that differs from the log's.
///
/// ```swift
/// for change in log.recoveryReport.policyChanges { print(change) }
/// // Level 2 keeps the newest 10 versions, as before; this opening states the newest 2 versions, and must set …
/// ```
public struct PolicyChange: Sendable, Hashable, CustomStringConvertible {
    /// The level, 1…255.
    public var level: Int
    /// What was in force before the opening; its retention is never nil.
    public var before: LevelPolicy
    /// What the opening states.
    public var stated: LevelPolicy
    /// What is in force from now on; its retention is never nil.
    public var after: LevelPolicy

    /// Whether the log did not accept the stated retention, because it would drop versions that the log keeps.
    public var keptVersions: Bool { stated.retention.map { $0 != after.retention } ?? false }

    /// A sentence for people.
    public var description: String {
        var parts: [String] = []
        if before.durability != after.durability {
            parts.append("Level \(level) is \(after.durability) from now on, and was \(before.durability).")
        }
        let (old, new) = (before.retention.map(Self.name) ?? "", after.retention.map(Self.name) ?? "")
        if keptVersions, let stated = stated.retention.map(Self.name) {
            let change = new == old ? "as before" : "and kept \(old)"
            parts.append(
                "Level \(level) keeps \(new), \(change); this opening states \(stated), and must set "
                    + "`allowsDroppingVersions` to have that.")
        } else if old != new {
            parts.append("Level \(level) keeps \(new) from now on, and kept \(old).")
        }
        return parts.joined(separator: " ")
    }

    private static func name(_ retention: LevelPolicy.Retention) -> String {
        var name = retention.count == 1 ? "the newest version" : "the newest \(retention.count) versions"
        if let interval = retention.interval { name += " and one of every \(interval)" }
        if let age = retention.age { name += " for \(age)" }
        return name
    }
}
