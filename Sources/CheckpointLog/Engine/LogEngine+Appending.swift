extension LogEngine {
    package func attributes(_ level: Int) throws -> RecordAttributes {
        let level = try Level(validating: level)
        return RecordAttributes(level: level, policy: storagePolicy(for: level.rawValue), flags: [])
    }

    /// Whether a value of so many bytes gets a file of its own, at any level. A thread of the engine writes it.
    package func waitsForDisk(_ byteCount: Int) -> Bool { writer?.records.isLarge(byteCount) ?? false }

    /// Appends one value and enters it into the index. Blocks for a large value, until its file is complete.
    package func append(_ bytes: [UInt8], _ attributes: RecordAttributes, key: CheckpointKey) throws -> Appended {
        unsafe try bytes.withUnsafeBytes { unsafe try append($0, attributes, key: key) }
    }

    @inline(__always)
    package func append(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> Appended {
        let uncounted = try requireUncounted()
        guard unsafe !uncounted.records._withUnsafeGuaranteedRef({ $0.isLarge(bytes.count) }) else {
            return unsafe try append(large: BytePieces(bytes), attributes, key: key)
        }
        try attributes.requirePossibleOrigin()
        guard countsVersions else { return unsafe try append(bytes, attributes, key: key, to: uncounted) }
        return try counting(attributes, key) { unsafe try append(bytes, $0, key: key, to: uncounted) }
    }

    @inline(__always)
    private func append(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: CheckpointKey, to uncounted: Uncounted
    ) throws -> Appended {
        unsafe try key.withValidatedBytes { key in
            let origin = unsafe attributes.originBytes
            let record = unsafe try uncounted.records._withUnsafeGuaranteedRef {
                unsafe try $0.append(bytes, attributes, key: key, origin: origin)
            }
            return unsafe uncounted.catalog._withUnsafeGuaranteedRef {
                unsafe add(record, attributes, key: key, origin: origin, to: $0)
            }
        }
    }

    /// The same for a large value, which may be in several pieces of memory.
    package func append(
        large content: BytePieces, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> Appended {
        let writer = try requireWriter()
        try attributes.requirePossibleOrigin()
        // The new value may need the space of dead ones.
        let isSynced = attributes.policy.durability >= .synced
        try? writer.maintenance.freeValues(before: content.count, isSynced: isSynced)
        return try counting(attributes, key) { attributes in
            unsafe try key.withValidatedBytes { key in
                let origin = unsafe attributes.originBytes
                let record = unsafe try writer.records.append(large: content, attributes, key: key, origin: origin)
                return unsafe add(record, attributes, key: key, origin: origin, to: catalog)
            }
        }
    }

    /// Adds the record of a value to the index.
    @inline(__always)
    private func add(
        _ record: RecordWriter.AppendedRecord, _ attributes: RecordAttributes, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer, to catalog: RecordCatalog
    ) -> Appended {
        unsafe addToIndex(
            record.frame, record.kind, attributes.level, key: key, origin: origin, value: record.value,
            isMarked: attributes.flags.contains(.marked), in: catalog)
        return record.frame
    }

    /// Removes a key at one level. The removal is as durable as the level's checkpoints.
    package func appendRemoval(of key: CheckpointKey, _ level: Level, origin: Origin = .own) throws -> Appended {
        let writer = try requireWriter()
        return unsafe try key.withValidatedBytes { bytes in
            unsafe try origin.bytes.withUnsafeBytes { origin in
                var header = FrameHeader(kind: .removal)
                header.level = level.rawValue
                let draft = unsafe FrameDraft(header: header, key: bytes, origin: origin)
                let appended = try writer.appender.append(draft)
                unsafe addToIndex(appended, .removal, level, key: bytes, origin: origin, in: catalog)
                let hash = unsafe KeyHash(identity.hashSecret, level: level.rawValue, origin: origin, key: bytes)
                memory.drop(hash, key: key, through: appended.sequenceNumber)
                return appended
            }
        }
    }

    /// Removes all keys of a level, or of every level, with one record.
    package func appendRemovalOfAll(_ level: Level?) throws -> Appended {
        let writer = try requireWriter()
        var header = FrameHeader(kind: .removalOfAll)
        header.level = level?.rawValue ?? 0
        let draft = unsafe FrameDraft(header: header)
        let appended = try writer.appender.append(draft)
        unsafe addToIndex(appended, .removalOfAll, level, key: .empty, origin: .empty, in: catalog)
        memory.dropAll(level: level?.rawValue, through: appended.sequenceNumber)
        return appended
    }

    /// Adds a written record to the index.
    @inline(__always)
    private func addToIndex(
        _ appended: Appended, _ kind: RecordKind, _ level: Level?, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer, value: ValueFile? = nil, isMarked: Bool = false, in catalog: RecordCatalog
    ) {
        unsafe catalog.insert(
            CatalogRecord(
                kind: kind, level: level?.rawValue ?? 0, sequenceNumber: appended.sequenceNumber,
                location: appended.location, key: key, origin: origin, value: value, isMarked: isMarked))
        appended.indexed()
        settleInline()
        if catalog.values.hasCandidates { writer?.maintenance.noteValues() }
    }

    /// Does the work of the background threads, for a log that has none.
    @inline(__always)
    func settleInline() { if configuration.runsInline { settle() } }

    private func settle() {
        try? writer?.maintenance.sealAll()
        try? writer?.maintenance.freeValues()
    }
}
