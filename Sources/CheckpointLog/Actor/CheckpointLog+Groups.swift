import CBOR
import SystemPackage

/// What a named group is put together of, inside ``CheckpointLog/commit(_:level:_:)``.
///
/// ```swift
/// try await log.commit("epoch", level: 2) { group in
///     try group.put(weights, for: "weights")
///     try group.put(optimizer, for: "optimizer")
/// }
/// ```
public struct CheckpointGroupBuilder {
    var members: [(key: CheckpointKey, bytes: [UInt8], flags: FrameHeader.Flags)] = []
    private var keys: Set<CheckpointKey> = []

    init() {}

    /// Puts a checkpoint of `values` under `key` into the group. Encoded at once.
    ///
    /// - Throws: ``CheckpointLogError``: `.encodingFailed`; `.duplicateKeyInGroup` for a key that is in the group already.
    public mutating func put<each Value: Codable & Sendable>(
        _ values: repeat each Value, for key: CheckpointKey
    ) throws {
        guard keys.insert(key).inserted else { throw CheckpointLogError.duplicateKeyInGroup(key) }
        let buffer = CBOREncodingBuffer()
        let flags = try CheckpointLog.encode(repeat each values, for: key, into: buffer)
        unsafe members.append((key, Array(buffer.bytes), flags))
    }
}

/// The members of a group that was committed together, with the values they had then.
///
/// ```swift
/// if let group = try await log.restoreGroup("epoch", level: 2) {
///     let weights = try await group.restore([Float].self, for: "weights")
/// }
/// ```
public struct CheckpointGroup: Sendable {
    /// The number of the group.
    public let sequenceNumber: SequenceNumber
    /// The level at which the group was committed.
    public let level: Int
    /// The keys of the members, in the order in which they were put.
    public let keys: [CheckpointKey]
    /// The members, for a log without a directory.
    let records: [MemoryRecord]
    let name: KeyHash
    let engine: LogEngine

    /// Gives back the member under `key` with the value that was committed with the group; nil when it has no such member.
    ///
    /// - Throws: ``CheckpointLogError``: `.decodingFailed`, `.damaged`, `.closed`; `.unavailable` when a newer group of the name has
    ///   taken this one's place since.
    public func restore<Value: Codable & Sendable>(_ type: Value.Type, for key: CheckpointKey) async throws -> Value? {
        guard let (bytes, flags) = try await fetch(key) else { return nil }
        return unsafe try bytes.withUnsafeBytes {
            unsafe try CheckpointLog.decode(type, content: $0, flags: flags, key: key, level: level)
        }
    }

    /// Gives back a member of several values as an optional tuple; as the form for one value in everything else.
    public func restore<each Value: Codable & Sendable>(
        _ types: repeat (each Value).Type, for key: CheckpointKey
    ) async throws -> (repeat each Value)? {
        guard let (bytes, flags) = try await fetch(key) else { return nil }
        return unsafe try bytes.withUnsafeBytes {
            unsafe try CheckpointLog.decode(repeat each types, content: $0, flags: flags, key: key, level: level)
        }
    }

    private func fetch(_ key: CheckpointKey) async throws -> ([UInt8], FrameHeader.Flags)? {
        guard let index = keys.firstIndex(of: key) else { return nil }
        if engine.isInMemory {
            try engine.checkOpen()
            return (try records[index].encode(), records[index].flags)
        }
        let (engine, level, name, number) = (engine, UInt8(level), name, sequenceNumber)
        try engine.checkOpen()
        return try await engine.blocking.run {
            try engine.content(ofMember: index, in: name, number: number, level: level)
        }
    }
}

