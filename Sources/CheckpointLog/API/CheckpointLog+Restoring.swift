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
        unsafe try await answer(key, level, version, origin, fallback) { record in
            guard case .value(let value) = record.content else { return nil }
            return Self.cast(value, type)
        } receive: { facts, reader in
            try Self.receive(type, reader, facts.flags)
        } decode: { facts, content in
            unsafe try Self.decode(type, content: content, flags: facts.flags, key: key, level: Int(facts.level))
        }
    }

    /// Restores a checkpoint of two or more values as an optional tuple; in everything else as the form for one value.
    public nonisolated func restore<
        First: Codable & Sendable, Second: Codable & Sendable, each Rest: Codable & Sendable
    >(
        _ first: First.Type, _ second: Second.Type, _ rest: repeat (each Rest).Type, for key: CheckpointKey,
        level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil, fallback: RestoreFallback = .none
    ) async throws -> (First, Second, repeat each Rest)? {
        unsafe try await answer(key, level, version, origin, fallback) { record in
            guard case .values(let values) = record.content else { return nil }
            return Self.cast(values, first, second, repeat each rest)
        } decode: { facts, content in
            unsafe try Self.decode(
                first, second, repeat each rest, content: content, flags: facts.flags, key: key,
                level: Int(facts.level))
        }
    }

    /// Restores the stored bytes of the newest checkpoint of `key`: the CBOR of its values, or the bytes that were
    /// saved.
    ///
    /// - Throws: as ``restore(_:for:level:version:origin:fallback:)-5xn3o``, without `.decodingFailed`.
    public nonisolated func restoreBytes(
        for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil,
        fallback: RestoreFallback = .none
    ) async throws -> [UInt8]? {
        unsafe try await answer(key, level, version, origin, fallback) { _ in
            nil
        } receive: { _, reader in
            try reader.bytes()
        } decode: { _, content in
            unsafe Array(content)
        }
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
        unsafe try await answer(key, level, version, origin, fallback) { _ in
            nil
        } decode: { facts, content in
            do {
                guard !facts.flags.contains(.raw) else {
                    throw DecodingError.dataCorrupted(
                        .init(codingPath: [], debugDescription: "The bytes are not CBOR."))
                }
                return try unsafe CBORDecoder().decode(from: content, by: decode)
            } catch {
                throw CheckpointLogError.decodingFailed(
                    key: key, level: Int(facts.level), stored: unsafe Self.storedForm(facts.flags, content),
                    wanted: "\(Value.self)",
                    cause: error)
            }
        }
    }

    /// The newest checkpoint of `key` as readable text, in CBOR's diagnostic notation. It needs no Swift type.
    ///
    /// - Returns: at most 64 Ki characters. Bytes that were saved without encoding appear as one byte string. Nil if
    ///   there is no such checkpoint.
    /// - Throws: as ``restoreBytes(for:level:version:origin:fallback:)``.
    public nonisolated func diagnosticText(
        for key: CheckpointKey, level: Int? = nil, version: RestoreVersion = .newest, origin: String? = nil
    ) async throws -> String? {
        unsafe try await answer(key, level, version, origin, .none) { _ in
            nil
        } decode: { facts, content in
            guard facts.flags.contains(.raw) else { return unsafe CBORDiagnostic.text(of: content) }
            let buffer = CBOREncodingBuffer()
            try buffer.encode(unsafe Array(content.prefix(32_768)))
            return unsafe CBORDiagnostic.text(of: buffer.bytes)
        }
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
    nonisolated func answer<Result: Sendable>(
        _ key: CheckpointKey, _ level: Int?, _ version: RestoreVersion, _ origin: String?, _ fallback: RestoreFallback,
        remembered: (MemoryRecord) -> Result?, receive: FrameReader.Receive<Result>? = nil,
        decode: @escaping @Sendable (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) async throws -> Result? {
        let query = try RecordQuery(key, level, version, origin)
        guard let queries = queries(query, level) else {
            return unsafe try await engine.answer(query, fallback, remembered, receive, decode)
        }
        for (log, query) in queries {
            if let value = unsafe try await log.engine.answer(query, fallback, remembered, receive, decode) {
                return value
            }
        }
        return nil
    }

    /// The value itself if it has exactly this type. Otherwise the value has to be encoded and decoded.
    static func cast<Value>(_ value: any Sendable, _ type: Value.Type) -> Value? {
        return Swift.type(of: value) == type ? value as? Value : nil
    }

    static func cast<each Value>(
        _ values: [any Codable & Sendable], _ types: repeat (each Value).Type
    ) -> (repeat each Value)? {
        var index = 0
        func next<One>(_ type: One.Type) throws -> One {
            guard index < values.count, let value = cast(values[index], type) else { throw OtherType() }
            index += 1
            return value
        }
        guard let tuple = try? (repeat next(each types)), index == values.count else { return nil }
        return tuple
    }

    /// An array of numbers is read directly into its memory: copying a large one costs as much as reading it.
    static func receive<Value: Codable & Sendable>(
        _ type: Value.Type, _ reader: LargeValueReader, _ flags: FrameHeader.Flags
    ) throws -> Value? {
        guard flags.isDisjoint(with: [.raw, .severalValues]) else { return nil }
        let beginning = try reader.beginning(limit: CBORDecoder.arrayHeadByteLimit)
        return unsafe try beginning.withUnsafeBytes {
            unsafe try CBORDecoder().decodeArray(type, beginning: $0, byteCount: reader.byteCount) {
                unsafe try reader.read(from: $0, into: $1)
            }
        }
    }

    static func decode<Value: Codable>(
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
                key: key, level: level, stored: unsafe storedForm(flags, content), wanted: "\(type)", cause: error)
        }
    }

    static func decode<each Value: Codable>(
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
            var wanted: [String] = []
            for type in repeat each types { wanted.append("\(type)") }
            throw CheckpointLogError.decodingFailed(
                key: key, level: level, stored: unsafe storedForm(flags, content),
                wanted: "(\(wanted.joined(separator: ", ")))", cause: error)
        }
    }

    /// The form of what is stored, found from its bytes: the log does not store names of types.
    static func storedForm(_ flags: FrameHeader.Flags, _ content: UnsafeRawBufferPointer) -> String {
        if flags.contains(.raw) { return "\(content.count) bytes that are not CBOR" }
        let form = unsafe CBORDiagnostic.outline(of: content)
        return flags.contains(.severalValues) ? "several values (\(form))" : form
    }
}

