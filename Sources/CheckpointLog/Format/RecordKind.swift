/// What a frame states. FORMAT.md, "Frames".
package enum RecordKind: UInt8, Sendable, CaseIterable {
    /// A value, in the payload.
    case value = 1
    /// A value that stands in a value segment; the payload says where.
    case reference = 2
    /// Ends a key: every record of the key with a smaller number is dead.
    case removal = 3
    /// Ends all keys of one level, or of every level (level 0).
    case removalOfAll = 4
    /// A group: the payload lists the members that belong together.
    case group = 5
    /// The last frame of a log segment: the log goes on in the next.
    case roll = 6
    /// Nothing but the promise in its header.
    case promise = 7
    /// A part of a large value, in a value segment.
    case chunk = 8
    /// How far a parent has taken over the records of the child that the key names.
    case mark = 9
    /// The file of a large value no longer exists: every reference to it is dead for good.
    case freed = 10
    /// Ends one version of a key. It has that version's number and time.
    case versionRemoval = 11
    /// Ends one group. It has that group's number and time.
    case groupRemoval = 12
    /// Which versions of a key have a pin or a tag.
    case labels = 13

    /// Whether the frame is about a (level, origin, key).
    package var hasKey: Bool {
        switch self {
        case .value, .reference, .removal, .group, .chunk, .mark, .versionRemoval, .groupRemoval, .labels: true
        case .removalOfAll, .roll, .promise, .freed: false
        }
    }

    /// Whether the frame removes one record and takes its place: it is late, and has that record's number.
    package var removesOne: Bool { self == .versionRemoval || self == .groupRemoval }

    /// Whether the frame removes something, so that compaction can then give disk space back.
    package var makesRoom: Bool {
        switch self {
        case .removal, .removalOfAll, .freed, .versionRemoval, .groupRemoval: true
        default: false
        }
    }

    /// Whether a level may count and mark the frame for its interval. Groups are not counted so far.
    package var hasOrdinal: Bool {
        switch self {
        case .value, .reference, .group, .versionRemoval, .groupRemoval: true
        default: false
        }
    }

    /// Whether the frame may carry metadata beside its value.
    package var hasMetadata: Bool { self == .value || self == .reference || self == .group }
}
