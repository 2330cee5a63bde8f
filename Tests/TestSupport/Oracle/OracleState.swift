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
    /// One version, and the group that has it.
    case removeVersion(OracleVersion)
    /// A version is pinned or gets the one tag that a slot has, or loses it.
    case label(OracleVersion, isTag: Bool, isSet: Bool)
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
        /// Whether it was removed: it counts among the newer ones, and is not there.
        var isRemoved = false
        /// Whether nothing newer was ever taken: it has no age.
        package var isNewest = false
        package var isPinned = false
        package var isTagged = false

        package var isLabelled: Bool { isPinned || isTagged }
    }

    /// Newest first; none is empty.
    package private(set) var versions: [OracleSlot: [Held]] = [:]
    /// Those that were removed, too.
    private var records: [OracleSlot: [Held]] = [:]

    private mutating func update(_ slot: OracleSlot, _ body: (inout [Held]) -> Void) {
        var held = records[slot] ?? []
        body(&held)
        records[slot] = held.isEmpty ? nil : held
        versions[slot] = Self.left(held)
    }

    private static func left(_ held: [Held]) -> [Held]? {
        var held = held
        for index in held.indices { held[index].isNewest = index == 0 }
        let left = held.filter { !$0.isRemoved }
        return left.isEmpty ? nil : left
    }
    /// A group that was committed.
    package struct HeldGroup: Sendable, Hashable {
        /// In their order.
        package var members: [OracleVersion]
        /// As that of a version.
        package var isDispensable = false
        /// Whether one of its members, or the key of one, was removed: it counts among the newer ones, and is not
        /// there.
        var isEnded = false
        /// Whether nothing newer was ever committed: it has no age.
        package var isNewest = false

        package var values: [Int] { members.map(\.value) }
    }

    private var groupRecords: [OracleGroup: [HeldGroup]] = [:]

    package var groupNames: [OracleGroup] { Array(groupRecords.keys) }

    /// The groups of that name, newest first.
    package func groups(_ group: OracleGroup) -> [HeldGroup] {
        var held = groupRecords[group] ?? []
        for index in held.indices { held[index].isNewest = index == 0 }
        return held.filter { !$0.isEnded }
    }

    private mutating func endGroups(where isEnded: (OracleGroup, HeldGroup) -> Bool) {
        for (name, held) in groupRecords {
            for (index, group) in held.enumerated() where isEnded(name, group) {
                groupRecords[name]?[index].isEnded = true
            }
        }
    }

    package init() {}

    package mutating func apply(_ event: OracleEvent, keeping retention: [Int: OracleRetention]) {
        switch event {
        case .take(let taken):
            for version in taken { insert(version, keeping: retention) }
        case .commit(let group, let members):
            for version in members { insert(version, keeping: retention) }
            let count = retention[group.level]?.count ?? 1
            var held = groupRecords[group] ?? []
            held.insert(HeldGroup(members: members), at: 0)
            if held.count > count { held[count].isDispensable = true }
            groupRecords[group] = held
        case .remove(let slot):
            set([], of: slot)
            endGroups { name, group in name.level == slot.level && group.members.contains { $0.slot == slot } }
        case .removeVersion(let version):
            update(version.slot) { held in
                for index in held.indices where held[index].value == version.value { held[index].isRemoved = true }
            }
            endGroups { $1.members.contains(version) }
        case .label(let version, let isTag, let isSet):
            update(version.slot) { held in
                for index in held.indices {
                    let isIt = held[index].value == version.value
                    if isTag { held[index].isTagged = isIt && isSet } else if isIt { held[index].isPinned = isSet }
                }
            }
        case .removeAll(let level):
            for slot in records.keys where level.map({ slot.level == $0 }) ?? true { set([], of: slot) }
            groupRecords = groupRecords.filter { group, _ in level.map { group.level != $0 } ?? false }
        }
    }

    private mutating func insert(_ version: OracleVersion, keeping retention: [Int: OracleRetention]) {
        let count = retention[version.slot.level]?.count ?? 1
        update(version.slot) { held in
            // What was asked for before others were taken has its place among them.
            let place = held.firstIndex { $0.value < version.value } ?? held.count
            held.insert(Held(value: version.value), at: place)
            if held.count > count { held[max(count, place)].isDispensable = true }
        }
    }

    /// Gives up what a new retention does not keep.
    package mutating func shorten(to retention: [Int: OracleRetention]) {
        for (name, held) in groupRecords {
            for index in held.indices.dropFirst(retention[name.level]?.count ?? 1) {
                groupRecords[name]?[index].isDispensable = true
            }
        }
        for slot in records.keys {
            update(slot) { held in
                for index in held.indices.dropFirst(retention[slot.level]?.count ?? 1) {
                    held[index].isDispensable = true
                }
            }
        }
    }

    package mutating func set(_ held: [Held], of slot: OracleSlot) {
        update(slot) { $0 = held }
    }

}
