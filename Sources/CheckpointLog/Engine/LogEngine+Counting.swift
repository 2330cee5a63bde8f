extension LogEngine {
    /// A version that was counted, so that the count can be undone if the append fails.
    private struct Counted {
        var hash: KeyHash
        var ordinal: UInt32
        var isMarked: Bool
    }

    /// If the level keeps versions at an interval, counts the version, and marks it if its turn has come. Then calls
    /// `body` with its attributes.
    func counting<Result>(
        _ attributes: RecordAttributes, _ key: CheckpointKey, _ body: (RecordAttributes) throws -> Result
    ) throws -> Result {
        var members = [BatchMember(key: key, attributes: attributes, bytes: [])]
        return try counting(&members) { try body($0[0].attributes) }
    }

    /// The same for the members of a batch.
    func counting<Result>(
        _ members: inout [BatchMember], _ body: ([BatchMember]) throws -> Result
    ) throws -> Result {
        guard countsVersions else { return try body(members) }
        var counted: [Counted] = []
        do {
            for index in members.indices {
                let attributes = members[index].attributes
                let level = attributes.level.rawValue
                guard attributes.kind == .value, let interval = retention(of: level).interval else { continue }
                let hash = try hash(of: members[index].key, level: level, origin: attributes.origin)
                let (ordinal, isMarked) = try versionCounts.next(hash, interval: interval) { try lastOrdinal(hash) }
                counted.append(Counted(hash: hash, ordinal: ordinal, isMarked: isMarked))
                members[index].attributes.ordinal = ordinal
                if isMarked { members[index].attributes.flags.insert(.marked) }
            }
            return try body(members)
        } catch {
            for version in counted.reversed() {
                versionCounts.takeBack(version.hash, ordinal: version.ordinal, isMarked: version.isMarked)
            }
            throw error
        }
    }

    /// The ordinal of a key's newest version; 0 if there is none, or if it is damaged.
    private func lastOrdinal(_ hash: KeyHash) throws -> UInt32 {
        try retryingMoved { _ in
            guard let entry = catalog.index.newestRecord(hash) else { return 0 }
            do {
                return try frames.header(at: entry.location).header.ordinal
            } catch let error as CheckpointLogError where error.code == .damaged && !Self.isGone(error) {
                return 0
            }
        }
    }
}
