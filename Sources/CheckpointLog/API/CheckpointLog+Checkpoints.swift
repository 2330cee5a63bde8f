internal import CBOR

extension CheckpointLog {
    /// Takes a checkpoint of `values` under `key` and returns once the level's promise holds.
    ///
    /// One value is stored as its CBOR, several as an array of theirs. Values of the memory level are kept as they are,
    /// the others encoded, before the call suspends, so later changes do not reach the checkpoint. After a crash in the
    /// middle the checkpoint is wholly there or not at all. With a parent in the tree, and a level over this actor's
    /// rank, it is passed up to the first actor of that rank.
    ///
    /// - Parameters:
    ///   - values: any number of values of any types. What a struct or enumeration holds by reference is not copied by
    ///     the memory level: a later change of that object reaches the checkpoint. Take such values at another level.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    /// - Returns: a receipt, on which more can be waited for.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`, `.encodingFailed`, `.valueTooLarge` (nothing
    ///   was written); `.diskFull` (nothing was written, the log is open); `.unavailable` for a parent that failed
    ///   (this actor has the checkpoint); `.writerFailed`, `.closed`, `.readOnly`, `.ioFailure`.
    /// - Complexity: O(n) in the encoded bytes; O(1) at a level of the memory.
    @discardableResult
    public nonisolated func checkpoint<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        let attributes = try engine.attributes(level)
        let start = costs.start(attributes.level.rawValue)
        defer { costs.end(start, attributes.level.rawValue) }
        if keepsInMemory(attributes), !node.passesUp(level) {
            return try remember(repeat each values, for: key, attributes)
        }
        let buffer = engine.takeEncodeBuffer()
        defer { engine.giveBack(buffer) }
        let flags = try Self.encode(repeat each values, for: key, into: buffer)
        return try await accept(buffer, attributes.adding(flags), key: key)
    }

    /// Takes a checkpoint of `values` under `key` and returns when it is written, whatever the level's policy.
    ///
    /// What is written survives the end of the process; a level of `.synced` checkpoints is durable once the receipt
    /// says so. At a level of the memory nothing is written. A value over `largeValueByteCount` blocks until its own
    /// file is synced.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    /// - Complexity: O(n) in the encoded bytes; no system call for small ones where mapped stores are safe.
    @discardableResult
    public nonisolated func submit<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, level: Int = 1
    ) throws -> CheckpointReceipt {
        let attributes = try engine.attributes(level)
        let start = costs.start(attributes.level.rawValue)
        defer { costs.end(start, attributes.level.rawValue) }
        if keepsInMemory(attributes), !node.passesUp(level) {
            return try remember(repeat each values, for: key, attributes)
        }
        let buffer = engine.takeEncodeBuffer()
        defer { engine.giveBack(buffer) }
        let flags = try Self.encode(repeat each values, for: key, into: buffer)
        return unsafe try store(buffer.bytes, attributes.adding(flags), key: key)
    }

    /// Takes a checkpoint of bytes as they are, without CBOR; ``restoreBytes(for:level:version:origin:)`` gives them
    /// back.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func checkpoint(
        bytes: [UInt8], for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        let attributes = try engine.attributes(level).adding(.raw)
        let start = costs.start(attributes.level.rawValue)
        defer { costs.end(start, attributes.level.rawValue) }
        let receipt =
            waits(bytes.count, attributes)
            ? try await engine.blocking.run {
                unsafe try bytes.withUnsafeBytes { unsafe try self.store($0, attributes, key: key) }
            }
            : unsafe try bytes.withUnsafeBytes { unsafe try store($0, attributes, key: key) }
        try await receipt.waitForPromise(of: attributes.level)
        return receipt
    }

    /// Forgets every version of `key`, at `level` or, without one, at every level that has it.
    ///
    /// Durable on return as the level's checkpoints are. Groups that hold the key are forgotten. Records of other
    /// origins stay, and so do copies that actors above have: these still answer a restore at a level over this actor's
    /// rank.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - origin: as `C4/C1`, for what came up the tree that way; nil for this actor's own.
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``. A key without checkpoints is not an error.
    /// - Complexity: O(1) for each level that has the key.
    public nonisolated func removeCheckpoint(
        for key: CheckpointKey, level: Int? = nil, origin: String? = nil
    ) async throws {
        let level = try level.map { try Level(validating: $0) }
        let origin = origin.map { Origin($0) } ?? .own
        _ = try engine.hash(of: key, level: 1, origin: origin)
        if engine.isInMemory { return try engine.removeFromMemory(key, level, origin) }
        _ = try engine.requireWriter()
        var levels: [Level] = []
        if let level {
            levels = [level]
            _ = try engine.appendRemoval(of: key, level, origin: origin)
        } else {
            try engine.refresh()
            for level in engine.levelsInUse.compactMap(Level.init(rawValue:)) {
                let query = RecordQuery(key: key, level: level.rawValue, origin: origin)
                guard try engine.newest(query) != nil else { continue }
                levels.append(level)
                _ = try engine.appendRemoval(of: key, level, origin: origin)
            }
        }
        let durability = levels.map { engine.policy(for: $0.rawValue).durability }.max()
        if durability == .synced { try await sync() }
    }

    /// Forgets every checkpoint of `level`, or of all levels, with one record.
    ///
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``.
    public nonisolated func removeAllCheckpoints(level: Int? = nil) async throws {
        let level = try level.map { try Level(validating: $0) }
        if engine.isInMemory { return try engine.removeFromMemory(nil, level) }
        _ = try engine.appendRemovalOfAll(level)
        let durability = level.map { engine.policy(for: $0.rawValue).durability } ?? .synced
        if durability == .synced { try await sync() }
    }

    private nonisolated func sync() async throws {
        try await engine.synced(engine.requireWriter().appender.writtenPosition)
    }

    nonisolated func keepsInMemory(_ attributes: RecordAttributes) -> Bool {
        engine.isInMemory || attributes.policy.durability == .memory
    }

    /// Keeps the values themselves; those of a class are encoded, for a copied reference is no snapshot.
    private nonisolated func remember<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, _ attributes: RecordAttributes
    ) throws -> CheckpointReceipt {
        var kept: [any Codable & Sendable] = []
        var holdsClass = false
        for value in repeat each values {
            kept.append(value)
            if isClass(type(of: value)) { holdsClass = true }
        }
        var flags: FrameHeader.Flags = []
        var snapshot = MemoryRecord.Content.values(kept)
        if holdsClass {
            let buffer = engine.takeEncodeBuffer()
            defer { engine.giveBack(buffer) }
            flags = try Self.encode(repeat each values, for: key, into: buffer)
            snapshot = .encoded(unsafe Array(buffer.bytes))
        } else if kept.count != 1 {
            flags.insert(.severalValues)
        }
        return try keep(snapshot, attributes.adding(flags), key: key)
    }

    private nonisolated func keep(
        _ snapshot: MemoryRecord.Content, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> CheckpointReceipt {
        if !engine.isInMemory { _ = try engine.requireWriter() }
        let record = try engine.remember(
            snapshot, attributes.flags, key: key, attributes.level, origin: attributes.origin)
        let hash = try engine.hash(of: key, level: attributes.level.rawValue, origin: attributes.origin)
        return CheckpointReceipt(record, hash, engine)
    }

    /// Stores encoded bytes here, and in every actor on the way up to the first of the level's rank.
    ///
    /// - Throws: what this actor throws; `.unavailable` when one above it fails, after the record stands here.
    nonisolated func store(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> CheckpointReceipt {
        var receipt =
            unsafe keepsInMemory(attributes)
            ? try keep(.encoded(Array(bytes)), attributes, key: key)
            : CheckpointReceipt(try engine.append(bytes, attributes, key: key), engine)
        guard let parent = node.parent(passing: Int(attributes.level.rawValue)) else { return receipt }
        do {
            var above = try parent.engine.attributes(Int(attributes.level.rawValue)).adding(attributes.flags)
            above.origin = attributes.origin.under(node.name)
            receipt.above = unsafe [try parent.store(bytes, above, key: key)]
        } catch {
            throw CheckpointLogError.unavailable(parent.node.name, cause: error)
        }
        return receipt
    }

    /// Stores bytes as ``store(_:_:key:)`` does, off the task's thread where that waits for a disk, and waits for the
    /// promise.
    private nonisolated func accept(
        _ buffer: CBOREncodingBuffer, _ attributes: RecordAttributes, key: CheckpointKey
    ) async throws -> CheckpointReceipt {
        let receipt =
            waits(buffer.count, attributes)
            ? try await engine.blocking.run { unsafe try self.store(buffer.bytes, attributes, key: key) }
            : unsafe try store(buffer.bytes, attributes, key: key)
        try await receipt.waitForPromise(of: attributes.level)
        return receipt
    }

    /// Whether storing these bytes waits for a disk.
    private nonisolated func waits(_ byteCount: Int, _ attributes: RecordAttributes) -> Bool {
        engine.waitsForDisk(byteCount) && !keepsInMemory(attributes)
    }

    static func encode<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, into buffer: CBOREncodingBuffer
    ) throws -> FrameHeader.Flags {
        var count = 0
        for _ in repeat (each Value).self { count += 1 }
        if count != 1 { buffer.appendArrayHead(count: count) }
        do {
            // Not a loop: that would copy each value first.
            _ = (repeat try buffer.encode(each values))
        } catch let error as CBORError where error.reason == .overByteLimit {
            throw CheckpointLogError.valueTooLarge(byteCount: error.offset, limit: nil, setting: "valueByteLimit")
        } catch {
            throw CheckpointLogError.encodingFailed(key: key, path: buffer.failedCodingPath, cause: error)
        }
        return count == 1 ? [] : .severalValues
    }
}
