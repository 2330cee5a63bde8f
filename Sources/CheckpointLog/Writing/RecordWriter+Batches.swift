extension RecordWriter {
    /// A record's place, as the index is told of it.
    package struct Placement: Sendable {
        package var sequenceNumber: SequenceNumber
        package var location: FrameLocation

        package init(sequenceNumber: SequenceNumber, location: FrameLocation) {
            self.sequenceNumber = sequenceNumber
            self.location = location
        }
    }

    /// A batch that is written to segments of its own, which the manifest does not list yet.
    package struct BatchSegments: Sendable {
        package var segments: [Manifest.Segment] = []
        package var placements: [Placement] = []
        /// The last number that an append was given.
        package var lastNumber = SequenceNumber(rawValue: 0)
    }

    /// Writes the values of `members` that are large to files of their own, and puts all frames into `batch`; with the
    /// list of the members after them when they are a group.
    ///
    /// - Throws: `.valueTooLarge`, `.invalidGroup`; what the appender throws. What `batch` holds by then goes with
    ///   ``discard(_:)``.
    package func prepare(
        _ members: [BatchMember], group: (name: CheckpointKey, level: Level, list: GroupMembers)?,
        in batch: inout PreparedBatch
    ) throws {
        try requireWithinLimit(members.reduce(0) { $0 + $1.bytes.count })
        for member in members { try member.attributes.origin.requirePossible() }
        for member in members { try prepare(member, in: &batch) }
        if let group { try prepare(group.list, group.name, group.level, in: &batch) }
    }

    private func prepare(_ member: BatchMember, in batch: inout PreparedBatch) throws {
        let attributes = member.attributes
        unsafe try member.key.withValidatedBytes { key in
            unsafe try member.bytes.withUnsafeBytes { bytes in
                if attributes.kind == .value, isLarge(bytes.count) {
                    return unsafe try withReference(to: BytePieces(bytes), attributes, key: key) {
                        header, payload, file in
                        unsafe batch.add(
                            header, key: key, origin: attributes.origin, metadata: attributes.metadata,
                            payload: payload,
                            value: file)
                    }
                }
                unsafe try withPayload(bytes, attributes, key: key) { header, payload in
                    unsafe batch.add(
                        header, key: key, origin: attributes.origin, metadata: attributes.metadata, payload: payload)
                }
            }
        }
    }

    private func prepare(
        _ list: GroupMembers, _ name: CheckpointKey, _ level: Level, in batch: inout PreparedBatch
    ) throws {
        let bytes = list.bytes
        guard (1...GroupMembers.limit).contains(list.keys.count) else {
            throw CheckpointLogError.invalidGroup(memberCount: list.keys.count, limit: GroupMembers.limit)
        }
        guard bytes.count <= FrameDecoder.payloadByteLimit else {
            throw CheckpointLogError.invalidGroup(
                memberCount: list.keys.count, listByteCount: bytes.count, limit: FrameDecoder.payloadByteLimit)
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

    /// Appends a batch that is not large to the active segment.
    package func append(_ batch: inout PreparedBatch) throws -> [Appended] {
        do {
            return try batch.withDrafts { try appender.append(batch: $0) }
        } catch {
            // Frames whose position could not be stated are there all the same.
            batch.isInDoubt = appender.failure != nil
            throw error
        }
    }

    /// Writes a large batch to segments of its own, complete and synced, with all that was written before it. They are
    /// orphans until ``commit(_:of:)``.
    ///
    /// - Throws: what the appender throws, `.ioFailure`; nothing of the segments is left then.
    package func write(_ batch: PreparedBatch) throws -> BatchSegments {
        try appender.gate.takingRoom(batch.frameByteCount, in: identity.directory.path) { try writeWithRoom(batch) }
    }

    private func writeWithRoom(_ batch: PreparedBatch) throws -> BatchSegments {
        // A reader that meets a number from after the batch's finds its file: `LogFollower.settledEnd`.
        var output: OutputSegment? = try makeOutput()
        var written = BatchSegments()
        do {
            let first = try appender.reserveSequenceNumbers(batch.count)
            try batch.withDrafts { drafts in
                for (index, draft) in drafts.enumerated() {
                    var header = draft.header
                    header.appendNumber = SequenceNumber(rawValue: first.sequenceNumber.rawValue + UInt64(index))
                    if !header.flags.contains(.late) {
                        header.sequenceNumber = header.appendNumber
                        header.timestamp = first.timestamp
                    }
                    if let full = output, full.byteCount + header.frameByteCount > limits.segmentByteCount {
                        written.segments.append(try full.finish())
                        output = nil
                    }
                    let segment = try output ?? makeOutput()
                    output = segment
                    let location = try segment.append(header, draft, value: batch.value(at: index))
                    written.lastNumber = header.appendNumber
                    written.placements.append(
                        Placement(sequenceNumber: header.sequenceNumber, location: location))
                }
            }
            if let full = output {
                written.segments.append(try full.finish())
                output = nil
            }
            try syncPredecessors()
        } catch {
            output?.abandon()
            remove(written.segments)
            throw error
        }
        return written
    }

    /// Makes durable what was written before a batch that the manifest commits: after a power cut the log is a
    /// beginning of what happened, and the edit is durable by itself.
    private func syncPredecessors() throws {
        try syncWritten()
    }

    private func makeOutput() throws -> OutputSegment {
        try manifest.makeSegment { number in
            try OutputSegment(identity: identity, name: SegmentName(number, .output), created: appender.now())
        }
    }

    /// Lists the segments of a batch in the manifest, which makes them part of the log.
    ///
    /// - Throws: `.ioFailure`, `.diskFull`. The segments are removed, unless the edit may be in force: the batch is in
    ///   doubt then.
    package func commit(_ written: BatchSegments, of batch: inout PreparedBatch) throws {
        do throws(FileSystemError) {
            try manifest.edit { $0.segments += written.segments }
        } catch {
            let failure = CheckpointLogError(error)
            if !failure.canBeTriedAgain { appender.poison(failure) }
            // Once the new manifest may be in force, the files stay.
            batch.isInDoubt = error.isBehindRename
            if !batch.isInDoubt { remove(written.segments) }
            throw failure
        }
        appender.count(records: batch.count, byteCount: batch.frameByteCount, syncs: written.segments.count)
    }

    private func remove(_ segments: [Manifest.Segment]) {
        for segment in segments { try? identity.directory.remove(segment.name) }
    }

    /// Removes the value segments of a batch that has failed, unless the next opening may find it and then wants them:
    /// the space is wanted now rather than at that opening.
    package func discard(_ batch: PreparedBatch) {
        guard !batch.isInDoubt else { return }
        for file in batch.values { try? identity.directory.remove(SegmentName(file.segment, .value)) }
    }
}
