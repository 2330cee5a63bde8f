internal import CBOR

extension CheckpointLog {
    nonisolated func keepsInMemory(_ attributes: RecordAttributes) -> Bool {
        engine.isInMemory || attributes.policy.durability == .memory
    }

    /// What a checkpoint knows at its beginning.
    struct Start {
        var attributes: RecordAttributes
        /// When it began, if its time is measured.
        var time: Duration?
    }

    /// How far a checkpoint has come.
    enum Stage {
        /// The record is written, and its level's promise holds.
        case settled(CheckpointReceipt)
        case pending(Pending)
    }

    /// A checkpoint whose promise does not hold yet. This is a class, so that passing on nil costs nothing.
    final class Pending: Sendable {
        /// Where its record is.
        enum Place {
            case stored(CheckpointReceipt)
            case encoded(CBOREncodingBuffer)
            case bytes([UInt8])
        }

        let place: Place
        let attributes: RecordAttributes
        let time: Duration?

        init(_ place: Place, _ start: Start) {
            self.place = place
            attributes = start.attributes
            time = start.time
        }
    }

    nonisolated func begin(_ level: Int, _ flags: FrameHeader.Flags = []) throws -> Start {
        var attributes = try engine.attributes(level)
        attributes.flags = flags
        return Start(attributes: attributes, time: costs.start(attributes.level.rawValue))
    }