extension CheckpointLog {
    /// Takes checkpoints of several keys, all or none of them, also across a crash, and keeps them together under `name`.
    ///
    /// - Parameters:
    ///   - name: the name of the group, 1 to 1,024 bytes of UTF-8, apart from the names of keys. A later group of the same name
    ///     takes its place; until then its members are kept whatever their level's retention says.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised on return.
    ///   - build: puts the members in; what it throws is passed on and nothing is written.
    /// A group is written at once, also at a level of the memory; one over `largeValueByteCount` is synced too.
    ///
    /// - Throws: ``CheckpointLogError``: `.valueTooLarge` for a group over `valueByteLimit`; as ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func commit(
        _ name: CheckpointKey, level: Int = 1, _ build: (inout CheckpointGroupBuilder) throws -> Void
    ) async throws -> CheckpointReceipt {
        let content = try engine.content(level)
        var builder = CheckpointGroupBuilder()
        try build(&builder)
        if engine.isInMemory { return try remember(name, builder, content) }
        let members = builder.members.map { member in
            LogEngine.BatchMember(key: member.key, content: content.adding(member.flags), bytes: member.bytes)
        }
        let engine = engine
        let byteCount = members.reduce(0) { $0 + $1.bytes.count }
        let batch = try await engine.blockingIfNeeded(byteCount > engine.configuration.largeValueLimit) {
            try engine.appendBatch(members, group: (name, content.level))
        }
        let receipt = CheckpointReceipt(batch, engine)
        try await receipt.waitForPromise(of: content.level)
        return receipt
    }

    private nonisolated func remember(
        _ name: CheckpointKey, _ builder: CheckpointGroupBuilder, _ content: LogEngine.Content
    ) throws -> CheckpointReceipt {
        let hash = try engine.hash(of: name, level: content.level.rawValue, origin: .own, space: .group)
        let records = try builder.members.map { member in
            try engine.remember(.encoded(member.bytes), member.flags, key: member.key, content.level)
        }
        let taken = try engine.takeNumber()
        let group = MemoryRecord(
            key: name, level: content.level, origin: .own, number: taken.sequenceNumber, timestamp: taken.timestamp,
            content: .encoded([]), flags: [])
        engine.memory.put(
            MemoryStore.Group(number: group.number, level: content.level, name: name, members: records), hash)
        return CheckpointReceipt(group, hash, engine)
    }

    /// The newest complete group of `name` at `level`; nil when there is none, or a key it holds was removed since.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged` when the list of its members cannot be read; `.invalidKey`, `.invalidLevel`,
    ///   `.closed`.
    public nonisolated func restoreGroup(_ name: CheckpointKey, level: Int = 1) async throws -> CheckpointGroup? {
        let level = try Level(validating: level)
        let engine = engine
        try engine.checkOpen()
        let hash = try engine.hash(of: name, level: level.rawValue, origin: .own, space: .group)
        if engine.isInMemory {
            guard let group = engine.memory.group(hash) else { return nil }
            return CheckpointGroup(
                sequenceNumber: group.number, level: Int(level.rawValue), keys: group.members.map(\.key),
                records: group.members, name: hash, engine: engine)
        }
        if engine.follower != nil { try await engine.blocking.run { try engine.refresh() } }
        guard let group = engine.catalog.groups.group(hash) else { return nil }
        if var damage = group.damage {
            let number = group.sequenceNumber
            damage.lost = [
                CheckpointLogError.LostRecord(
                    level: Int(level.rawValue), key: name, sequenceNumbers: number...number)
            ]
            throw damage
        }
        return CheckpointGroup(
            sequenceNumber: group.sequenceNumber, level: Int(level.rawValue),
            keys: group.members.map { CheckpointKey(String(decoding: $0.key, as: UTF8.self)) }, records: [],
            name: hash, engine: engine)
    }
}

extension LogEngine {
    func content(
        ofMember index: Int, in name: KeyHash, number: SequenceNumber, level: UInt8
    ) throws -> ([UInt8], FrameHeader.Flags) {
        var lastError: (any Error)?
        for _ in 0..<3 {
            // Asked anew each time: compaction moves members.
            guard let group = catalog.groups.group(name), group.sequenceNumber == number,
                group.members.indices.contains(index)
            else { break }
            let member = group.members[index]
            do {
                return unsafe try member.key.withUnsafeBytes { key in
                    unsafe try withFrame(
                        at: member.location, number: member.sequenceNumber, level: level, key: key
                    ) { unsafe (Array($1), $0.flags) }
                }
            } catch let error as CheckpointLogError
                where Self.isGone(error)
            {
                lastError = error
                try refresh(isForced: true)
            }
        }
        throw lastError
            ?? CheckpointLogError(
                code: .unavailable, message: "A newer group of this name has taken its place; restore the group again.")
    }
}
