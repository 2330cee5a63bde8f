extension CheckpointLog {
    /// Takes a checkpoint of `value` under `key` and returns once the level's promise holds.
    ///
    /// It is stored as its CBOR. A value of the memory level is kept as it is, any other encoded, on the caller's
    /// executor and before the call suspends, so later changes do not reach the checkpoint. A call whose promise holds
    /// by then, as at a level of `.written`, does not suspend. After a crash in the middle the checkpoint is wholly
    /// there or not at all. With a parent in the tree, and a level over this actor's rank, it is passed up to the first
    /// actor of that rank.
    ///
    /// Where the disk is full it suspends for as long as compactions win room, ten seconds at the most.
    ///
    /// - Parameters:
    ///   - value: any value. What a struct or enumeration holds by reference is not copied by the memory level: a later
    ///     change of that object reaches the checkpoint. Take such values at another level.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    /// - Returns: a receipt, on which more can be waited for.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`, `.encodingFailed`, `.valueTooLarge` (nothing
    ///   was written); `.diskFull` (nothing was written, the log is open);
    ///   `.unavailable` for a parent that failed (this actor has the checkpoint); `.writerFailed`, `.closed`,
    ///   `.readOnly`, `.ioFailure`.
    /// - Complexity: O(n) in the encoded bytes; O(1) at a level of the memory.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        // Not by the form with metadata: an empty dictionary that is handed on from call to call is counted in each.
        let stage = try attempt(value, for: key, level, waits: false)
        switch stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of `value` as ``checkpoint(_:for:level:)`` does, and says something of it.
    ///
    /// - Parameters:
    ///   - value: any value.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    ///   - metadata: what is said of this version beside its value, 4,096 bytes at the most; listings show it without
    ///     reading the value. It goes with the checkpoint wherever that goes.
    /// - Returns: a receipt, on which more can be waited for.
    /// - Throws: as without metadata; `.invalidArgument` for too much of it.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata
    ) async throws -> CheckpointReceipt {
        let stage = try attempt(value, for: key, level, metadata, waits: false)
        switch stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of two values or more under `key`; they are stored as an array of their CBOR.
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
        switch stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of a value that cannot go to another thread, as ``checkpoint(_:for:level:)`` does.
    ///
    /// It is encoded where the caller is isolated, also at a level of the memory, so a conformance to `Codable` may be
    /// isolated to the main actor, as those of a module are whose default isolation that is. Values that are `Sendable`
    /// take the other form by themselves.
    @discardableResult
    public nonisolated(nonsending) func checkpoint<Value: Codable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata = [:]
    ) async throws -> CheckpointReceipt {
        let stage = try attempt(encoding: value, for: key, level, metadata, waits: false)
        switch stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }

    /// Takes a checkpoint of `value` under `key` and returns when it is written, whatever the level's policy.
    ///
    /// What is written survives the end of the process; a level of `.synced` checkpoints is durable once the receipt
    /// says so. At a level of the memory nothing is written. A value over `largeValueByteCount` blocks until its own
    /// file is synced. Where the disk is full it blocks for as long as compactions win room, a second at the most.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    /// - Complexity: O(n) in the encoded bytes; no system call for small ones where mapped stores are safe.
    @discardableResult
    public nonisolated func submit<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1
    ) throws -> CheckpointReceipt {
        receipt(try attempt(value, for: key, level, waits: true))
    }

    /// Takes a checkpoint of `value` as ``submit(_:for:level:)`` does, and says something of it, as
    /// ``checkpoint(_:for:level:metadata:)-2sfkb`` does.
    @discardableResult
    public nonisolated func submit<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int = 1, metadata: CheckpointMetadata
    ) throws -> CheckpointReceipt {
        receipt(try attempt(value, for: key, level, metadata, waits: true))
    }

    /// Takes a checkpoint of two values or more under `key` and returns when it is written.
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

    /// Takes a checkpoint of a value that cannot go to another thread, as ``submit(_:for:level:)`` does.
    ///
    /// It is encoded before the call returns, also at a level of the memory.
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

    /// Takes a checkpoint of bytes as they are, without CBOR; ``restoreBytes(for:level:version:origin:fallback:)``
    /// gives them back.
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
        switch stage {
        case .settled(let receipt): return receipt
        case .pending(let pending): return try await finish(pending, key)
        }
    }
}
