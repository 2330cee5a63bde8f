extension LogEngine {
    /// The bytes of one record before they have a place.
    package struct Content: Sendable {
        package var level: Level
        package var policy: LevelPolicy
        package var flags: FrameHeader.Flags

        package init(level: Level, policy: LevelPolicy, flags: FrameHeader.Flags) {
            self.level = level
            self.policy = policy
            self.flags = flags
        }
    }

    /// Calls `body` with an empty buffer whose memory was used before, and takes it back.
    package func withEncodeBuffer<Result>(_ body: (inout [UInt8]) throws -> Result) rethrows -> Result {
        var buffer = encodeBuffers.withLock { $0.popLast() } ?? []
        defer {
            if buffer.capacity <= 4 << 20 {
                buffer.removeAll(keepingCapacity: true)
                encodeBuffers.withLock { if $0.count < 8 { $0.append(buffer) } }
            }
        }
        return try body(&buffer)
    }

    /// Appends one value and enters it into the index. Blocks for a large value, whose file is synced first.
    package func append(_ bytes: [UInt8], _ content: Content, key: CheckpointKey) throws -> Appended {
        let writer = try requireWriter()
        guard bytes.count <= configuration.valueByteLimit else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: bytes.count, limit: configuration.valueByteLimit, setting: "valueByteLimit")
        }
        return unsafe try key.withValidatedBytes { key in
            unsafe try bytes.withUnsafeBytes { bytes in
                if bytes.count > configuration.largeValueByteCount {
                    return unsafe try appendLarge(bytes, content, key: key, writer)
                }
                return unsafe try withDraft(bytes, content, key: key) { draft in
                    let appended = try writer.appender.append(draft)
                    enter(appended, draft)
                    return appended
                }
            }
        }
    }

    /// Compresses and checksums outside the append lock.
    private func withDraft<Result>(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: UnsafeRawBufferPointer,
        _ body: (FrameDraft) throws -> Result
    ) throws -> Result {
        var header = FrameHeader(kind: .value)
        header.level = content.level.rawValue
        header.flags = content.flags
        header.contentByteCount = bytes.count
        header.contentCRC = unsafe Checksum.mask(Checksum.extend(0, bytes))
        header.storedByteCount = bytes.count
        header.payloadCRC = header.contentCRC
        guard bytes.count >= Compression.leastByteCount, content.policy.compression != .none else {
            return unsafe try body(FrameDraft(header: header, key: key, payload: bytes))
        }
        return unsafe try BufferPool.shared.withBuffer(byteCount: bytes.count) { buffer in
            let method = content.policy.compression
            guard let count = unsafe Compression.compress(bytes, into: buffer, method: method) else {
                return unsafe try body(FrameDraft(header: header, key: key, payload: bytes))
            }
            let stored = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
            header.compression = method
            header.storedByteCount = count
            header.payloadCRC = unsafe Checksum.mask(Checksum.extend(0, stored))
            return unsafe try body(FrameDraft(header: header, key: key, payload: stored))
        }
    }

    /// The value goes to a file of its own, complete and synced; the reference that follows is its commit.
    private func appendLarge(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: UnsafeRawBufferPointer, _ writer: Writer
    ) throws -> Appended {
        let (number, timestamp) = try writer.appender.takeSequenceNumber()
        let reference = try wrapping { () throws(FileSystemError) in
            let segment = try writer.manifest.takeSegmentNumber()
            return unsafe try ValueSegment.write(
                bytes, identity: identity, segment: segment, epoch: number.epoch, level: content.level.rawValue,
                key: key,
                number: number, timestamp: timestamp, compression: content.policy.compression)
        }
        let payload = reference.bytes
        var header = FrameHeader(kind: .reference)
        header.level = content.level.rawValue
        header.flags = content.flags.union(.late)
        header.sequenceNumber = number
        header.timestamp = timestamp
        header.contentByteCount = payload.count
        header.storedByteCount = payload.count
        header.contentCRC = Checksum.mask(Checksum.of(payload))
        header.payloadCRC = header.contentCRC
        return unsafe try payload.withUnsafeBytes { payload in
            let draft = unsafe FrameDraft(header: header, key: key, payload: payload)
            let appended = try writer.appender.append(draft)
            enter(appended, draft, valueSegment: reference.segment)
            return appended
        }
    }

    /// Ends a key at one level. Durable as the level's checkpoints are.
    package func appendRemoval(of key: CheckpointKey, _ level: Level) throws -> Appended {
        let writer = try requireWriter()
        return unsafe try key.withValidatedBytes { key in
            var header = FrameHeader(kind: .removal)
            header.level = level.rawValue
            let draft = unsafe FrameDraft(header: header, key: key)
            let appended = try writer.appender.append(draft)
            enter(appended, draft)
            return appended
        }
    }

    /// Ends all keys of a level, or of every level, with one record.
    package func appendRemovalOfAll(_ level: Level?) throws -> Appended {
        let writer = try requireWriter()
        var header = FrameHeader(kind: .removalOfAll)
        header.level = level?.rawValue ?? 0
        let draft = unsafe FrameDraft(header: header)
        let appended = try writer.appender.append(draft)
        enter(appended, draft)
        return appended
    }

    private func enter(_ appended: Appended, _ draft: FrameDraft, valueSegment: UInt32 = 0) {
        unsafe catalog.insert(
            CatalogRecord(
                kind: draft.header.kind, level: draft.header.level, sequenceNumber: appended.sequenceNumber,
                location: appended.location, key: draft.key, origin: draft.origin, valueSegment: valueSegment))
        appended.segment.removePendingEntry()
        if configuration.runsInline { try? writer?.maintenance.sealAll() }
    }

    /// Appends the members of a group and the group itself as one batch: all count, or none.
    package func appendGroup(
        _ name: CheckpointKey, _ members: [(key: CheckpointKey, bytes: [UInt8], flags: FrameHeader.Flags)],
        _ level: Level
    ) throws -> Appended {
        let writer = try requireWriter()
        let list = GroupMembers(keys: members.map { Array($0.key.name.utf8) })
        guard !list.keys.isEmpty, list.keys.count <= GroupMembers.limit else {
            throw CheckpointLogError.unsupported("A group has 1 to \(GroupMembers.limit) members.")
        }
        // One arena holds every byte of the batch while it is appended.
        var arena: [UInt8] = []
        var drafts: [(header: FrameHeader, key: Range<Int>, payload: Range<Int>)] = []
        func add(_ kind: RecordKind, _ flags: FrameHeader.Flags, _ key: [UInt8], _ payload: [UInt8]) {
            var header = FrameHeader(kind: kind)
            header.level = level.rawValue
            header.flags = flags
            header.contentByteCount = payload.count
            header.storedByteCount = payload.count
            header.contentCRC = Checksum.mask(Checksum.of(payload))
            header.payloadCRC = header.contentCRC
            let keyRange = arena.count..<arena.count + key.count
            arena += key
            drafts.append((header, keyRange, arena.count..<arena.count + payload.count))
            arena += payload
        }
        for member in members {
            guard member.bytes.count <= configuration.largeValueByteCount else {
                throw CheckpointLogError.valueTooLarge(
                    byteCount: member.bytes.count, limit: configuration.largeValueByteCount,
                    setting: "largeValueByteCount")
            }
            unsafe try member.key.withValidatedBytes { unsafe add(.value, member.flags, Array($0), member.bytes) }
        }
        guard list.bytes.count <= FrameDecoder.payloadByteLimit else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: list.bytes.count, limit: FrameDecoder.payloadByteLimit, setting: "the keys of one group")
        }
        unsafe try name.withValidatedBytes { unsafe add(.group, [], Array($0), list.bytes) }
        return unsafe try arena.withUnsafeBytes { arena in
            let batch = drafts.map { draft in
                unsafe FrameDraft(
                    header: draft.header, key: UnsafeRawBufferPointer(rebasing: arena[draft.key]),
                    payload: UnsafeRawBufferPointer(rebasing: arena[draft.payload]))
            }
            let appended = try writer.appender.append(batch: batch)
            return try enterGroup(appended, batch, list)
        }
    }

    private func enterGroup(_ appended: [Appended], _ batch: [FrameDraft], _ list: GroupMembers) throws -> Appended {
        var members: [GroupTable.Member] = []
        for (appended, draft) in zip(appended.dropLast(), batch) {
            let hash = unsafe KeyHash(identity.hashKey, level: draft.header.level, origin: draft.origin, key: draft.key)
            unsafe members.append(
                GroupTable.Member(
                    key: Array(draft.key), hash: hash, sequenceNumber: appended.sequenceNumber,
                    location: appended.location))
        }
        guard let last = appended.last, let draft = batch.last else { throw CheckpointLogError.closed }
        let name = unsafe KeyHash(
            identity.hashKey, level: draft.header.level, origin: draft.origin, key: draft.key, isGroup: true)
        // Held before the members are entered, so that none of them is ever taken for dead.
        let released = catalog.groups.insert(
            name, GroupTable.Group(sequenceNumber: last.sequenceNumber, members: members))
        for (appended, draft) in zip(appended, batch) { enter(appended, draft) }
        for member in released where !catalog.index.holds(member.hash, member.sequenceNumber) {
            catalog.usage.remove(member.location)
        }
        return last
    }
}