extension LogEngine {
    /// What a task's thread can answer without waiting for a device.
    private enum Immediate<Result> {
        case answered(Result?)
        /// A thread that may wait has to read this record; if it is nil, that thread has to look the record up.
        case waits(FoundRecord?)
    }

    /// Looks in the memory level, then in the page cache, then on the disk.
    fileprivate func answer<Result: Sendable>(
        _ query: RecordQuery, _ fallback: RestoreFallback, _ remembered: (MemoryRecord) -> Result?,
        _ receive: FrameReader.Receive<Result>?,
        _ decode: @escaping @Sendable (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) async throws -> Result? {
        let found: FoundRecord?
        switch unsafe try answerAtOnce(query, fallback, remembered, decode) {
        case .answered(let result): return result
        case .waits(let record): found = record
        }
        return try await decoding.run {
            guard fallback.report != nil else {
                return unsafe try self.withContent(query, .waiting, found: found, receive: receive, decode)
            }
            return unsafe try self.withIntactContent(query, fallback, receive: receive, decode)
        }
    }

    /// Asks the memory and the page cache. The key is looked up once, whichever way its record is then read.
    ///
    /// Inlined into the form that knows the type: copies of the answer would otherwise be calls of the runtime.
    @inline(__always)
    private func answerAtOnce<Result>(
        _ query: RecordQuery, _ fallback: RestoreFallback, _ remembered: (MemoryRecord) -> Result?,
        _ decode: (ContentFacts, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Immediate<Result> {
        var found: FoundRecord?
        do {
            found = try newest(query, .cachedOnly)
            guard let found else { return .answered(nil) }
            if case .memory(let record) = found, let value = remembered(record) { return .answered(value) }
            guard fallback.report == nil else { return .waits(found) }
            return .answered(unsafe try withContent(query, .cachedOnly, found: found, decode))
        } catch is WouldWait {
            return .waits(found)
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

/// Thrown inside a cast if the values are of other types than those asked for.
private struct OtherType: Error {}
