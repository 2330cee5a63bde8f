extension LogEngine {
    /// Takes one version of a key away, and the group that holds it; false if the log has no such version.
    ///
    /// The frames that say so have the numbers of what they end, and stand in their places: so the versions after it
    /// are those that would be kept if it were still there. Durable as the level's checkpoints are.
    ///
    /// - Throws: `.damaged` when the frame of the group cannot be read; what an append throws.
    /// - Complexity: O(n) in the members of all groups; one read of a frame.
    package func appendRemoval(
        of version: SequenceNumber, of key: CheckpointKey, _ level: Level, origin: Origin
    ) throws -> Bool {
        let writer = try requireWriter()
        let hash = try hash(of: key, level: level.rawValue, origin: origin)
        // What is on its way out of the memory has arrived by then, and does not set out any more.
        return try writingOut.withLock { _ in
            var batch = PreparedBatch()
            try retryingMoved { _ in
                batch = PreparedBatch()
                guard
                    let location = catalog.index.location(hash, version) ?? catalog.labels.location(hash, version)
                else { return }
                let isMarked = catalog.index.versions(hash).contains { $0.sequenceNumber == version && $0.isMarked }
                try add(.versionRemoval, version, try facts(at: location, isMarked), key, level, origin, to: &batch)
                guard let group = catalog.groups.holder(of: hash, version),
                    let place = catalog.index.location(group.name, group.number)
                else { return }
                let frame = try frames.header(at: place)
                try add(
                    .groupRemoval, group.number, Facts(timestamp: frame.header.timestamp),
                    CheckpointKey(String(decoding: frame.key, as: UTF8.self)), level, .own, to: &batch)
            }
            if batch.count > 0 { try append(&batch, writer) }
            return memory.remove(hash, version) || batch.count > 0
        }
    }

    /// What the frame that ends a version has of it.
    private struct Facts {
        var timestamp: Int64 = 0
        var ordinal: UInt32 = 0
        var isMarked = false
    }

    private func facts(at location: FrameLocation, _ isMarked: Bool) throws -> Facts {
        do {
            let header = try frames.header(at: location).header
            return Facts(timestamp: header.timestamp, ordinal: header.ordinal, isMarked: isMarked)
        } catch let error as CheckpointLogError where error.code == .damaged && !Self.isGone(error) {
            // A damaged version can be removed as any other; nobody asks for its time.
            return Facts(ordinal: isMarked ? 1 : 0, isMarked: isMarked)
        }
    }

    private func add(
        _ kind: RecordKind, _ number: SequenceNumber, _ facts: Facts, _ key: CheckpointKey, _ level: Level,
        _ origin: Origin, to batch: inout PreparedBatch
    ) throws {
        var header = FrameHeader(kind: kind)
        header.level = level.rawValue
        header.ordinal = facts.ordinal
        if facts.isMarked { header.flags.insert(.marked) }
        header.setTaken(TakenNumber(sequenceNumber: number, timestamp: facts.timestamp))
        unsafe try key.withValidatedBytes { key in
            unsafe batch.add(header, key: key, origin: origin, payload: .empty)
        }
    }

    private func append(_ batch: inout PreparedBatch, _ writer: Writer) throws {
        let appended = try writer.records.append(&batch)
        batch.withDrafts { drafts in
            for (draft, appended) in zip(drafts, appended) {
                unsafe catalog.insert(
                    CatalogRecord(
                        kind: draft.header.kind, level: draft.header.level, sequenceNumber: appended.sequenceNumber,
                        location: appended.location, key: draft.key, origin: draft.origin,
                        isMarked: draft.header.flags.contains(.marked)))
            }
        }
        for appended in appended { appended.indexed() }
        settleInline()
        if catalog.values.hasCandidates { writer.maintenance.noteValues() }
    }
}
