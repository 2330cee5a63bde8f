package import CheckpointLog

extension LogEngine {
    /// Commits values under keys together, as ``CheckpointLog/commit(_:level:_:)`` does.
    package func appendGroup(
        _ name: CheckpointKey, _ members: [(key: CheckpointKey, bytes: [UInt8], flags: FrameHeader.Flags)],
        _ level: Level
    ) throws -> AppendedBatch {
        let policy = policy(for: level.rawValue)
        return try appendBatch(
            members.map { member in
                BatchMember(
                    key: member.key, attributes: RecordAttributes(level: level, policy: policy, flags: member.flags),
                    bytes: member.bytes)
            }, group: (name, level))
    }

    /// Calls `body` with the newest content of (level, key), or that of version `number`; nil where there is none.
    package func withContent<Result>(
        level: UInt8, key: CheckpointKey, number: SequenceNumber? = nil,
        _ body: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        let version = number.map { RestoreVersion.sequence($0) } ?? .newest
        return unsafe try withContent(
            RecordQuery(key: key, level: level, version: version, origin: .own), .waiting, body)
    }
}
