extension LogEngine {
    /// How the bytes of one record are to be stored, before they have a place.
    package struct Content: Sendable {
        package var level: Level
        package var policy: LevelPolicy
        package var flags: FrameHeader.Flags
        package var origin = Origin.own
        /// A value, or a mark.
        package var kind = RecordKind.value
        /// The number of a record that was taken before it is appended; nil when it gets one with its place.
        package var taken: TakenNumber?

        package init(level: Level, policy: LevelPolicy, flags: FrameHeader.Flags) {
            self.level = level
            self.policy = policy
            self.flags = flags
        }

        package func adding(_ flags: FrameHeader.Flags) -> Content {
            var copy = self
            copy.flags.formUnion(flags)
            return copy
        }
    }

    package func content(_ level: Int) throws -> Content {
        let level = try Level(validating: level)
        return Content(level: level, policy: policy(for: level.rawValue), flags: [])
    }

    /// Appends one value and enters it into the index. Blocks for a large value, whose file is synced first.
    package func append(_ bytes: [UInt8], _ content: Content, key: CheckpointKey) throws -> Appended {
        unsafe try bytes.withUnsafeBytes { unsafe try append($0, content, key: key) }
    }

    package func append(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: CheckpointKey
    ) throws -> Appended {
        let writer = try requireWriter()
        try content.origin.requirePossible()
        guard bytes.count <= configuration.valueByteLimit else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: bytes.count, limit: configuration.valueByteLimit, setting: "valueByteLimit")
        }
        return unsafe try key.withValidatedBytes { key in
            unsafe try content.origin.bytes.withUnsafeBytes { origin in
                if bytes.count > configuration.largeValueLimit {
                    return unsafe try appendLarge(bytes, content, key: key, origin: origin, writer)
                }
                return unsafe try withPayload(bytes, content) { header, payload in
                    let draft = unsafe FrameDraft(header: header, key: key, origin: origin, payload: payload)
                    let appended = try writer.appender.append(draft)
                    enter(appended, draft)
                    return appended
                }
            }
        }
    }

    /// Compresses and checksums outside the append lock: gives the header of a value's frame and its stored bytes.
    package func withPayload<Result>(
        _ bytes: UnsafeRawBufferPointer, _ content: Content,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        var header = FrameHeader(kind: content.kind)
        header.level = content.level.rawValue
        header.flags = content.flags
        header.setTaken(content.taken)
        let method = bytes.count >= Compression.leastByteCount ? content.policy.compression : .none
        return unsafe try FrameEncoder.withPayload(bytes, method, header, body)
    }

    /// The value goes to a file of its own, complete and synced; the reference that follows is its commit.
    private func appendLarge(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer, _ writer: Writer
    ) throws -> Appended {
        try beforeClosing { unsafe try appendLargeWhileOpen(bytes, content, key: key, origin: origin, writer) }
    }

    private func appendLargeWhileOpen(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer, _ writer: Writer
    ) throws -> Appended {
        try checkOpen()
        let taken = try content.taken ?? writer.appender.takeSequenceNumber()
        let reference = unsafe try writeValueSegment(bytes, content, key: key, taken, writer)
        let payload = reference.bytes
        var header = FrameHeader(kind: .reference)
        header.level = content.level.rawValue
        header.flags = content.flags
        header.setTaken(taken)
        return unsafe try payload.withUnsafeBytes { payload in
            unsafe header.setPayload(payload)
            let draft = unsafe FrameDraft(header: header, key: key, origin: origin, payload: payload)
            let appended: Appended
            do {
                appended = try writer.appender.append(draft)
            } catch {
                // A log that has failed may have the reference all the same; in any other its room is wanted now.
                if writer.appender.failure == nil {
                    try? identity.directory.remove(SegmentName(reference.segment, .value))
                }
                throw error
            }
            enter(appended, draft, valueSegment: reference.segment)
            return appended
        }
    }

    package func writeValueSegment(
        _ bytes: UnsafeRawBufferPointer, _ content: Content, key: UnsafeRawBufferPointer, _ taken: TakenNumber,
        _ writer: Writer
    ) throws -> ValueReference {
        try wrapping { () throws(FileSystemError) in
            let segment = try writer.manifest.takeSegmentNumber()
            return unsafe try ValueSegment.write(
                bytes, identity: identity, segment: segment, epoch: taken.sequenceNumber.epoch,
                level: content.level.rawValue, key: key, number: taken.sequenceNumber, timestamp: taken.timestamp,
                compression: content.policy.compression)
        }
    }

    /// Ends a key at one level. Durable as the level's checkpoints are.
    package func appendRemoval(of key: CheckpointKey, _ level: Level, origin: Origin = .own) throws -> Appended {
        let writer = try requireWriter()
        return unsafe try key.withValidatedBytes { bytes in
            unsafe try origin.bytes.withUnsafeBytes { origin in
                var header = FrameHeader(kind: .removal)
                header.level = level.rawValue
                let draft = unsafe FrameDraft(header: header, key: bytes, origin: origin)
                let appended = try writer.appender.append(draft)
                enter(appended, draft)
                let hash = unsafe KeyHash(identity.hashKey, level: level.rawValue, origin: origin, key: bytes)
                memory.drop(hash, key: key, through: appended.sequenceNumber)
                return appended
            }
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
        memory.dropAll(level: level?.rawValue, through: appended.sequenceNumber)
        return appended
    }

    package func enter(_ appended: Appended, _ draft: FrameDraft, valueSegment: UInt32 = 0) {
        unsafe catalog.insert(
            CatalogRecord(
                kind: draft.header.kind, level: draft.header.level, sequenceNumber: appended.sequenceNumber,
                location: appended.location, key: draft.key, origin: draft.origin, valueSegment: valueSegment))
        appended.segment.removePendingEntry()
        if configuration.runsInline { try? writer?.maintenance.sealAll() }
    }
}
