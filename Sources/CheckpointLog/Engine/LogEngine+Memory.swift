internal import CBOR
import Logging

extension LogEngine {
    /// A number for a record of the memory level, greater than all before it.
    package func reserveNumber() throws -> TakenNumber {
        if isInMemory {
            try requireStoring()
            return memoryNumbers.withLock { numbers in
                numbers.sequenceNumber = SequenceNumber(rawValue: numbers.sequenceNumber.rawValue + 1)
                numbers.timestamp = max(numbers.timestamp, configuration.now())
                return numbers
            }
        }
        return unsafe try requireUncounted().appender._withUnsafeGuaranteedRef { try $0.reserveSequenceNumber() }
    }

    /// Keeps a record at the memory level, in place of an earlier one of its key. If a limit is exceeded, writes the
    /// oldest records to the log.
    package func keepInMemory(
        _ content: MemoryRecord.Content, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> (number: SequenceNumber, hash: KeyHash) {
        let (level, origin) = (attributes.level, attributes.origin)
        let hash = try hash(of: key, level: level.rawValue, origin: origin)
        let taken = try attributes.taken ?? reserveNumber()
        let record = MemoryRecord(
            key: key, level: level, origin: origin, number: taken.sequenceNumber, timestamp: taken.timestamp,
            content: content, flags: attributes.flags, metadata: attributes.metadata)
        guard !isInMemory else {
            try putAllInMemory([(record, hash)], keep: retention(of: level.rawValue).count)
            return (taken.sequenceNumber, hash)
        }
        let isOver = memory.put(consume record, hash, limits: memoryLimits)
        // A removal after the number was taken has already looked for the record, and did not find it.
        if catalog.index.end(of: hash) > taken.sequenceNumber {
            memory.drop(hash, key: key, through: taken.sequenceNumber)
        }
        if isOver { try writeOutOverflow() }
        return (taken.sequenceNumber, hash)
    }

    private var memoryLimits: MemoryStore.Limits {
        MemoryStore.Limits(count: configuration.memoryCountLimit, byteCount: configuration.memoryByteLimit)
    }

    /// Keeps all of `records`, which have different keys, or none; for a log without a directory.
    ///
    /// - Throws: `.memoryFull`; nothing is changed then.
    package func putAllInMemory(
        _ records: [(record: MemoryRecord, hash: KeyHash)], group: (group: MemoryStore.Group, name: KeyHash)? = nil,
        keep: Int
    ) throws {
        try requireStoring()
        let limits = memoryLimits
        guard memory.put(records, group: group, keep: keep, limits: limits) else {
            throw CheckpointLogError.memoryFull(count: limits.count, byteCount: limits.byteCount)
        }
    }

    /// Writes the oldest records to the log, and drops them from memory, until the memory level is within its limits.
    ///
    /// A value that does not encode does not concern this caller: the log reports it, keeps it, and tries again at the
    /// next save.
    private func writeOutOverflow() throws {
        let overflow = memory.overflow(memoryLimits)
        guard !overflow.isEmpty else { return }
        do {
            _ = try writeOut(overflow.filter(\.isDirty))
        } catch let error as CheckpointLogError where [.encodingFailed, .valueTooLarge].contains(error.code) {
            configuration.onBackgroundFailure?(error)
        }
        for record in overflow where !isStillDirty(record) {
            let hash = try self.hash(of: record.key, level: record.level.rawValue, origin: record.origin)
            memory.drop(hash, key: record.key, through: record.number)
        }
    }

    /// Encodes and appends records of the memory level, under the numbers they were taken with, together up to the
    /// value limit. Gives what must be synced for them to survive power loss.
    ///
    /// - Throws: `.encodingFailed`, naming the first key that did not encode, once all others are appended.
    package func writeOut(_ records: [MemoryRecord]) throws -> LogPosition {
        let writer = try requireWriter()
        // One call at a time: two would append the same records twice.
        return try writingOut.withLock { _ in
            var failure: CheckpointLogError?
            var members: [BatchMember] = []
            var written: [(record: MemoryRecord, byteCount: Int)] = []
            var byteCount = 0
            var end = writer.appender.writtenPosition
            func flush() throws {
                guard !members.isEmpty else { return }
                let batch = try appendBatch(members)
                end = max(end, batch.end)
                for (record, byteCount) in written {
                    let hash = try self.hash(of: record.key, level: record.level.rawValue, origin: record.origin)
                    memory.markWritten(hash, record.number, byteCount: byteCount)
                }
                members = []
                written = []
                byteCount = 0
            }
            for earlier in records {
                // If a newer value was taken meanwhile, that one is written. It also satisfies those who wait for the
                // older one.
                let hash = try self.hash(
                    of: earlier.key, level: earlier.level.rawValue, origin: earlier.origin)
                guard let record = memory.newest(hash), record.isDirty, record.number >= earlier.number else {
                    continue
                }
                let bytes: [UInt8]
                do {
                    bytes = try record.encode(byteLimit: configuration.valueByteLimit)
                    guard bytes.count <= configuration.valueByteLimit else {
                        throw CheckpointLogError.valueTooLarge(
                            byteCount: bytes.count, limit: configuration.valueByteLimit, setting: "valueByteLimit")
                    }
                } catch {
                    failure = failure ?? Self.refusal(of: record, error)
                    memory.markStuck(hash, record.number)
                    configuration.logger?.error(
                        "a checkpoint of the memory level does not encode",
                        metadata: ["key": "\(record.key)", "level": "\(record.level)"])
                    continue
                }
                if byteCount + bytes.count > configuration.valueByteLimit { try flush() }
                var attributes = RecordAttributes(
                    level: record.level, policy: policy(for: record.level.rawValue), flags: record.flags)
                attributes.origin = record.origin
                attributes.metadata = record.metadata
                attributes.taken = TakenNumber(sequenceNumber: record.number, timestamp: record.timestamp)
                byteCount += bytes.count
                written.append((record, bytes.count))
                members.append(BatchMember(key: record.key, attributes: attributes, bytes: bytes))
            }
            try flush()
            if let failure { throw failure }
            return end
        }
    }

    private static func refusal(of record: MemoryRecord, _ error: any Error) -> CheckpointLogError {
        if let error = error as? CheckpointLogError { return error }
        if let error = error as? CBORError, error.reason == .overByteLimit {
            return .valueTooLarge(byteCount: error.offset, limit: nil, setting: "valueByteLimit")
        }
        return .encodingFailed(key: record.key, cause: error, isKept: true)
    }

    private func isStillDirty(_ record: MemoryRecord) -> Bool {
        guard let hash = try? hash(of: record.key, level: record.level.rawValue, origin: record.origin) else {
            return false
        }
        return memory.versions(hash).contains { $0.number == record.number && $0.isDirty }
    }

    /// Writes out what the memory level holds of one key, if it is not in the log yet.
    package func writeOut(_ hash: KeyHash) throws {
        guard let record = memory.newest(hash), record.isDirty else { return }
        _ = try writeOut([record])
    }

    /// Writes out everything that the memory level holds, and gives the position through which a sync makes all
    /// durable.
    package func writeOutAll() throws -> LogPosition {
        let writer = try requireWriter()
        return max(try writeOut(memory.dirty()), writer.appender.writtenPosition)
    }

    /// As ``writeOutAll()``, but gives the refusal of a value that does not encode, for the caller to throw once all
    /// others are safe.
    package func writeOutAllButRefused() throws -> CheckpointLogError? {
        do {
            _ = try writeOutAll()
            return nil
        } catch let error as CheckpointLogError where error.code == .encodingFailed {
            return error
        }
    }

    /// Writes out everything that the memory level holds and syncs, on the calling thread and that of the syncs.
    package func save() throws {
        try checkOpen()
        if isInMemory { return }
        let writer = try requireWriter()
        let refusal = hasMemoryLevel ? try writeOutAllButRefused() : nil
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        if let refusal { throw refusal }
    }

    package func hash(of key: CheckpointKey, level: UInt8, origin: Origin, space: KeyHash.Space = .key) throws
        -> KeyHash
    {
        try origin.requirePossible()
        return unsafe try key.withValidatedBytes { key in
            unsafe origin.bytes.withUnsafeBytes { origin in
                unsafe KeyHash(identity.hashSecret, level: level, origin: origin, key: key, space: space)
            }
        }
    }

    /// Removes one version in a log without a directory.
    package func removeFromMemory(
        _ number: SequenceNumber, of key: CheckpointKey, _ level: Level?, _ origin: Origin
    ) throws -> Bool {
        try requireStoring()
        let levels = level.map { [$0.rawValue] } ?? Array(memory.levelsInUse)
        return try levels.contains { level in memory.remove(try hash(of: key, level: level, origin: origin), number) }
    }

    /// Removes versions in a log without a directory.
    package func removeFromMemory(_ key: CheckpointKey?, _ level: Level?, _ origin: Origin = .own) throws {
        let number = try reserveNumber().sequenceNumber
        guard let key else { return memory.dropAll(level: level?.rawValue, through: number) }
        let levels = level.map { [$0.rawValue] } ?? Array(memory.levelsInUse)
        for level in levels {
            memory.drop(try hash(of: key, level: level, origin: origin), key: key, through: number)
        }
    }
}
