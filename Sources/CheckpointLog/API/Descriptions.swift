extension CheckpointReceipt: CustomStringConvertible {
    /// A sentence for people.
    public var description: String {
        isInMemory
            ? "Checkpoint \(sequenceNumber) is kept in memory."
            : "Checkpoint \(sequenceNumber) takes \(byteCount) bytes of the log."
    }
}

extension CheckpointLog: CustomStringConvertible {
    /// A sentence for people: where the log is, and what it is open for.
    public nonisolated var description: String {
        if engine.isInMemory { return "Checkpoint log \"\(node.name)\" is kept in memory." }
        let path = engine.identity.directory.path
        guard (try? engine.checkOpen()) != nil else { return "Checkpoint log at \(path) is closed." }
        return "Checkpoint log at \(path) is open for \(engine.follower == nil ? "writing" : "reading")."
    }
}

extension RecoveryReport: CustomStringConvertible {
    /// Sentences for people: what was found, and all that was done about it.
    public var description: String {
        var sentences = [
            "The log has \(Self.count(recordCount, "record")) and \(Self.count(segmentCount, "sealed segment"))."
        ]
        if let tornTail {
            sentences.append(
                "It ended in an unfinished write, which was cut off at \(tornTail) "
                    + "(\(Self.count(cutByteCount, "byte")) at the most).")
        }
        if let possiblyLost {
            sentences.append(
                "Checkpoints numbered \(possiblyLost.lowerBound) to \(possiblyLost.upperBound) may have been written "
                    + "and not synced, and are not there.")
        }
        if tornTail == nil, possiblyLost == nil, damage.isEmpty {
            sentences.append("Nothing is known to be missing.")
        }
        if !orphans.isEmpty {
            sentences.append("Leftovers of a crash were removed: \(orphans.joined(separator: ", ")).")
        }
        if !foreignFiles.isEmpty {
            sentences.append("Files that are not the log's were left alone: \(foreignFiles.joined(separator: ", ")).")
        }
        sentences += policyChanges.map(\.description)
        sentences += damage.map { "Damage was gone around: \($0)" }
        return sentences.joined(separator: " ")
    }

    private static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
