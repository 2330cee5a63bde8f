extension CheckpointLog {
    /// Takes a checkpoint of `value` under `key` and returns once the level's promise holds.
    ///
    /// The log stores the value as CBOR. It encodes the value on the caller's executor, before the call suspends, so
    /// later changes do not reach the checkpoint. The memory level keeps the value itself. At a level of `.written`
    /// durability the call does not suspend. After a crash in the middle, the checkpoint is complete or absent. If the
    /// log has a parent, and the level is greater than this log's rank, the log passes the checkpoint up to the first
    /// actor of that rank.
    ///
    /// On a full disk the call suspends while compaction can win room, ten seconds at most.
    ///
    /// - Parameters:
    ///   - value: any value. The memory level does not copy objects that a struct or enumeration refers to: a later
    ///     change of such an object reaches the checkpoint. Save such values at another level.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    /// - Returns: a receipt, which can wait for more than the level promises.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`, `.encodingFailed`, `.valueTooLarge` (nothing
    ///   was written); `.diskFull` (nothing was written, the log stays open); `.unavailable` if a parent failed (this
    ///   log has the checkpoint); `.writerFailed`, `.closed`, `.readOnly`, `.ioFailure`.
    /// - Complexity: O(n) in the encoded bytes; O(1) at a memory level.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        // Does not call the form with metadata: an empty dictionary that is passed from call to call is retained in
        // each.
        let stage = try attempt(value, for: key, level, waits: false)
        switch consume stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of `value` as ``checkpoint(_:for:level:)`` does, with metadata beside the value.
    ///
    /// - Parameters:
    ///   - value: any value.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    ///   - metadata: facts about this version, at most 4,096 bytes, such as a step or a loss. Listings show them
    ///     without reading the value. Compaction, backups and parents keep them.
    /// - Returns: a receipt, which can wait for more than the level promises.
    /// - Throws: as without metadata; `.invalidArgument` if the metadata is too long.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata
    ) async throws -> CheckpointReceipt {
        let stage = try attempt(value, for: key, level, metadata, waits: false)
        switch consume stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of two or more values under `key`. The log stores them as one CBOR array.
    ///
    /// In everything else as the form for one value.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<
        First: Codable & Sendable, Second: Codable & Sendable, each Rest: Codable & Sendable
    >(
        _ first: First, _ second: Second, _ rest: repeat each Rest, for key: CheckpointKey, level: Int = 1,
        metadata: CheckpointMetadata = [:]
    ) async throws -> CheckpointReceipt {
        let stage = try attempt(first, second, repeat each rest, for: key, level, metadata, waits: false)
        switch consume stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of a value that is not `Sendable`, as ``checkpoint(_:for:level:)`` does.
    ///
    /// The call encodes the value where the caller is isolated, also at a memory level. So the value's conformance to
    /// `Codable` may be isolated to the main actor, as in a module whose default isolation is the main actor. For
    /// values that are `Sendable` the compiler chooses the other form.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata = [:]
    ) async throws -> CheckpointReceipt {
        let stage = try attempt(encoding: value, for: key, level, metadata, waits: false)
        switch consume stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of `value` under `key`, and returns when it is written, at any level.
    ///
    /// A written checkpoint survives the end of the process. It survives power loss after the receipt's
    /// ``CheckpointReceipt/wait(for:)`` for `.synced` has returned. At a memory level the call writes nothing. For a
    /// value larger than `largeValueByteCount` the call blocks until the value's own file is synced. On a full disk it
    /// blocks while compaction can win room, a second at most.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    /// - Complexity: O(n) in the encoded bytes. Small values need no system call on file systems whose files can safely
    ///   be mapped.
    @discardableResult
    public nonisolated func submit<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1
    ) throws -> CheckpointReceipt {
        receipt(try attempt(value, for: key, level, waits: true))
    }

    /// Takes a checkpoint of `value` as ``submit(_:for:level:)`` does, with metadata as in
    /// ``checkpoint(_:for:level:metadata:)-2sfkb``.
    @discardableResult
    public nonisolated func submit<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata
    ) throws -> CheckpointReceipt {
        receipt(try attempt(value, for: key, level, metadata, waits: true))
    }

    /// Takes a checkpoint of two or more values under `key`, and returns when it is written.
    ///
    /// In everything else as the form for one value.
    @discardableResult
    public nonisolated func submit<
        First: Codable & Sendable, Second: Codable & Sendable, each Rest: Codable & Sendable
    >(
        _ first: First, _ second: Second, _ rest: repeat each Rest, for key: CheckpointKey, level: Int = 1,
        metadata: CheckpointMetadata = [:]
    ) throws -> CheckpointReceipt {
        receipt(try attempt(first, second, repeat each rest, for: key, level, metadata, waits: true))
    }

    /// Takes a checkpoint of a value that is not `Sendable`, as ``submit(_:for:level:)`` does.
    ///
    /// The call encodes the value before it returns, also at a memory level.
    ///
    /// ```swift
    /// final class Simulation: Codable { var step = 0 }
    /// try log.submit(simulation, for: "simulation")
    /// ```
    @discardableResult
    public nonisolated func submit<Value: Codable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata = [:]
    ) throws -> CheckpointReceipt {
        receipt(try attempt(encoding: value, for: key, level, metadata, waits: true))
    }

    /// The same for two values or more.
    @discardableResult
    public nonisolated func submit<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First, _ second: Second, _ rest: repeat each Rest, for key: CheckpointKey, level: Int = 1,
        metadata: CheckpointMetadata = [:]
    ) throws -> CheckpointReceipt {
        receipt(try attempt(encoding: first, second, repeat each rest, for: key, level, metadata, waits: true))
    }

    /// Takes a checkpoint of bytes without encoding them; ``restoreBytes(for:level:version:origin:fallback:)`` gives
    /// them back.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated(nonsending) func checkpoint(
        bytes: [UInt8], for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata = [:]
    ) async throws -> CheckpointReceipt {
        var start = try begin(level, .raw)
        if !metadata.isEmpty { start.attributes.metadata = try EncodedMetadata.bytes(of: metadata) }
        if waits(bytes.count, start.attributes) {
            return try await finish(Pending(.bytes(bytes), start), key)
        }
        let stage: Stage
        do {
            stage = unsafe try bytes.withUnsafeBytes { unsafe try store($0, start, key: key, .none) }
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            stage = .pending(Pending(.bytes(bytes), start))
        }
        switch consume stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }
}