    /// Keeps a value in the memory, or encodes it, and stores it where that waits for no disk, or `mayWait` says that
    /// it may.
    ///
    /// All that an asynchronous call does before it suspends. By itself, for a generic asynchronous function asks the
    /// task for memory for what it has at hand.
    nonisolated func attempt<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, _ level: Int, waits mayWait: Bool
    ) throws -> Stage {
        var start = try begin(level)
        return try attempt(value, for: key, &start, waits: mayWait)
    }

    nonisolated func attempt<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, _ level: Int, _ metadata: CheckpointMetadata, waits mayWait: Bool
    ) throws -> Stage {
        var start = try begin(level)
        start.attributes.metadata = try EncodedMetadata.bytes(of: metadata)
        return try attempt(value, for: key, &start, waits: mayWait)
    }

    @inline(__always)
    nonisolated func attempt<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, _ start: inout Start, waits mayWait: Bool
    ) throws -> Stage {
        if keepsValues(start.attributes) { return settled(try keepInMemory(value, for: key, start.attributes), start) }
        return try encodeAndStore(&start, key, waits: mayWait) { try Self.encode(value, for: key, into: $0) }
    }

    nonisolated func attempt<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, _ level: Int, _ metadata: CheckpointMetadata,
        waits mayWait: Bool
    ) throws -> Stage {
        var start = try begin(level)
        if !metadata.isEmpty { start.attributes.metadata = try EncodedMetadata.bytes(of: metadata) }
        if keepsValues(start.attributes) {
            return settled(try keepInMemory(repeat each values, for: key, start.attributes), start)
        }
        return try encodeAndStore(&start, key, waits: mayWait) {
            try Self.encode(repeat each values, for: key, into: $0)
        }
    }

    /// The same for values that are encoded in any case.
    nonisolated func attempt<each Value: Codable>(
        encoding values: repeat each Value, for key: CheckpointKey, _ level: Int, _ metadata: CheckpointMetadata,
        waits mayWait: Bool
    ) throws -> Stage {
        var start = try begin(level)
        if !metadata.isEmpty { start.attributes.metadata = try EncodedMetadata.bytes(of: metadata) }
        return try encodeAndStore(&start, key, waits: mayWait) {
            try Self.encode(repeat each values, for: key, into: $0)
        }
    }

    @inline(__always)
    private nonisolated func encodeAndStore(
        _ start: inout Start, _ key: CheckpointKey, waits mayWait: Bool,
        _ encode: (CBOREncodingBuffer) throws -> FrameHeader.Flags
    ) throws -> Stage {
        let buffer = unsafe engine.borrowUncountedBuffer()
        let byteCount: Int
        do {
            byteCount = unsafe try buffer._withUnsafeGuaranteedRef { buffer in
                start.attributes.flags.formUnion(try encode(buffer))
                return buffer.count
            }
        } catch {
            unsafe engine.giveBack(buffer)
            throw error
        }
        let isWaiting = waits(byteCount, start.attributes)
        if isWaiting, !mayWait { return .pending(Pending(.encoded(unsafe buffer.takeRetainedValue()), start)) }
        let stage: Stage
        do {
            stage = unsafe try buffer._withUnsafeGuaranteedRef { buffer in
                isWaiting
                    ? self.stage(try storeLarge(buffer, start.attributes, key: key, .short), start)
                    : unsafe try store(buffer.bytes, start, key: key, mayWait ? .short : .none)
            }
        } catch let error as CheckpointLogError where error.isLackOfRoom && !mayWait {
            return .pending(Pending(.encoded(unsafe buffer.takeRetainedValue()), start))
        } catch {
            unsafe engine.giveBack(buffer)
            throw error
        }
        unsafe engine.giveBack(buffer)
        return stage
    }

    nonisolated func store(
        _ bytes: UnsafeRawBufferPointer, _ start: Start, key: CheckpointKey, _ patience: RoomPatience
    ) throws -> Stage {
        stage(unsafe try store(bytes, start.attributes, key: key, patience), start)
    }

    /// The stage of a checkpoint whose record is stored.
    @inline(__always)
    private nonisolated func stage(_ receipt: CheckpointReceipt, _ start: Start) -> Stage {
        if start.attributes.policy.durability == .synced || !receipt.above.isEmpty {
            return .pending(Pending(.stored(receipt), start))
        }
        return settled(receipt, start)
    }

    private nonisolated func settled(_ receipt: CheckpointReceipt, _ start: Start) -> Stage {
        costs.end(start.time, start.attributes.level.rawValue)
        return .settled(receipt)
    }

    /// The receipt of a checkpoint that stands, whose promise the caller waits for.
    nonisolated func receipt(_ stage: Stage) -> CheckpointReceipt {
        switch stage {
        case .settled(let receipt):
            return receipt
        case .pending(let pending):
            guard case .stored(let receipt) = pending.place else {
                preconditionFailure("A checkpoint that may wait for the disk is stored.")
            }
            costs.end(pending.time, pending.attributes.level.rawValue)
            return receipt
        }
    }

    /// Stores what waits for a disk, off the task's thread, and waits for the promise.
    nonisolated(nonsending) func finish(
        _ pending: Pending, _ key: CheckpointKey
    ) async throws -> CheckpointReceipt {
        let receipt: CheckpointReceipt
        if case .stored(let known) = pending.place {
            receipt = known
        } else {
            receipt = try await engine.blocking.run { try self.store(pending, key) }
        }
        try await receipt.waitForPromise(of: pending.attributes.level)
        costs.end(pending.time, pending.attributes.level.rawValue)
        return receipt
    }

    private nonisolated func store(_ pending: Pending, _ key: CheckpointKey) throws -> CheckpointReceipt {
        switch pending.place {
        case .stored(let receipt):
            return receipt
        case .encoded(let buffer):
            defer { engine.giveBack(buffer) }
            return try storeLarge(buffer, pending.attributes, key: key, .long)
        case .bytes(let bytes):
            return unsafe try bytes.withUnsafeBytes { unsafe try store($0, pending.attributes, key: key, .long) }
        }
    }

    /// Whether the memory level keeps the values themselves, so that nothing is encoded.
    private nonisolated func keepsValues(_ attributes: RecordAttributes) -> Bool {
        keepsInMemory(attributes) && !node.passesUp(Int(attributes.level.rawValue))
    }

    /// Keeps the value itself. An instance of a class is encoded instead, since a copied reference is no snapshot.
    private nonisolated func keepInMemory<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, _ attributes: RecordAttributes
    ) throws -> CheckpointReceipt {
        guard isClass(type(of: value)) else { return try keepInMemory(.value(value), attributes, key: key) }
        let buffer = engine.borrowEncodeBuffer()
        defer { engine.giveBack(buffer) }
        let flags = try Self.encode(value, for: key, into: buffer)
        return try keepInMemory(.encoded(unsafe Array(buffer.bytes)), attributes.adding(flags), key: key)
    }

    /// Keeps the values themselves. If one of them is an instance of a class, all are encoded, since a copied reference
    /// is no snapshot.
    private nonisolated func keepInMemory<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey, _ attributes: RecordAttributes
    ) throws -> CheckpointReceipt {
        var kept: [any Codable & Sendable] = []
        var holdsClass = false
        for value in repeat each values {
            kept.append(value)
            if isClass(type(of: value)) { holdsClass = true }
        }
        guard holdsClass else {
            return try keepInMemory(.values(kept), attributes.adding(.severalValues), key: key)
        }
        let buffer = engine.borrowEncodeBuffer()
        defer { engine.giveBack(buffer) }
        let flags = try Self.encode(repeat each values, for: key, into: buffer)
        return try keepInMemory(.encoded(unsafe Array(buffer.bytes)), attributes.adding(flags), key: key)
    }

    private nonisolated func keepInMemory(
        _ snapshot: MemoryRecord.Content, _ attributes: RecordAttributes, key: CheckpointKey
    ) throws -> CheckpointReceipt {
        if !engine.isInMemory { _ = try engine.requireWriter() }
        let (number, hash) = try engine.keepInMemory(snapshot, attributes, key: key)
        return CheckpointReceipt(number, hash, engine)
    }

    /// Stores what a buffer holds. Large arrays that it keeps are written from where they are, unless another actor, or
    /// the memory, gets the bytes too.
    private nonisolated func storeLarge(
        _ buffer: CBOREncodingBuffer, _ attributes: RecordAttributes, key: CheckpointKey, _ patience: RoomPatience
    ) throws -> CheckpointReceipt {
        guard buffer.isInPieces, waits(buffer.count, attributes), !node.passesUp(Int(attributes.level.rawValue)) else {
            return unsafe try store(buffer.bytes, attributes, key: key, patience)
        }
        return unsafe try buffer.withPieces { pieces in
            let appended = try engine.waitingForRoom(patience) {
                unsafe try engine.append(large: BytePieces(pieces), attributes, key: key)
            }
            return CheckpointReceipt(appended, engine)
        }
    }

    /// Stores encoded bytes here, and in every actor on the way up to the first of the level's rank.
    ///
    /// - Throws: what this actor throws; `.unavailable` when one above it fails, after the record stands here.
    nonisolated func store(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: CheckpointKey, _ patience: RoomPatience
    ) throws -> CheckpointReceipt {
        var receipt =
            unsafe keepsInMemory(attributes)
            ? try keepInMemory(.encoded(Array(bytes)), attributes, key: key)
            : CheckpointReceipt(try append(bytes, attributes, key: key, patience), engine)
        guard let parent = node.parent(passing: Int(attributes.level.rawValue)) else { return receipt }
        do {
            var above = try parent.engine.attributes(Int(attributes.level.rawValue)).adding(attributes.flags)
            above.origin = attributes.origin.under(node.name)
            above.metadata = attributes.metadata
            if let taken = attributes.taken { above.taken = number(above: taken, in: parent) }
            receipt.above = unsafe [try parent.store(bytes, above, key: key, patience)]
        } catch {
            throw CheckpointLogError.unavailable(parent.node.name, cause: error)
        }
        return receipt
    }

    /// What ``LogEngine/waitingForRoom(_:_:)`` does. No closure stands on the way of an append that finds room: it
    /// would cost a retain and a release of the actor, the key and the attributes.
    @inline(__always)
    private nonisolated func append(
        _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes, key: CheckpointKey, _ patience: RoomPatience
    ) throws -> Appended {
        do {
            return unsafe try engine.append(bytes, attributes, key: key)
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            return unsafe try append(after: error, bytes, attributes, key: key, patience)
        }
    }

    @inline(never)
    private nonisolated func append(
        after failure: CheckpointLogError, _ bytes: UnsafeRawBufferPointer, _ attributes: RecordAttributes,
        key: CheckpointKey, _ patience: RoomPatience
    ) throws -> Appended {
        try engine.makingRoom(failure, patience) { unsafe try engine.append(bytes, attributes, key: key) }
    }

    /// Takes a checkpoint with numbers that were reserved before its value was known.
    func checkpoint<Value: Codable & Sendable>(
        _ value: Value, for key: CheckpointKey, level: Int, as taken: TakenNumber
    ) async throws {
        var start = try begin(level)
        start.attributes.taken = taken
        let stage = try attempt(value, for: key, &start, waits: false)
        if case .pending(let pending) = stage { _ = try await finish(pending, key) }
    }

    /// Whether storing these bytes waits for a disk.
    nonisolated func waits(_ byteCount: Int, _ attributes: RecordAttributes) -> Bool {
        engine.waitsForDisk(byteCount) && !keepsInMemory(attributes)
    }
}
