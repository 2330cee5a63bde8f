extension LogEngine {
    /// Changes the pins and tags of a key by appending a frame that lists all of them. The change is as durable as the
    /// level's checkpoints.
    ///
    /// - Parameters:
    ///   - version: the version that gets a label; nil if the call only removes labels.
    ///   - change: changes the labels.
    /// - Returns: whether `version` exists or, if it is nil, whether the labels have changed.
    /// - Throws: `.unsupported` in a log without a directory; `.invalidArgument` for too many labels; what an append
    ///   throws. Nothing has changed then.
    /// - Complexity: O(n) in the labels of the key.
    package func changeLabels(
        of key: CheckpointKey, _ level: Level, origin: Origin, keeping version: SequenceNumber?,
        _ change: (inout VersionLabels) -> Void
    ) throws -> Bool {
        let writer = try requireWriter()
        let hash = try hash(of: key, level: level.rawValue, origin: origin)
        return try labelling.withLock { _ in
            let old = catalog.labels.labels(of: hash)
            var new = old
            change(&new)
            guard new.entries.count <= VersionLabels.limit else {
                throw CheckpointLogError.overLimit(labels: new.entries.count, of: key)
            }
            if let version {
                guard try hold(version, hash) else { return false }
            }
            // A second pin of a pinned version changes nothing.
            guard new != old else { return version != nil }
            do {
                try append(new, key, level, origin, hash, writer)
                return true
            } catch {
                catalog.release(catalog.labels.set(old, of: hash))
                throw error
            }
        }
    }

    /// Holds a version, even if the index drops it; false if there is none.
    private func hold(_ number: SequenceNumber, _ hash: KeyHash) throws -> Bool {
        // A version of the memory level is written to the log first, because labels refer to the log.
        if memory.versions(hash).contains(where: { $0.number == number && $0.isDirty }) { try writeOut(hash) }
        while catalog.labels.location(hash, number) == nil {
            guard let location = catalog.index.location(hash, number) else { return false }
            let version = LabelTable.Version(hash: hash, number: number, location: location)
            catalog.labels.hold(version)
            // Retention dropped it, or compaction moved it, before it was held: nothing keeps that frame.
            if catalog.index.location(hash, number) == location { return true }
            catalog.release(catalog.labels.set(catalog.labels.labels(of: hash), of: hash))
        }
        return true
    }

    private func append(
        _ labels: VersionLabels, _ key: CheckpointKey, _ level: Level, _ origin: Origin, _ hash: KeyHash,
        _ writer: Writer
    ) throws {
        let name = try self.hash(of: key, level: level.rawValue, origin: origin, space: .labels)
        var header = FrameHeader(kind: .labels)
        header.level = level.rawValue
        let appended = try unsafe key.withValidatedBytes { key in
            try unsafe labels.bytes.withUnsafeBytes { payload in
                try unsafe origin.bytes.withUnsafeBytes { origin in
                    unsafe header.setPayload(payload)
                    let draft = unsafe FrameDraft(header: header, key: key, origin: origin, payload: payload)
                    let appended = try writer.appender.append(draft)
                    unsafe catalog.insert(
                        CatalogRecord(
                            kind: .labels, level: level.rawValue, sequenceNumber: appended.sequenceNumber,
                            location: appended.location, key: key, origin: origin))
                    return appended
                }
            }
        }
        catalog.release(catalog.labels.set(labels, of: hash, name: name, record: appended.sequenceNumber))
        appended.indexed()
        settleInline()
        if catalog.values.hasCandidates { writer.maintenance.noteValues() }
    }
}
