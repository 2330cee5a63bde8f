/// What the versions of a log are told apart by, beside their numbers.
package struct OracleSlot: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var level: Int
    package var key: String
    /// Empty for the log's own.
    package var origin: String

    package init(level: Int, key: String, origin: String = "") {
        self.level = level
        self.key = key
        self.origin = origin
    }

    package static func < (left: OracleSlot, right: OracleSlot) -> Bool {
        (left.level, left.key, left.origin) < (right.level, right.key, right.origin)
    }

    package var description: String { "\(level)/\(key.prefix(12))\(origin.isEmpty ? "" : " of \(origin)")" }
}

/// The name of a group at its level.
package struct OracleGroup: Hashable, Sendable {
    package var level: Int
    package var name: String

    package init(level: Int, name: String) {
        self.level = level
        self.name = name
    }
}

/// One version that was taken, by the number of its value: greater for those taken later.
package struct OracleVersion: Hashable, Sendable {
    package var slot: OracleSlot
    package var value: Int

    package init(_ slot: OracleSlot, _ value: Int) {
        self.slot = slot
        self.value = value
    }
}

/// Something that a log was asked to do and that happens as a whole or not at all.
package enum OracleEvent: Hashable, Sendable {
    case take([OracleVersion])
    case commit(OracleGroup, [OracleVersion])
    /// The log's own versions of a key at one level.
    case remove(OracleSlot)
    /// Those of one level, or all.
    case removeAll(Int?)
}

/// How many versions of a level are kept, and for how long.
package struct OracleRetention: Sendable, Hashable {
    package var count: Int
    /// In microseconds.
    package var age: Int64?

    package init(count: Int, age: Int64? = nil) {
        self.count = count
        self.age = age
    }

    /// What keeps all that either keeps.
    package func union(_ other: OracleRetention) -> OracleRetention {
        var union = OracleRetention(count: max(count, other.count))
        if let age, let otherAge = other.age { union.age = max(age, otherAge) }
        return union
    }
}

/// What a log holds: a dictionary of versions, as a user who read the interface expects it.
package struct OracleState: Sendable {
    package struct Held: Sendable, Hashable {
        package var value: Int
        /// Whether as many newer ones as the level keeps were there at some time: it may be gone.
        package var isDispensable = false
    }

    /// Newest first; none is empty.
    package private(set) var versions: [OracleSlot: [Held]] = [:]
    /// The members of the newest group of each name, in their order.
    package private(set) var groups: [OracleGroup: [OracleVersion]] = [:]

    package init() {}

    package mutating func apply(_ event: OracleEvent, keeping retention: [Int: OracleRetention]) {
        switch event {
        case .take(let taken):
            for version in taken { insert(version, keeping: retention) }
        case .commit(let group, let members):
            for version in members { insert(version, keeping: retention) }
            groups[group] = members
        case .remove(let slot):
            versions[slot] = nil
            groups = groups.filter { group, members in
                group.level != slot.level || !members.contains { $0.slot == slot }
            }
        case .removeAll(let level):
            versions = versions.filter { slot, _ in level.map { slot.level != $0 } ?? false }
            groups = groups.filter { group, _ in level.map { group.level != $0 } ?? false }
        }
    }

    private mutating func insert(_ version: OracleVersion, keeping retention: [Int: OracleRetention]) {
        let count = retention[version.slot.level]?.count ?? 1
        versions[version.slot, default: []].insert(Held(value: version.value), at: 0)
        if let held = versions[version.slot], held.count > count {
            versions[version.slot]?[count].isDispensable = true
        }
    }

    /// Gives up what a new retention does not keep.
    package mutating func shorten(to retention: [Int: OracleRetention]) {
        for (slot, held) in versions {
            for index in held.indices.dropFirst(retention[slot.level]?.count ?? 1) {
                versions[slot]?[index].isDispensable = true
            }
        }
    }

    package mutating func set(_ held: [Held], of slot: OracleSlot) {
        versions[slot] = held.isEmpty ? nil : held
    }

    /// The newest version of a key, at one level or at any; the log's own before those of other origins.
    package func newest(of key: String, level: Int?) -> OracleVersion? {
        var own: OracleVersion?
        var other: OracleVersion?
        for (slot, held) in versions where slot.key == key && (level == nil || slot.level == level) {
            guard let first = held.first else { continue }
            let version = OracleVersion(slot, first.value)
            if slot.origin.isEmpty {
                if first.value > own?.value ?? -1 { own = version }
            } else if first.value > other?.value ?? -1 {
                other = version
            }
        }
        return own ?? other
    }
}
