/// What a log keeps at one level, and what a checkpoint there survives, as the manifest records it. FORMAT.md,
/// "Manifest".
package struct RecordedPolicy: Sendable, Hashable {
    package static let byteCount = 24

    package var durability: LevelPolicy.Durability
    package var retention: LevelPolicy.Retention

    package init(durability: LevelPolicy.Durability, retention: LevelPolicy.Retention) {
        self.durability = durability
        self.retention = retention
    }

    /// The policy of a level that a manifest does not list.
    package static func standard(for level: UInt8) -> RecordedPolicy {
        let durability = LevelPolicy.standard(for: Int(level)).durability
        return RecordedPolicy(durability: durability, retention: .standard(for: durability))
    }

    package func append(level: UInt8, to bytes: inout [UInt8]) {
        bytes.append(level)
        bytes.append(UInt8(durability.rawValue))
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt32(retention.count))
        bytes.append(littleEndian: UInt32(retention.interval ?? 0))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: retention.age?.microseconds ?? 0)
    }

    /// Reads the policy of one level; nil if the bytes are none.
    package static func read(_ cursor: inout ByteCursor) -> (level: UInt8, policy: RecordedPolicy)? {
        guard let level = cursor.integer(UInt8.self), level > 0,
            let durability = cursor.integer(UInt8.self).flatMap({ LevelPolicy.Durability(rawValue: Int($0)) }),
            cursor.integer(UInt16.self) == 0,
            let count = cursor.integer(UInt32.self).map(Int.init), LevelPolicy.Retention.countRange.contains(count),
            let interval = cursor.integer(UInt32.self).map(Int.init),
            interval == 0 || LevelPolicy.Retention.intervalRange.contains(interval), cursor.integer(UInt32.self) == 0,
            let age = cursor.integer(Int64.self), age >= 0
        else { return nil }
        let retention = LevelPolicy.Retention(
            count: count, interval: interval == 0 ? nil : interval, age: age == 0 ? nil : .microseconds(age))
        return (level, RecordedPolicy(durability: durability, retention: retention))
    }
}

extension [UInt8: RecordedPolicy] {
    /// The policies as manifest and snapshot store them: ascending by level.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for (level, policy) in sorted(by: { $0.key < $1.key }) { policy.append(level: level, to: &bytes) }
        return bytes
    }

    /// Reads `count` policies; nil if the bytes are not that many, or not in order.
    package init?(_ cursor: inout ByteCursor, count: UInt32) {
        self.init()
        var last: UInt8 = 0
        for _ in 0..<count {
            guard let (level, policy) = RecordedPolicy.read(&cursor), level > last else { return nil }
            last = level
            self[level] = policy
        }
    }
}

/// What every level keeps: the recorded policy, or the standard one.
package struct Retentions: Sendable, Equatable {
    private let all: [LevelPolicy.Retention]

    package init(_ recorded: [UInt8: RecordedPolicy] = [:]) {
        all = (0...UInt8.max).map { (recorded[$0] ?? .standard(for: $0)).retention }
    }

    package subscript(level: UInt8) -> LevelPolicy.Retention {
        @inline(__always) get { all[Int(level)] }
    }

    /// Whether any level gives versions up for their age.
    package var hasAges: Bool { all.contains { $0.age != nil } }
}
