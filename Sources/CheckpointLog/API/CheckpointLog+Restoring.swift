internal import CBOR

extension CheckpointLog {
    /// Restores the newest checkpoint of `key`: the newest at `level`, or the newest at any level.
    ///
    /// If the log has a parent, and the level is greater than this log's rank, the nearest actor above of that rank
    /// answers, first with what came from this log. If it has none, this log answers. The memory level returns the
    /// value itself, without decoding.
    ///
    /// - Parameters:
    ///   - type: the type of the value that was saved, or one that decodes the same form.
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which version; the newest by default.
    ///   - origin: the path by which the checkpoint came up the tree, such as `C4/C1`. Nil means this log's own
    ///     checkpoint or, if it has none, the newest of any origin.
    ///   - fallback: what to do if the version is damaged, or does not decode.
    /// - Returns: the value, or nil if there is no such checkpoint.
    /// - Throws: ``CheckpointLogError``: `.decodingFailed` if the checkpoint is of another type; `.damaged`, naming
    ///   file, offset and number; `.closed`, `.invalidKey`, `.invalidLevel`, `.ioFailure`.
    /// - Complexity: O(n) in the bytes of the checkpoint. One `preadv2` on the task's thread if the page cache has
    ///   them; otherwise a `pread` on a thread of the log.
    public nonisolated func restore<Value: Codable & Sendable>(
        _ type: Value.Type, for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest,
        origin: String? = nil, fallback: RestoreFallback = .none
    ) async throws -> Value? {
        try await answer(OneValue<Value>(), key, level, version, origin, fallback)
    }

    /// Restores a checkpoint of two or more values as an optional tuple; in everything else as the form for one value.
    public nonisolated func restore<
        First: Codable & Sendable, Second: Codable & Sendable, each Rest: Codable & Sendable
    >(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey,
        level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil, fallback: RestoreFallback = .none
    ) async throws -> (First, Second, repeat each Rest)? {
        try await answer(SeveralValues<First, Second, repeat each Rest>(), key, level, version, origin, fallback)
    }

    /// Restores the stored bytes of the newest checkpoint of `key`: the CBOR of its values, or the bytes that were
    /// saved.
    ///
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)-5xn3o``, without `.decodingFailed`.
    public nonisolated func restoreBytes(
        for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil,
        fallback: RestoreFallback = .none
    ) async throws -> [UInt8]? {
        try await answer(StoredBytes(), key, level, version, origin, fallback)
    }

    /// Restores a checkpoint of one value with a decoder of your own, for example for an older layout of its type.
    ///
    /// ```swift
    /// let state = try await log.restore(for: "state") { decoder in
    ///     do { return try State(from: decoder) } catch { return State(upgrading: try OldState(from: decoder)) }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of UTF-8.
    ///   - level: 1…255, or nil.
    ///   - version: which version; the newest by default.
    ///   - origin: the path by which the checkpoint came up the tree, or nil.
    ///   - fallback: what to do if the version is damaged, or `decode` throws.
    ///   - decode: called with a decoder of the stored CBOR; called again if compaction moved the record meanwhile.
    /// - Returns: what `decode` returned, or nil if there is no such checkpoint.
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)-5xn3o``. If `decode` throws, the call throws
    ///   `.decodingFailed` with that error as its cause.
    public nonisolated func restore<Value: Sendable>(
        for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil,
        fallback: RestoreFallback = .none, decoding decode: @escaping @Sendable (any Decoder) throws -> Value
    ) async throws -> Value? {
        let form = unsafe Decoded { content, facts in
            do {
                guard !facts.flags.contains(.raw) else {
                    throw DecodingError.dataCorrupted(
                        .init(codingPath: [], debugDescription: "The bytes are not CBOR."))
                }
                return try unsafe CBORDecoder().decode(from: content, by: decode)
            } catch {
                throw CheckpointLogError.decodingFailed(
                    key: key, level: Int(facts.level), stored: unsafe storedForm(facts.flags, content),
                    wanted: "\(Value.self)",
                    cause: error)
            }
        }
        return try await answer(form, key, level, version, origin, fallback)
    }

    /// The newest checkpoint of `key` as readable text, in CBOR's diagnostic notation. It needs no Swift type.
    ///
    /// - Returns: at most 64 Ki characters. Bytes that were saved without encoding appear as one byte string. Nil if
    ///   there is no such checkpoint.
    /// - Throws: as ``restoreBytes(for:level:version:origin:fallback:)``.
    public nonisolated func diagnosticText(
        for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil
    ) async throws -> String? {
        let form = unsafe Decoded { content, facts in
            guard facts.flags.contains(.raw) else { return unsafe CBORDiagnostic.text(of: content) }
            let buffer = CBOREncodingBuffer()
            try buffer.encode(unsafe Array(content.prefix(32_768)))
            return unsafe CBORDiagnostic.text(of: buffer.bytes)
        }
        return try await answer(form, key, level, version, origin, .none)
    }

    /// The actors to ask and what to ask each, in order, when one above answers for the level; nil when this one
    /// answers alone.
    nonisolated func queries(_ query: RecordQuery, _ level: Int?) -> [(CheckpointLog, RecordQuery)]? {
        // A number belongs to the log that gave it: an actor above numbers its copies itself.
        if case .sequence = query.version.choice { return nil }
        guard let level, let above = node.actor(answering: level) else { return nil }
        var theirs = query
        theirs.origin = query.origin ?? above.origin
        return query.origin == nil
            ? [(above.log, theirs), (self, query), (above.log, query)] : [(above.log, theirs), (self, query)]
    }

    /// Asks each actor that may know in turn.
    ///
    /// Inlined, so that what the memory or the page cache answers costs no asynchronous call, and nothing generic but
    /// the form's own work. Only what has to wait is handed on.
    @inline(__always)
    nonisolated func answer<Form: ContentForm & Sendable>(
        _ form: Form, _ key: CheckpointKey, _ level: Int?, _ version: RestoreVersion, _ origin: String?,
        _ fallback: RestoreFallback
    ) async throws -> Form.Result? where Form.Result: Sendable {
        let query = try RecordQuery(key, level, version, origin)
        if let queries = queries(query, level) { return try await answer(form, queries, fallback) }
        return try await engine.answer(form, query, fallback)
    }

    private nonisolated func answer<Form: ContentForm & Sendable>(
        _ form: Form, _ queries: [(CheckpointLog, RecordQuery)], _ fallback: RestoreFallback
    ) async throws -> Form.Result? where Form.Result: Sendable {
        for (log, query) in queries {
            if let value = try await log.engine.answer(form, query, fallback) { return value }
        }
        return nil
    }
}

