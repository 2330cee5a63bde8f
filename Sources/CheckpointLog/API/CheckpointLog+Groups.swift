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

    /// Puts a checkpoint of `value` under `key` into the group. Encoded at once.
    ///
    /// - Parameters:
    ///   - value: any value.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - metadata: what is said of this version of the key beside its values, 4,096 bytes at the most.
    /// - Throws: ``CheckpointLogError``: `.encodingFailed`; `.invalidArgument` for too much metadata;
    ///   `.duplicateKeyInGroup` for a key that is in the group already.
    public mutating func put<Value: Codable>(
        _ value: Value, for key: CheckpointKey, metadata: CheckpointMetadata = [:]
    ) throws {
        try add(key, metadata) { try CheckpointLog.encode(value, for: key, into: $0) }
    }

    /// Puts a checkpoint of two values or more under `key` into the group; as the form for one value in everything
    /// else.
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

    /// Gives back the member under `key` with the value that was committed with the group; nil when it has no such
    /// member. Decoded where the caller is isolated.
    ///
    /// - Throws: ``CheckpointLogError``: `.decodingFailed`, `.damaged`, `.closed`; `.unavailable` when the group is not
    ///   kept any more: newer ones of the name have taken its place since, or it was ended.
    public func restore<Value: Codable>(_ type: Value.Type, for key: CheckpointKey) async throws -> Value? {
        try await fetch(key).map { try decode(type, $0, key) }
    }

    /// Gives back a member of two values or more as an optional tuple; as the form for one value in everything else.
    public func restore<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey
    ) async throws -> (First, Second, repeat each Rest)? {
        guard let content = try await fetch(key) else { return nil }
        return .some(try decode(first, second, repeat each rest, of: content, key))
    }

    /// Gives back a member as ``restore(_:for:)`` does, for code that is not asynchronous; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public func restoreBlocking<Value: Codable>(_ type: Value.Type, for key: CheckpointKey) throws -> Value? {
        try read(key).map { try decode(type, $0, key) }
    }

    /// Gives back a member of two values or more, for code that is not asynchronous; blocks while it reads.
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
            unsafe try CheckpointLog.decode(type, content: $0, flags: content.flags, key: key, level: level)
        }
    }

    private func decode<First: Codable, Second: Codable, each Rest: Codable>(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, of content: Content,
        _ key: CheckpointKey
    ) throws -> (First, Second, repeat each Rest) {
        unsafe try content.bytes.withUnsafeBytes {
            unsafe try CheckpointLog.decode(
                first, second, repeat each rest, content: $0, flags: content.flags, key: key, level: level)
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
    /// Takes checkpoints of several keys, all or none of them, also across a crash, and keeps them together under
    /// `name`.
    ///
    /// A group is written at once, also at a level of the memory; one over `largeValueByteCount` is synced too. It
    /// stays with this actor: it is not passed up the tree, whatever its level, but a parent's update takes its members
    /// over like all records.
    ///
    /// - Parameters:
    ///   - name: the name of the group, 1 to 1,024 bytes of UTF-8, apart from the names of keys. As many groups of a
    ///     name are kept as versions of a key, by number and age; their members as long as they are, whatever has come
    ///     of their keys since.
    ///   - level: 1…255; its ``LevelPolicy`` says what is promised on return.
    ///   - build: puts 1 to 65,536 members in; what it throws is passed on and nothing is written.
    /// - Throws: ``CheckpointLogError``: `.valueTooLarge` for a group over `valueByteLimit`, `.invalidGroup` for one
    ///   without members or with too many; as ``checkpoint(_:for:level:)``. Nothing is written then.
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
        return CheckpointReceipt(last, hash, engine)
    }
}
