extension LogEngine {
    /// A batch that has been appended.
    package struct AppendedBatch: Sendable {
        /// The number of the last record. For a group it is the group's number.
        package var sequenceNumber: SequenceNumber
        package var frameByteCount: Int
        /// What must be synced for the batch to survive power loss.
        package var end: LogPosition
    }

    /// Appends records that count all or none. If `name` is given, they are a group of that name.
    ///
    /// A small batch goes into the active segment. A batch larger than `largeValueByteCount` goes into segments of its
    /// own. They are complete and synced before one edit of the manifest makes them part of the log, so such a batch is
    /// durable on return. Values larger than `largeValueByteCount` get value segments in either case.
    ///
    /// - Parameter patience: how long to wait for room on the disk.
    package func appendBatch(
        _ members: [BatchMember], group name: (CheckpointKey, Level)? = nil, _ patience: RoomPatience = .short
    ) throws -> AppendedBatch {
        try waitingForRoom(patience) {
            var members = members
            return try counting(&members) { try appendBatchOnce($0, group: name) }
        }
    }

    private func appendBatchOnce(
        _ members: [BatchMember], group name: (CheckpointKey, Level)?
    ) throws -> AppendedBatch {
        let writer = try requireWriter()
        if catalog.values.hasCandidates { try? writer.maintenance.freeValues() }
        return try writer.records.beforeClosing {
            var batch = PreparedBatch()
            do {
                let list = try name.map { _ in
                    GroupMembers(keys: try members.map { unsafe try $0.key.withValidatedBytes { unsafe Array($0) } })
                }
                let group = name.flatMap { name, level in list.map { (name, level, $0) } }
                try writer.records.prepare(members, group: group, in: &batch)
                return try writer.records.isLarge(batch.frameByteCount)
                    ? appendAsSegments(&batch, list, writer) : appendInPlace(&batch, list, writer)
            } catch {
                writer.records.discard(batch)
                throw error
            }
        }
    }

    private func appendInPlace(
        _ batch: inout PreparedBatch, _ list: GroupMembers?, _ writer: Writer
    ) throws -> AppendedBatch {
        let appended = try writer.records.append(&batch)
        guard let last = appended.last else {
            return AppendedBatch(
                sequenceNumber: writer.appender.lastSequenceNumber, frameByteCount: 0,
                end: writer.appender.writtenPosition)
        }
        addToIndex(
            batch,
            appended.map { RecordWriter.Placement(sequenceNumber: $0.sequenceNumber, location: $0.location) }, list)
        for appended in appended { appended.indexed() }
        settleInline()
        return AppendedBatch(
            sequenceNumber: last.sequenceNumber, frameByteCount: appended.reduce(0) { $0 + $1.frameByteCount },
            end: last.end)
    }

    /// Compaction must not take the segments before the index has all of their records.
    private func appendAsSegments(
        _ batch: inout PreparedBatch, _ list: GroupMembers?, _ writer: Writer
    ) throws -> AppendedBatch {
        batchesUnderWay.withLock { $0 += 1 }
        defer { batchesUnderWay.withLock { $0 -= 1 } }
        let written = try writer.records.write(batch)
        for segment in written.segments {
            catalog.usage.hold(segment.name.identifier)
            files.add(segment.name)
        }
        defer { for segment in written.segments { catalog.usage.release(segment.name.identifier) } }
        do {
            try writer.records.commit(written, of: &batch)
        } catch {
            if !batch.isInDoubt { for segment in written.segments { files.forget(segment.name.identifier) } }
            throw error
        }
        batchIndexing.withLock { _ in addToIndex(batch, written.placements, list) }
        writer.maintenance.noteSegment()
        return AppendedBatch(
            sequenceNumber: written.lastNumber, frameByteCount: batch.frameByteCount,
            end: writer.appender.syncedPosition)
    }

    /// Adds all records of a batch to the index, the group first, so that no member ever looks dead.
    private func addToIndex(_ batch: PreparedBatch, _ placements: [RecordWriter.Placement], _ list: GroupMembers?) {
        batch.withDrafts { drafts in
            if let list, let group = drafts.last, let placement = placements.last {
                let members = zip(zip(drafts, placements), list.keys).map { pair, key in
                    unsafe GroupTable.Member(
                        key: key,
                        hash: KeyHash(
                            identity.hashSecret, level: pair.0.header.level, origin: pair.0.origin, key: pair.0.key),
                        sequenceNumber: pair.1.sequenceNumber, location: pair.1.location)
                }
                let name = unsafe KeyHash(
                    identity.hashSecret, level: group.header.level, origin: group.origin, key: group.key, space: .group)
                catalog.groups.insert(
                    name,
                    GroupTable.Group(
                        sequenceNumber: placement.sequenceNumber, location: placement.location, members: members))
            }
            for (index, (draft, placement)) in zip(drafts, placements).enumerated() {
                unsafe catalog.insert(
                    CatalogRecord(
                        kind: draft.header.kind, level: draft.header.level, sequenceNumber: placement.sequenceNumber,
                        location: placement.location, key: draft.key, origin: draft.origin,
                        value: batch.value(at: index), isMarked: draft.header.flags.contains(.marked)))
            }
        }
    }
}
