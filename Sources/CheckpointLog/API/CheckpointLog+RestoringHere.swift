internal import CBOR

/// The forms that decode on the caller's thread, or on the caller's actor.
extension CheckpointLog {
    /// Restores one value of a type that is not `Sendable`, as ``restore(_:for:level:version:origin:fallback:)-5xn3o``
    /// does.
    ///
    /// The call decodes the value where the caller is isolated. So the type's conformance to `Codable` may be isolated
    /// to the main actor, as in a module whose default isolation is the main actor. For types that are `Sendable` the
    /// compiler chooses the other form, which decodes in the background if the value is not in the page cache.
    public nonisolated(nonsending) func restore<Value: Codable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest,
        origin: String? = nil, fallback: RestoreFallback = .none
    ) async throws -> Value? {
        unsafe try await decodeHere(key, level, version, origin, fallback) { facts, content in
            unsafe try OneValue<Value>().decoded(content, facts, key)
        }
    }

    /// Restores one value of a type that has new properties since the checkpoint was taken: `defaults` supplies what is
    /// not stored.
    ///
    /// ```swift
    /// struct State: Codable { var step = 0; var rate = 0.1 }  // `rate` is new
    /// let state = try await log.restore(State.self, for: "state", defaults: State()) ?? State()
    /// ```
    ///
    /// The call also completes properties of structs inside the value, but not elements of arrays and dictionaries. An
    /// optional property that is not stored is nil, since it may have been nil. The call decodes the value where the
    /// caller is isolated.
    ///
    /// - Parameters:
    ///   - type: the type, as it is today.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which version; the newest by default.
    ///   - origin: the path by which the checkpoint came up the tree, or nil.
    ///   - fallback: what to do if the version is damaged, or does not decode with `defaults` either.
    ///   - defaults: a value with every property. The call encodes it only if a property is missing.
    /// - Returns: the value, or nil if there is no such checkpoint.
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)-5xn3o``.
    public nonisolated(nonsending) func restore<Value: Codable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest,
        origin: String? = nil, fallback: RestoreFallback = .none, defaults: Value
    ) async throws -> Value? {
        unsafe try await decodeHere(key, level, version, origin, fallback) { facts, content in
            unsafe try Self.decode(
                type, content: content, flags: facts.flags, key: key, level: Int(facts.level), defaults: defaults)
        }
    }

    private struct Content: Sendable {
        var facts: ContentFacts
        var bytes: [UInt8]
    }

    /// Reads the content of one version after another, and lets the caller's thread decode it.
    private nonisolated(nonsending) func decodeHere<Value>(
        _ key: CheckpointKey, _ level: Int?, _ version: RestoreVersion, _ origin: String?, _ fallback: RestoreFallback,
        _ decode: (ContentFacts, UnsafeRawBufferPointer) throws -> Value
    ) async throws -> Value? {
        // Versions that failed to decode, which the next look skips.
        var refused: [SequenceNumber: CheckpointLogError] = [:]
        let skipped = Lock<[CheckpointLogError]>([])
        defer { for error in skipped.withLock({ $0 }) { fallback.report?(error) } }
        var quiet = fallback
        if fallback.report != nil { quiet.report = { error in skipped.withLock { $0.append(error) } } }
        while true {
            skipped.withLock { $0 = [] }
            let form = unsafe Decoded { [refused] content, facts in
                if let error = refused[facts.number] { throw error }
                return Content(facts: facts, bytes: unsafe Array(content))
            }
            let found = try await answer(form, key, level, version, origin, quiet)
            guard let found else { return nil }
            do {
                return unsafe try found.bytes.withUnsafeBytes { unsafe try decode(found.facts, $0) }
            } catch let error as CheckpointLogError
                where fallback.report != nil && fallback.skips(error) && refused[found.facts.number] == nil
            {
                refused[found.facts.number] = error
            }
        }
    }

    private static func decode<Value: Codable>(
        _ type: Value.Type, content: UnsafeRawBufferPointer, flags: FrameHeader.Flags, key: CheckpointKey, level: Int,
        defaults: Value
    ) throws -> Value {
        do {
            return unsafe try OneValue<Value>.decode(content, flags: flags, key: key, level: level)
        } catch let error as CheckpointLogError where error.isMissingField {
            let buffer = CBOREncodingBuffer()
            _ = try encode(defaults, for: key, into: buffer)
            do {
                return unsafe try CBORDecoder().decode(type, from: content, completedBy: buffer.bytes)
            } catch {
                throw CheckpointLogError.decodingFailed(
                    key: key, level: level, stored: unsafe storedForm(flags, content), wanted: "\(type)", cause: error)
            }
        }
    }

    /// Restores one value as ``restore(_:for:level:version:origin:fallback:)-5xn3o`` does, for synchronous code; blocks
    /// while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public nonisolated func restoreBlocking<Value: Codable & Sendable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest,
        origin: String? = nil, fallback: RestoreFallback = .none
    ) throws -> Value? {
        try answerBlocking(OneValue<Value>(), key, level, version, origin, fallback)
    }

    /// Restores two or more values, for synchronous code; blocks while it reads.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public nonisolated func restoreBlocking<
        First: Codable & Sendable, Second: Codable & Sendable, each Rest: Codable & Sendable
    >(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey,
        level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil, fallback: RestoreFallback = .none
    ) throws -> (First, Second, repeat each Rest)? {
        try answerBlocking(SeveralValues<First, Second, repeat each Rest>(), key, level, version, origin, fallback)
    }

    /// Restores one value of a type that is not `Sendable`, for synchronous code.
    @available(*, noasync, message: "Use the asynchronous restore.")
    public nonisolated func restoreBlocking<Value: Codable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest,
        origin: String? = nil, fallback: RestoreFallback = .none
    ) throws -> Value? {
        try answerBlocking(OneValue<Value>(), key, level, version, origin, fallback)
    }

    /// Looks in memory and on disk of this actor, and then of each actor above that may have the key.
    private nonisolated func answerBlocking<Form: ContentForm>(
        _ form: Form, _ key: CheckpointKey, _ level: Int?, _ version: RestoreVersion, _ origin: String?,
        _ fallback: RestoreFallback
    ) throws -> Form.Result? {
        let query = try RecordQuery(key, level, version, origin)
        for (log, query) in queries(query, level) ?? [(self, query)] {
            var found: FoundRecord?
            if fallback.report == nil {
                found = try log.engine.newest(query)
                guard let found else { continue }
                if case .memory(let record) = found, let value = form.remembered(record) { return value }
            }
            if let value = try log.engine.answerWaiting(form, query, fallback, found) { return value }
        }
        return nil
    }
}
