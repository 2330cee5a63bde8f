import CBOR
import SystemPackage

/// Collects the members of a group inside ``CheckpointLog/commit(_:level:_:)``.
///
/// ```swift
/// try await log.commit("epoch", level: 2) { group in
///     try group.put(weights, for: "weights")
///     try group.put(optimizer, for: "optimizer")
/// }
/// ```
public struct CheckpointGroupBuilder {
    struct Member {
        var key: CheckpointKey
        var bytes: [UInt8]
        var flags: FrameHeader.Flags
        var metadata: [UInt8]
    }

    var members: [Member] = []
    private var keys: Set<CheckpointKey> = []
    private let encoder: CBOREncoder

    init(_ encoder: CBOREncoder) { self.encoder = encoder }

    /// Adds a checkpoint of `value` under `key` to the group. The call encodes the value at once.
    ///
    /// - Parameters:
    ///   - value: any value.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - metadata: facts about this version of the key, at most 4,096 bytes.
    /// - Throws: ``CheckpointLogError``: `.encodingFailed`; `.invalidArgument` if the metadata is too long;
    ///   `.duplicateKeyInGroup` if the group already has the key.
    public mutating func put<Value: Codable>(
        _ value: Value, for key: CheckpointKey, metadata: CheckpointMetadata = [:]
    ) throws {
        try add(key, metadata) { try CheckpointLog.encode(value, for: key, into: $0) }
    }

    /// Adds a checkpoint of two or more values under `key` to the group; in everything else as the form for one value.
    public mutating func put<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First, _ second: Second, _ rest: repeat each Rest, for key: CheckpointKey,
        metadata: CheckpointMetadata = [:]
    ) throws {
        try add(key, metadata) { try CheckpointLog.encode(first, second, repeat each rest, for: key, into: $0) }
    }

    private mutating func add(
        _ key: CheckpointKey, _ metadata: CheckpointMetadata,
        _ encode: (CBOREncodingBuffer) throws -> FrameHeader.Flags
    ) throws {
        let metadata = try EncodedMetadata.bytes(of: metadata)
        guard keys.insert(key).inserted else { throw CheckpointLogError.duplicateKeyInGroup(key) }
        let buffer = CBOREncodingBuffer(encoder)
        let flags = try encode(buffer)
        members.append(Member(key: key, bytes: unsafe Array(buffer.bytes), flags: flags, metadata: metadata))
    }
}

/// A group that was committed together: its members, with the values that they had then.
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
    /// The members, if the log has no directory.
    let records: [MemoryRecord]
    let name: KeyHash
    let engine: LogEngine

    /// Restores the member under `key` with the value that was committed with the group; nil if the group has no such
    /// member. The call decodes the value where the caller is isolated.
    ///
    /// - Throws: ``CheckpointLogError``: `.decodingFailed`, `.damaged`, `.closed`; `.unavailable` if the log no longer
    ///   keeps the group, because newer groups of its name replaced it or somebody removed it.
    public func restore<Value: Codable>(_ type: Value.Type, for key: CheckpointKey) async throws -> Value? {
        try await fetch(key).map { try decode(type, $0, key) }
    }

    /// Restores a member of two or more values as an optional tuple; in everything else as the form for one value.
    public func restore<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey
    ) async throws -> (First, Second, repeat each Rest)? {
        guard let content = try await fetch(key) else { return nil }
        return .some(try decode(first, second, repeat each rest, of: content, key))
    }

    /// Restores a member as ``restore(_:for:)`` does, for synchronous code; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public func restoreBlocking<Value: Codable>(_ type: Value.Type, for key: CheckpointKey) throws -> Value? {
        try read(key).map { try decode(type, $0, key) }
    }

    /// Restores a member of two or more values, for synchronous code; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public func restoreBlocking<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey
    ) throws -> (First, Second, repeat each Rest)? {
        guard let content = try read(key) else { return nil }
        return .some(try decode(first, second, repeat each rest, of: content, key))
    }

    typealias Content = (bytes: [UInt8], flags: FrameHeader.Flags)

    private func decode<Value: Codable>(_ type: Value.Type, _ content: Content, _ key: CheckpointKey) throws -> Value {
        unsafe try content.bytes.withUnsafeBytes {
            unsafe try OneValue<Value>.decode($0, flags: content.flags, key: key, level: level)
        }
    }

    private func decode<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, of content: Content,
        _ key: CheckpointKey
    ) throws -> (First, Second, repeat each Rest) {
        unsafe try content.bytes.withUnsafeBytes {
            unsafe try SeveralValues<First, Second, repeat each Rest>.decode(
                $0, flags: content.flags, key: key, level: level)
        }
    }

    private func fetch(_ key: CheckpointKey) async throws -> Content? {
        if engine.isInMemory { return try read(key) }
        try engine.checkOpen()
        return try await engine.blocking.run { try read(key) }
    }

    func read(_ key: CheckpointKey) throws -> Content? {
        try engine.checkOpen()
        guard let index = keys.firstIndex(of: key) else { return nil }
        if engine.isInMemory { return (try records[index].encode(), records[index].flags) }
        return try engine.content(ofMember: index, in: name, number: sequenceNumber, level: UInt8(level))
    }
}

