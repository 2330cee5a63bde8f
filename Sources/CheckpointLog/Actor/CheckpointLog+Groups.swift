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
        var bytes: [UInt8] = []
        var flags: FrameHeader.Flags = []
        try CheckpointLog.encode(repeat each values, for: key, into: &bytes, &flags)
        members.append((key, bytes, flags))
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
    let members: [GroupTable.Member]
    let name: KeyHash
    let engine: LogEngine

    /// The keys of the members, in the order in which they were put.
    public var keys: [CheckpointKey] { members.map { CheckpointKey(String(decoding: $0.key, as: UTF8.self)) } }

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
        guard let index = members.firstIndex(where: { $0.key.elementsEqual(key.name.utf8) }) else { return nil }
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
    /// - Throws: ``CheckpointLogError``: `.valueTooLarge` for a member over `largeValueByteCount` or a group over one segment; as
    ///   ``checkpoint(_:for:level:)``.
    @discardableResult
    public nonisolated func commit(
        _ name: CheckpointKey, level: Int = 1, _ build: (inout CheckpointGroupBuilder) throws -> Void
    ) async throws -> CheckpointReceipt {
        let content = try engine.content(level)
        var builder = CheckpointGroupBuilder()
        try build(&builder)
        let receipt = try engine.receipt(engine.appendGroup(name, builder.members, content.level))
        if content.policy.durability == .synced { try await receipt.wait(for: .synced) }
        return receipt
    }

    /// The newest complete group of `name` at `level`; nil when there is none, or a key it holds was removed since.
    ///
    /// - Throws: ``CheckpointLogError``: `.damaged` when the list of its members cannot be read; `.invalidKey`, `.invalidLevel`,
    ///   `.closed`.
    public nonisolated func restoreGroup(_ name: CheckpointKey, level: Int = 1) async throws -> CheckpointGroup? {
        let level = try Level(validating: level)
        try engine.checkOpen()
        return unsafe try name.withValidatedBytes { bytes in
            let hash = unsafe KeyHash(
                engine.identity.hashKey, level: level.rawValue, origin: .empty, key: bytes, isGroup: true)
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
                sequenceNumber: group.sequenceNumber, level: Int(level.rawValue), members: group.members, name: hash,
                engine: engine)
        }
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
                where (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
            {
                lastError = error
            }
        }
        throw lastError
            ?? CheckpointLogError(
                code: .unavailable, message: "A newer group of this name has taken its place; restore the group again.")
    }
}
