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
        let isOpen = (try? engine.checkOpen()) != nil
        let place =
            engine.isInMemory
            ? "checkpoint log \"\(node.name)\"" : "checkpoint log at \(engine.identity.directory.path)"
        if engine.isSnapshot { return isOpen ? "Snapshot of \(place)." : "Snapshot of \(place), let go." }
        if engine.isInMemory { return "C\(place.dropFirst()) is kept in memory." }
        guard isOpen else { return "C\(place.dropFirst()) is closed." }
        return "C\(place.dropFirst()) is open for \(engine.follower == nil ? "writing" : "reading")."
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
