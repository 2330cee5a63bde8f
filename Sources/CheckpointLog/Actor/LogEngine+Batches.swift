extension LogEngine {
    /// One record of a batch, before it has a place.
    package struct BatchMember: Sendable {
        package var key: CheckpointKey
        package var content: Content
        package var bytes: [UInt8]

        package init(key: CheckpointKey, content: Content, bytes: [UInt8]) {
            self.key = key
            self.content = content
            self.bytes = bytes
        }
    }

    /// A batch that has its place.
    package struct AppendedBatch: Sendable {
        /// The number of the last record: the group's, when the batch is one.
        package var sequenceNumber: SequenceNumber
        package var frameByteCount: Int
        /// What must be synced for the batch to survive power loss.
        package var end: LogPosition
    }

    /// A record's place, as the index is told of it.
    private struct Placement {
        var sequenceNumber: SequenceNumber
        var location: FrameLocation
    }

    /// Appends records that count together or not at all, and keeps them together under `name` when one is given.
    ///
    /// A small batch goes into the active segment. One over `largeValueByteCount` goes into segments of its own, which are
    /// complete and synced before one edit of the manifest makes them part of the log: durable on return. Values over
    /// `largeValueByteCount` get value segments in either case.
    package func appendBatch(_ members: [BatchMember], group name: (CheckpointKey, Level)? = nil) throws
        -> AppendedBatch
    {
        try beforeClosing { try appendWhileOpen(members, group: name) }
    }

    private func appendWhileOpen(_ members: [BatchMember], group name: (CheckpointKey, Level)?) throws -> AppendedBatch
    {
        let writer = try requireWriter()
        let byteCount = members.reduce(0) { $0 + $1.bytes.count }
        guard byteCount <= configuration.valueByteLimit else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: byteCount, limit: configuration.valueByteLimit, setting: "valueByteLimit")
        }
        for member in members { try member.content.origin.requirePossible() }
        var batch = PreparedBatch()
        var isInDoubt = false
        do {
            for member in members { try prepare(member, in: &batch, writer) }
            var list: GroupMembers?
            if let (name, level) = name {
                let keys = try members.map { unsafe try $0.key.withValidatedBytes { unsafe Array($0) } }
                let members = GroupMembers(keys: keys)
                list = members
                try prepareGroup(name, level, members, in: &batch)
            }
            if batch.frameByteCount <= configuration.largeValueLimit {
                return try appendInPlace(batch, list, writer, &isInDoubt)
            }
            return try appendAsSegments(batch, list, writer, &isInDoubt)
        } catch {
            // The next opening may find the batch, and then wants its values.
            if isInDoubt { throw error }
            // Value segments of a batch that has failed are orphans: the space is wanted now rather than at the next opening.
            for segment in batch.valueSegments {
                try? identity.directory.remove(SegmentName(segment, .value))
            }
            throw error
        }
    }

    private func prepare(_ member: BatchMember, in batch: inout PreparedBatch, _ writer: Writer) throws {
        unsafe try member.key.withValidatedBytes { key in
            unsafe try member.bytes.withUnsafeBytes { bytes in
                guard bytes.count > configuration.largeValueLimit, member.content.kind == .value else {
                    return unsafe try withPayload(bytes, member.content) { header, payload in
                        unsafe batch.add(header, key: key, origin: member.content.origin, payload: payload)
                    }
                }
                let taken = try member.content.taken ?? writer.appender.takeSequenceNumber()
                let reference = unsafe try writeValueSegment(bytes, member.content, key: key, taken, writer)
                var header = FrameHeader(kind: .reference)
                header.level = member.content.level.rawValue
                header.flags = member.content.flags
                header.setTaken(member.content.taken)
                unsafe reference.bytes.withUnsafeBytes { payload in
                    unsafe header.setPayload(payload)
                    unsafe batch.add(
                        header, key: key, origin: member.content.origin, payload: payload,
                        valueSegment: reference.segment)
                }
            }
        }
    }

    private func prepareGroup(
        _ name: CheckpointKey, _ level: Level, _ members: GroupMembers, in batch: inout PreparedBatch
    ) throws {
        let bytes = members.bytes
        guard (1...GroupMembers.limit).contains(members.keys.count) else {
            throw CheckpointLogError.invalidGroup(memberCount: members.keys.count, limit: GroupMembers.limit)
        }
        guard bytes.count <= FrameDecoder.payloadByteLimit else {
            throw CheckpointLogError.invalidGroup(
                memberCount: members.keys.count, listByteCount: bytes.count, limit: FrameDecoder.payloadByteLimit)
        }
        var header = FrameHeader(kind: .group)
        header.level = level.rawValue
        unsafe try name.withValidatedBytes { name in
            unsafe bytes.withUnsafeBytes { payload in
                unsafe header.setPayload(payload)
                unsafe batch.add(header, key: name, origin: .own, payload: payload)
            }
        }
    }

    private func appendInPlace(
        _ batch: PreparedBatch, _ list: GroupMembers?, _ writer: Writer, _ isInDoubt: inout Bool
    ) throws -> AppendedBatch {
        let appended: [Appended]
        do {
            appended = try batch.withDrafts { try writer.appender.append(batch: $0) }
        } catch {
            // Frames whose position could not be stated are there all the same.
            isInDoubt = writer.appender.failure != nil
            throw error
        }
        guard let last = appended.last else {
            return AppendedBatch(
                sequenceNumber: writer.appender.lastSequenceNumber, frameByteCount: 0,
                end: writer.appender.writtenPosition)
        }
        enter(
            batch, appended.map { Placement(sequenceNumber: $0.sequenceNumber, location: $0.location) }, list)
        for appended in appended { appended.segment.removePendingEntry() }
        if configuration.runsInline { try? writer.maintenance.sealAll() }
        return AppendedBatch(
            sequenceNumber: last.sequenceNumber, frameByteCount: appended.reduce(0) { $0 + $1.frameByteCount },
            end: last.end)
    }

    /// The manifest edit is the commit: before it the segments are orphans. They cannot be compacted before the index has all
    /// of their records.
    private func appendAsSegments(
        _ batch: PreparedBatch, _ list: GroupMembers?, _ writer: Writer, _ isInDoubt: inout Bool
    ) throws -> AppendedBatch {
        batchesUnderWay.withLock { $0 += 1 }
        defer { batchesUnderWay.withLock { $0 -= 1 } }
        try writer.appender.requireOpen()
        // A reader that meets a number from after the batch's finds its file: `LogFollower.settledEnd`.
        var output: OutputSegment? = try makeOutput(writer)
        let first: TakenNumber
        do {
            first = try writer.appender.takeSequenceNumbers(batch.count)
        } catch {
            output?.abandon()
            throw error
        }
        var sealed: [Manifest.Segment] = []
        var placements: [Placement] = []
        try batch.withDrafts { drafts in
            do {
                for (index, draft) in drafts.enumerated() {
                    var header = draft.header
                    header.appendNumber = SequenceNumber(rawValue: first.sequenceNumber.rawValue + UInt64(index))
                    if !header.flags.contains(.late) {
                        header.sequenceNumber = header.appendNumber
                        header.timestamp = first.timestamp
                    }
                    if let full = output,
                        full.byteCount + header.frameByteCount > configuration.segmentByteLimit
                    {
                        sealed.append(try full.finish())
                        output = nil
                    }
                    let segment = try output ?? makeOutput(writer)
                    output = segment
                    placements.append(
                        Placement(
                            sequenceNumber: header.sequenceNumber,
                            location: unsafe try segment.append(
                                header, key: draft.key, origin: draft.origin, payload: draft.payload,
                                valueSegment: batch.valueSegment(at: index))))
                }
                if let full = output {
                    sealed.append(try full.finish())
                    output = nil
                }
                try syncPredecessors(writer)
            } catch {
                output?.abandon()
                for segment in sealed { try? identity.directory.remove(segment.name) }
                throw error
            }
        }
        for segment in sealed {
            catalog.usage.hold(segment.name.identifier)
            files.add(segment.name)
        }
        defer { for segment in sealed { catalog.usage.release(segment.name.identifier) } }
        do throws(FileSystemError) {
            try writer.manifest.edit { $0.segments += sealed }
        } catch {
            let failure = CheckpointLogError(error)
            if !failure.isLackOfRoom { writer.appender.poison(failure) }
            // Once the new manifest may be in force, the files stay.
            isInDoubt = error.isBehindRename
            if !isInDoubt {
                for segment in sealed {
                    files.forget(segment.name.identifier)
                    try? identity.directory.remove(segment.name)
                }
            }
            throw failure
        }
        enter(batch, placements, list)
        writer.appender.count(records: batch.count, byteCount: batch.frameByteCount, syncs: sealed.count)
        writer.maintenance.noteSegment()
        let last = SequenceNumber(rawValue: first.sequenceNumber.rawValue + UInt64(batch.count - 1))
        return AppendedBatch(
            sequenceNumber: last, frameByteCount: batch.frameByteCount, end: writer.appender.syncedPosition)
    }

    /// Makes durable what was written before a batch that the manifest commits: after a power cut the log is a beginning of what
    /// happened, and the edit is durable by itself.
    private func syncPredecessors(_ writer: Writer) throws {
        #if PLANTED_BUGS
        if PlantedBug.predecessorsNotSynced.isPlanted { return }
        #endif
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
    }

    private func makeOutput(_ writer: Writer) throws -> OutputSegment {
        try writer.manifest.makeSegment { number in
            try OutputSegment(
                identity: identity, name: SegmentName(number, .output), created: configuration.now())
        }
    }

    /// Tells the index of all records of a batch, the group first, so that none of its members is ever taken for dead.
    private func enter(_ batch: PreparedBatch, _ placements: [Placement], _ list: GroupMembers?) {
        batch.withDrafts { drafts in
            var released: [GroupTable.Member] = []
            if let list, let group = drafts.last, let placement = placements.last {
                let members = zip(zip(drafts, placements), list.keys).map { pair, key in
                    unsafe GroupTable.Member(
                        key: key,
                        hash: KeyHash(
                            identity.hashKey, level: pair.0.header.level, origin: pair.0.origin, key: pair.0.key),
                        sequenceNumber: pair.1.sequenceNumber, location: pair.1.location)
                }
                let name = unsafe KeyHash(
                    identity.hashKey, level: group.header.level, origin: group.origin, key: group.key, space: .group)
                released = catalog.groups.insert(
                    name, GroupTable.Group(sequenceNumber: placement.sequenceNumber, members: members))
            }
            for (index, (draft, placement)) in zip(drafts, placements).enumerated() {
                unsafe catalog.insert(
                    CatalogRecord(
                        kind: draft.header.kind, level: draft.header.level, sequenceNumber: placement.sequenceNumber,
                        location: placement.location, key: draft.key, origin: draft.origin,
                        valueSegment: batch.valueSegment(at: index)))
            }
            for member in released where !catalog.index.holds(member.hash, member.sequenceNumber) {
                catalog.usage.remove(member.location)
            }
        }
    }
}
