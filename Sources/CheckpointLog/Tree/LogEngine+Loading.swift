extension LogEngine {
    /// Bytes of values that are appended as one batch when another log is taken over.
    private static let loadByteCount = 64 << 20

    /// Appends the newest checkpoints of `other`, in batches; gives their count and what must be synced.
    package func loadAll(of other: LogEngine) throws -> (count: Int, position: LogPosition?) {
        if !isInMemory { _ = try requireWriter() }
        var members: [BatchMember] = []
        var (count, byteCount) = (0, 0)
        var end: LogPosition?
        func flush() throws {
            guard !members.isEmpty else { return }
            let batch = try appendBatch(members)
            end = max(end ?? batch.end, batch.end)
            (members, byteCount) = ([], 0)
        }
        for version in try other.checkpoints(level: nil) {
            let level = try Level(validating: version.level)
            let origin = Origin(version.origin ?? "")
            let found = unsafe try other.withContentOrNewer(
                key: version.key, level: level.rawValue, number: version.sequenceNumber, origin: origin
            ) { facts, content in
                unsafe (facts, Array(content))
            }
            guard let (facts, bytes) = found else { continue }
            count += 1
            let policy = policy(for: level.rawValue)
            var attributes = RecordAttributes(
                level: level, policy: policy, flags: facts.flags.intersection([.raw, .severalValues]))
            attributes.origin = origin
            attributes.metadata = facts.metadata
            if isInMemory || policy.durability == .memory {
                _ = try keepInMemory(.encoded(bytes), attributes, key: version.key)
                continue
            }
            members.append(BatchMember(key: version.key, attributes: attributes, bytes: bytes))
            byteCount += bytes.count
            if byteCount >= Self.loadByteCount { try flush() }
        }
        try flush()
        return (count, end)
    }
}
