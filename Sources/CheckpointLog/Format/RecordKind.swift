/// What a frame states. FORMAT.md, "Frames".
package enum RecordKind: UInt8, Sendable, CaseIterable {
    /// A value, in the payload.
    case value = 1
    /// A value that stands in a value segment; the payload says where.
    case reference = 2
    /// The end of a key: every record of it with a smaller number is dead.
    case removal = 3
    /// The end of all keys of one level, or (level 0) of every level.
    case removalOfAll = 4
    /// A group: the payload lists the members that belong together.
    case group = 5
    /// The last frame of a log segment: the log goes on in the next.
    case roll = 6
    /// Nothing but the promise in its header.
    case promise = 7
    /// A part of a large value, in a value segment.
    case chunk = 8
    /// How far a parent has taken over the records of a child, which the key names.
    case mark = 9
    /// The file of a large value no longer exists: every reference to it is dead for ever.
    case freed = 10
    /// The end of one version of a key, whose number and time it has.
    case versionRemoval = 11
    /// The end of one group, whose number and time it has.
    case groupRemoval = 12
    /// Which versions of a key are pinned, and under which names.
    case labels = 13

    /// Whether the frame is about a (level, origin, key).
    package var hasKey: Bool {
        switch self {
        case .value, .reference, .removal, .group, .chunk, .mark, .versionRemoval, .groupRemoval, .labels: true
        case .removalOfAll, .roll, .promise, .freed: false
        }
    }

    /// Whether the frame takes one record away and stands in its place: it is late, and has that one's number.
    package var removesOne: Bool { self == .versionRemoval || self == .groupRemoval }

    /// Whether it takes something away, which compaction then gives back to the disk.
    package var makesRoom: Bool {
        switch self {
        case .removal, .removalOfAll, .freed, .versionRemoval, .groupRemoval: true
        default: false
        }
    }

    /// Whether its level may count and mark it. Groups are not counted so far.
    package var hasOrdinal: Bool {
        switch self {
        case .value, .reference, .group, .versionRemoval, .groupRemoval: true
        default: false
        }
    }

    /// Whether the frame may say more of its version than its value does.
    package var hasMetadata: Bool { self == .value || self == .reference || self == .group }
}
