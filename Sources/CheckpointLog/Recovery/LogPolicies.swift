/// The policy of every level: durability and retention as the log has them, compression as the opening states it.
package struct LogPolicies: Sendable {
    /// What the manifest lists, or is to list.
    package let recorded: [UInt8: RecordedPolicy]
    private let policies: [LevelPolicy]
    package let retentions: Retentions

    /// The policies of a log that lists `recorded`.
    package init(_ recorded: [UInt8: RecordedPolicy], _ configuration: Configuration) {
        self.recorded = recorded
        let inForce = (0...UInt8.max).map { recorded[$0] ?? .standard(for: $0) }
        retentions = Retentions(recorded)
        policies = zip(0..., inForce).map { level, policy in
            LevelPolicy(
                durability: policy.durability, retention: policy.retention,
                compression: (configuration.levels[level] ?? .standard(for: level)).compression)
        }
    }

    /// The policies of a log that begins with what `configuration` states.
    package init(newLog configuration: Configuration) {
        var recorded: [UInt8: RecordedPolicy] = [:]
        for (level, policy) in configuration.levels {
            recorded[UInt8(level)] = RecordedPolicy(
                durability: policy.durability, retention: policy.retention ?? .standard(for: policy.durability))
        }
        self.init(recorded, configuration)
    }

    /// What comes of the policies of a log that is there when an opening states its own: these, but for retentions that
    /// would keep less and must not.
    package func stating(_ configuration: Configuration) -> (policies: LogPolicies, changes: [PolicyChange]) {
        var recorded = recorded
        for (level, stated) in configuration.levels {
            let known = recorded[UInt8(level)] ?? .standard(for: UInt8(level))
            var retention = stated.retention ?? known.retention
            if !configuration.allowsDroppingVersions { retention = retention.keeping(what: known.retention) }
            let policy = RecordedPolicy(durability: stated.durability, retention: retention)
            if policy != known { recorded[UInt8(level)] = policy }
        }
        let result = LogPolicies(recorded, configuration)
        let changes = configuration.levels.sorted { $0.key < $1.key }.compactMap { level, stated -> PolicyChange? in
            let change = PolicyChange(
                level: level, before: policies[level], stated: stated, after: result.policies[level])
            let isSame =
                change.before.durability == change.after.durability && change.before.retention == change.after.retention
            return isSame && !change.keptVersions ? nil : change
        }
        return (result, changes)
    }

    package subscript(level: UInt8) -> LevelPolicy {
        @inline(__always) get { policies[Int(level)] }
    }

    /// Whether versions of any level are kept at an interval.
    package var countsVersions: Bool { recorded.values.contains { $0.retention.interval != nil } }

    /// Whether checkpoints of any level are kept in memory.
    package var hasMemoryLevel: Bool { recorded.values.contains { $0.durability == .memory } }
}

extension LevelPolicy.Retention {
    /// The least retention that keeps everything that either keeps.
    func keeping(what other: Self) -> Self {
        var union = LevelPolicy.Retention.newest(max(count, other.count))
        switch (interval, other.interval) {
        case (let first?, let second?): union.interval = max(2, Self.greatestCommonDivisor(first, second))
        case (let first?, nil): union.interval = first
        case (nil, let second): union.interval = second
        }
        if let first = age, let second = other.age { union.age = max(first, second) }
        return union
    }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        second == 0 ? first : greatestCommonDivisor(second, first % second)
    }
}