extension CheckpointLog {
    /// Takes checkpoints of several keys, all or none, also across a crash, and keeps them together under `name`.
    ///
    /// The call writes a group at once, also at a memory level. It syncs a group that is larger than
    /// `largeValueByteCount`. A group is not passed up the tree, at any level; but a parent's update copies its members
    /// like all records.
    ///
    /// - Parameters:
    ///   - name: the name of the group, 1 to 1,024 bytes of UTF-8. Names of groups and keys are independent. The
    ///     level's retention decides, by count and age, how many groups of a name the log keeps. It keeps a group's
    ///     members as long as the group, even if their keys have newer versions.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised on return.
    ///   - build: adds 1 to 65,536 members. If it throws, the call throws the same error and writes nothing.
    /// - Throws: ``CheckpointLogError``: `.valueTooLarge` for a group larger than `valueByteLimit`; `.invalidGroup` for
    ///   a group without members or with too many; as ``checkpoint(_:for:level:)``. Nothing is written then.
    /// - Complexity: O(n) in the encoded bytes.
    @discardableResult
    public nonisolated func commit(
        _ name: CheckpointKey, level: Int = 1, _ build: (inout CheckpointGroupBuilder) async throws -> Void
    ) async throws -> CheckpointReceipt {
        let attributes = try engine.attributes(level)
        let start = costs.start(attributes.level.rawValue)
        defer { costs.end(start, attributes.level.rawValue) }
        var builder = CheckpointGroupBuilder(engine.configuration.encoder)
        try await build(&builder)
        guard (1...GroupMembers.limit).contains(builder.members.count) else {
            throw CheckpointLogError.invalidGroup(memberCount: builder.members.count, limit: GroupMembers.limit)
        }
        if engine.isInMemory { return try keepInMemory(name, builder, attributes) }
        let members = builder.members.map { member in
            var attributes = attributes.adding(member.flags)
            attributes.metadata = member.metadata
            return BatchMember(key: member.key, attributes: attributes, bytes: member.bytes)
        }
        let engine = engine
        let byteCount = members.reduce(0) { $0 + $1.bytes.count }
        let batch = try await engine.whenThereIsRoom(isLong: engine.waitsForDisk(byteCount)) { patience in
            try engine.appendBatch(members, group: (name, attributes.level), patience)
        }
        let receipt = CheckpointReceipt(batch, engine)
        try await receipt.waitForPromise(of: attributes.level)
        return receipt
    }

    private nonisolated func keepInMemory(
        _ name: CheckpointKey, _ builder: CheckpointGroupBuilder, _ attributes: RecordAttributes
    ) throws -> CheckpointReceipt {
        let level = attributes.level
        func record(
            _ key: CheckpointKey, _ bytes: [UInt8], _ flags: FrameHeader.Flags, _ metadata: [UInt8],
            space: KeyHash.Space
        ) throws -> (record: MemoryRecord, hash: KeyHash) {
            let hash = try engine.hash(of: key, level: level.rawValue, origin: .own, space: space)
            let taken = try engine.reserveNumber()
            let record = MemoryRecord(
                key: key, level: level, origin: .own, number: taken.sequenceNumber, timestamp: taken.timestamp,
                content: .encoded(bytes), flags: flags, metadata: metadata)
            return (record, hash)
        }
        let members = try builder.members.map { try record($0.key, $0.bytes, $0.flags, $0.metadata, space: .key) }
        let (last, hash) = try record(name, [], [], [], space: .group)
        let group = MemoryStore.Group(
            number: last.number, timestamp: last.timestamp, level: level, name: name, members: members.map(\.record))
        try engine.putAllInMemory(
            members, group: (group, hash), keep: engine.retention(of: attributes.level.rawValue).count)
        return CheckpointReceipt(last.number, hash, engine)
    }
}
