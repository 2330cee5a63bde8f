/// What a restore looks for.
package struct RecordQuery: Sendable {
    package var key: CheckpointKey
    /// Nil for the newest at any level.
    package var level: UInt8?
    package var version: RestoreVersion = .newest
    /// Nil for the log's own records and, where these have none, the newest of any origin.
    package var origin: Origin?

    package init(key: CheckpointKey, level: UInt8?, version: RestoreVersion = .newest, origin: Origin? = nil) {
        self.key = key
        self.level = level
        self.version = version
        self.origin = origin
    }
}

/// A record that answers a query: still in memory, or with its place in the log.
package enum FoundRecord: Sendable {
    /// Apart, since most answers are the other case, and the record would make each copy of one long.
    indirect case memory(MemoryRecord)
    case frame(IndexEntry, level: UInt8, origin: Origin)

    package var number: SequenceNumber {
        switch self {
        case .memory(let record): record.number
        case .frame(let entry, _, _): entry.sequenceNumber
        }
    }

    package var level: UInt8 {
        switch self {
        case .memory(let record): record.level.rawValue
        case .frame(_, let level, _): level
        }
    }

    package var origin: Origin {
        switch self {
        case .memory(let record): record.origin
        case .frame(_, _, let origin): origin
        }
    }
}