extension LogEngine {
    /// Looks in the memory level, then in the page cache, then on the disk. The key is looked up once, whichever way
    /// its record is then read.
    @inline(__always)
    fileprivate func answer<Form: ContentForm & Sendable>(
        _ form: Form, _ query: RecordQuery, _ fallback: RestoreFallback
    ) async throws -> Form.Result? where Form.Result: Sendable {
        var found: FoundRecord?
        do {
            return try answerAtOnce(form, query, fallback, &found)
        } catch is WouldWait {
            return try await answerLater(form, query, fallback, found)
        }
    }

    /// Asks the memory and the page cache. The closure keeps the result, so nothing from here down to the frame is
    /// generic, and copies no result by calls of the runtime.
    ///
    /// - Parameter found: the record, once it is looked up.
    /// - Throws: ``WouldWait`` if a thread that may wait has to answer.
    private func answerAtOnce<Form: ContentForm>(
        _ form: Form, _ query: RecordQuery, _ fallback: RestoreFallback, _ found: inout FoundRecord?
    ) throws -> Form.Result? {
        found = try newest(query, .cachedOnly)
        guard let found else { return nil }
        if case .memory(let record) = found, let value = form.remembered(record) { return value }
        guard fallback.report == nil else { throw WouldWait() }
        var result: Form.Result?
        _ = unsafe try withContent(query, .cachedOnly, found: found) {
            result = unsafe try form.decoded($1, $0, query.key)
        }
        return result.take()
    }

    private func answerLater<Form: ContentForm & Sendable>(
        _ form: Form, _ query: RecordQuery, _ fallback: RestoreFallback, _ found: FoundRecord?
    ) async throws -> Form.Result? where Form.Result: Sendable {
        try await decoding.run {
            try self.answerWaiting(form, query, fallback, found)
        }
    }

    /// Reads the record as `form`, on a thread that may wait.
    ///
    /// - Parameter found: the record, if the caller has looked it up already.
    func answerWaiting<Form: ContentForm>(
        _ form: Form, _ query: RecordQuery, _ fallback: RestoreFallback, _ found: FoundRecord?
    ) throws -> Form.Result? {
        guard fallback.report != nil else {
            return unsafe try withContent(query, .waiting, found: found, receive: { try form.received($0, $1) }) {
                unsafe try form.decoded($1, $0, query.key)
            }
        }
        return unsafe try withIntactContent(query, fallback, receive: { try form.received($0, $1) }) {
            unsafe try form.decoded($1, $0, query.key)
        }
    }
}

extension RecordQuery {
    /// - Throws: `.invalidLevel`. The key is checked where it is hashed.
    init(_ key: CheckpointKey, _ level: Int?, _ version: RestoreVersion, _ origin: String?) throws {
        self.init(
            key: key, level: try level.map { try Level(validating: $0).rawValue }, version: version,
            origin: origin.map { Origin($0) })
    }
}
