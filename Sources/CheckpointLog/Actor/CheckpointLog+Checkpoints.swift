internal import CBOR

extension CheckpointLog {
    /// Takes a checkpoint of `values` under `key` and returns once the level's promise holds.
    ///
    /// One value is stored as its CBOR, several as an array of theirs. The values are encoded before the call suspends, so
    /// later changes do not reach the checkpoint. After a crash in the middle the checkpoint is wholly there or not at all.
    ///
    /// - Parameters:
    ///   - values: any number of values of any types.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised.
    /// - Returns: a receipt, on which more can be waited for.
    /// - Throws: ``CheckpointLogError``: `.invalidKey`, `.invalidLevel`, `.encodingFailed`, `.valueTooLarge` (nothing was
    ///   written); `.diskFull` (nothing was written, the log is open); `.writerFailed`, `.closed`, `.readOnly`, `.ioFailure`.
    /// - Complexity: O(n) in the encoded bytes.
    @discardableResult
    public nonisolated func checkpoint<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        let receipt: CheckpointReceipt
        let content = try engine.content(level)
        let (bytes, flags) = try Self.encode(repeat each values, for: key)
        if bytes.count > engine.configuration.largeValueByteCount {
            let engine = engine
            receipt = try await engine.blocking.run {
                try engine.receipt(engine.append(bytes, content.adding(flags), key: key))
            }
        } else {
            receipt = try engine.receipt(engine.append(bytes, content.adding(flags), key: key))
        }
        if content.policy.durability == .synced { try await receipt.wait(for: .synced) }
        return receipt
    }

    /// Takes a checkpoint of `values` under `key` and returns when it is written, whatever the level's policy.
    ///
    /// What is written survives the end of the process; a level of `.synced` checkpoints is durable once the receipt says so.
    /// A value over `largeValueByteCount` blocks until its own file is synced.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    /// - Complexity: O(n) in the encoded bytes; no system call for small ones where mapped stores are safe.
    @discardableResult
    public nonisolated func submit<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, level: Int = 1
    ) throws -> CheckpointReceipt {
        let content = try engine.content(level)
        var flags: FrameHeader.Flags = []
        return try engine.withEncodeBuffer { buffer in
            try Self.encode(repeat each values, for: key, into: &buffer, &flags)
            return try engine.receipt(engine.append(buffer, content.adding(flags), key: key))
        }
    }

    /// Takes a checkpoint of bytes as they are, without CBOR; ``restoreBytes(for:level:)`` gives them back.
    ///
    /// - Throws: as ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func checkpoint(
        bytes: [UInt8], for key: CheckpointKey, level: Int = 1
    ) async throws -> CheckpointReceipt {
        let content = try engine.content(level).adding(.raw)
        let engine = engine
        let receipt = try await engine.blocking.run { try engine.receipt(engine.append(bytes, content, key: key)) }
        if content.policy.durability == .synced { try await receipt.wait(for: .synced) }
        return receipt
    }

    /// Forgets every version of `key`, at `level` or, without one, at every level that has it.
    ///
    /// Durable on return as the level's checkpoints are. Groups that hold the key are forgotten.
    ///
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``. A key without checkpoints is not an error.
    public nonisolated func removeCheckpoint(for key: CheckpointKey, level: Int? = nil) async throws {
        var levels: [Level] = []
        if let level {
            levels = [try Level(validating: level)]
        } else {
            while let next = try engine.newestLevel(of: key), let level = Level(rawValue: next), !levels.contains(level)
            {
                levels.append(level)
                _ = try engine.appendRemoval(of: key, level)
            }
        }
        if level != nil, let level = levels.first { _ = try engine.appendRemoval(of: key, level) }
        let durability = levels.map { engine.configuration.policy(for: $0.rawValue).durability }.max()
        if durability == .synced { try await save() }
    }

    /// Forgets every checkpoint of `level`, or of all levels, with one record.
    ///
    /// - Throws: ``CheckpointLogError`` as ``checkpoint(_:for:level:)``.
    public nonisolated func removeAllCheckpoints(level: Int? = nil) async throws {
        let level = try level.map { try Level(validating: $0) }
        _ = try engine.appendRemovalOfAll(level)
        let durability = level.map { engine.configuration.policy(for: $0.rawValue).durability } ?? .synced
        if durability == .synced { try await save() }
    }

    /// Encodes values for the length of an asynchronous call, which cannot lend a buffer across its suspension.
    private static func encode<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey
    ) throws -> ([UInt8], FrameHeader.Flags) {
        var bytes: [UInt8] = []
        var flags: FrameHeader.Flags = []
        try encode(repeat each values, for: key, into: &bytes, &flags)
        return (bytes, flags)
    }

    static func encode<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, into buffer: inout [UInt8],
        _ flags: inout FrameHeader.Flags
    ) throws {
        var count = 0
        for _ in repeat (each Value).self { count += 1 }
        let encoder = CBOREncoder()
        if count != 1 {
            CBOREncoder.appendArrayHead(count: count, to: &buffer)
            flags.insert(.severalValues)
        }
        do {
            for value in repeat each values { try encoder.encode(value, appendingTo: &buffer) }
        } catch {
            throw CheckpointLogError.encodingFailed(key: key, cause: error)
        }
    }
}
