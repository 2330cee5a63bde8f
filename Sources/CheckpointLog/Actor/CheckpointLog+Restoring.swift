internal import CBOR

extension CheckpointLog {
    /// Gives back the newest checkpoint of `key`, at `level` or, without one, at whichever level is newest.
    ///
    /// - Parameters:
    ///   - type: the type that the checkpoint was taken of.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: the number of an older version, as a receipt or ``history(for:level:)`` gives it; nil for the newest.
    /// - Returns: the value, or nil when there is no such checkpoint.
    /// - Throws: ``CheckpointLogError``: `.decodingFailed` for another type than it was taken of, `.damaged` naming file, offset
    ///   and number, `.closed`, `.invalidKey`, `.invalidLevel`, `.ioFailure`.
    /// - Complexity: O(n) in the bytes of the checkpoint. The read runs on a thread of the engine's.
    public nonisolated func restore<Value: Codable & Sendable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: SequenceNumber? = nil
    ) async throws -> Value? {
        guard let stored = try await fetch(key, level, version) else { return nil }
        return unsafe try stored.bytes.withUnsafeBytes {
            unsafe try Self.decode(type, content: $0, flags: stored.flags, key: key, level: stored.level)
        }
    }

    /// Gives back a checkpoint of several values as an optional tuple; as the form for one value in everything else.
    public nonisolated func restore<each Value: Codable & Sendable>(
        _ types: repeat (each Value).Type, for key: CheckpointKey, level: Int? = nil, version: SequenceNumber? = nil
    ) async throws -> (repeat each Value)? {
        guard let stored = try await fetch(key, level, version) else { return nil }
        return unsafe try stored.bytes.withUnsafeBytes {
            unsafe try Self.decode(repeat each types, content: $0, flags: stored.flags, key: key, level: stored.level)
        }
    }

    private nonisolated func fetch(
        _ key: CheckpointKey, _ level: Int?, _ version: SequenceNumber?
    ) async throws -> (bytes: [UInt8], flags: FrameHeader.Flags, level: Int)? {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        return try await engine.blocking.run {
            guard let level = try level ?? engine.newestLevel(of: key) else { return nil }
            return unsafe try engine.withContent(level: level, key: key, number: version) {
                unsafe (Array($1), $0.flags, Int(level))
            }
        }
    }

    /// Gives back one value as ``restore(_:for:level:version:)`` does, for code that is not asynchronous; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public nonisolated func restoreBlocking<Value: Codable & Sendable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: SequenceNumber? = nil
    ) throws -> Value? {
        let level = try level.map { try Level(validating: $0).rawValue }
        guard let level = try level ?? engine.newestLevel(of: key) else { return nil }
        return unsafe try engine.withContent(level: level, key: key, number: version) { header, content in
            unsafe try Self.decode(type, content: content, flags: header.flags, key: key, level: Int(level))
        }
    }

    /// Gives back the newest checkpoint of `key` as its stored bytes: the CBOR of its values, or the bytes it was taken of.
    ///
    /// - Throws: as ``restore(_:for:level:version:)``, without `.decodingFailed`.
    public nonisolated func restoreBytes(for key: CheckpointKey, level: Int? = nil) async throws -> [UInt8]? {
        let level = try level.map { try Level(validating: $0).rawValue }
        let engine = engine
        guard let level = try level ?? engine.newestLevel(of: key) else { return nil }
        return try await engine.blocking.run {
            unsafe try engine.withContent(level: level, key: key) { unsafe Array($1) }
        }
    }

    static func decode<Value: Codable & Sendable>(
        _ type: Value.Type, content: UnsafeRawBufferPointer, flags: FrameHeader.Flags, key: CheckpointKey, level: Int
    ) throws -> Value {
        do {
            guard flags.isDisjoint(with: [.raw, .severalValues]) else {
                throw DecodingError.typeMismatch(
                    type, .init(codingPath: [], debugDescription: "The checkpoint is not of one value."))
            }
            return unsafe try CBORDecoder().decode(type, from: content)
        } catch {
            throw CheckpointLogError.decodingFailed(
                key: key, level: level, stored: storedForm(flags), wanted: "\(type)", cause: error)
        }
    }

    static func decode<each Value: Codable & Sendable>(
        _ types: repeat (each Value).Type, content: UnsafeRawBufferPointer, flags: FrameHeader.Flags,
        key: CheckpointKey, level: Int
    ) throws -> (repeat each Value) {
        do {
            guard flags.contains(.severalValues) else {
                throw DecodingError.typeMismatch(
                    [Any].self, .init(codingPath: [], debugDescription: "The checkpoint is not of several values."))
            }
            let elements = unsafe try CBORArrayDecoder(content)
            let values = (repeat try elements.decodeNext((each Value).self))
            guard elements.isAtEnd else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: [], debugDescription: "The checkpoint holds more values."))
            }
            return values
        } catch {
            throw CheckpointLogError.decodingFailed(
                key: key, level: level, stored: storedForm(flags), wanted: "several values", cause: error)
        }
    }

    private static func storedForm(_ flags: FrameHeader.Flags) -> String {
        if flags.contains(.raw) { return "bytes that are not CBOR" }
        return flags.contains(.severalValues) ? "several values" : "one value"
    }
}
