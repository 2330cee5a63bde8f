extension CBORDecoder {
    /// Decodes a value of a type that may have got more fields since it was encoded. Fields that `bytes` lack come from
    /// `defaults`, the encoding of a value that has all fields.
    ///
    /// Fields of nested values are completed too; elements of arrays and dictionaries are not. A field that the type
    /// decodes only if it is present is not completed: it may be absent because it was nil.
    ///
    /// - Throws: as ``decode(_:from:)-(_,[UInt8])``.
    package func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: UnsafeRawBufferPointer, completedBy defaults: UnsafeRawBufferPointer
    ) throws -> Value {
        unsafe try decode(from: bytes) { stored in
            unsafe try decode(from: defaults) { defaults in
                try Value(from: CompletingDecoder(stored: stored, defaults: defaults))
            }
        }
    }
}

/// Decodes one item, and takes fields that it lacks from another one.
private struct CompletingDecoder: Decoder {
    let stored: any Decoder
    let defaults: any Decoder

    var codingPath: [any CodingKey] { stored.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { stored.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(
            CompletingContainer(
                stored: try stored.container(keyedBy: type), defaults: try? defaults.container(keyedBy: type)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try stored.unkeyedContainer() }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { CompletingValue(decoder: self) }
}

/// A value of a type that is encoded as another type, such as a wrapper around a struct.
private struct CompletingValue: SingleValueDecodingContainer {
    let decoder: CompletingDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    private var stored: any SingleValueDecodingContainer { get throws { try decoder.stored.singleValueContainer() } }

    func decodeNil() -> Bool { (try? stored.decodeNil()) ?? false }
    func decode(_ type: Bool.Type) throws -> Bool { try stored.decode(type) }
    func decode(_ type: String.Type) throws -> String { try stored.decode(type) }
    func decode(_ type: Double.Type) throws -> Double { try stored.decode(type) }
    func decode(_ type: Float.Type) throws -> Float { try stored.decode(type) }
    func decode(_ type: Int.Type) throws -> Int { try stored.decode(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try stored.decode(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try stored.decode(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try stored.decode(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try stored.decode(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try stored.decode(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try stored.decode(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try stored.decode(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try stored.decode(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try stored.decode(type) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try stored.decode(type)
        } catch DecodingError.keyNotFound {
            return try Value(from: decoder)
        }
    }
}

/// The fields of a map, and those of the other map that it lacks.
private struct CompletingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let stored: KeyedDecodingContainer<Key>
    let defaults: KeyedDecodingContainer<Key>?

    var codingPath: [any CodingKey] { stored.codingPath }
    // A type may look at these to find out which layout was stored, so only stored keys are listed.
    var allKeys: [Key] { stored.allKeys }
    func contains(_ key: Key) -> Bool { stored.contains(key) }

    /// The container that has the field.
    private func place(of key: Key) -> KeyedDecodingContainer<Key> {
        if !stored.contains(key), let defaults, defaults.contains(key) { return defaults }
        return stored
    }

    func decodeNil(forKey key: Key) throws -> Bool { try place(of: key).decodeNil(forKey: key) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try place(of: key).decode(type, forKey: key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try place(of: key).decode(type, forKey: key) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        do {
            return try place(of: key).decode(type, forKey: key)
        } catch DecodingError.keyNotFound(let missing, let context) {
            // Either neither map has the field, or a field inside of it is missing.
            guard stored.contains(key), let inner = try? superDecoder(forKey: key) else {
                throw DecodingError.keyNotFound(missing, context)
            }
            return try Value(from: inner)
        }
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try superDecoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try place(of: key).nestedUnkeyedContainer(forKey: key)
    }

    func superDecoder() throws -> any Decoder {
        completing(try stored.superDecoder(), try? defaults?.superDecoder())
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        guard stored.contains(key) else { return try place(of: key).superDecoder(forKey: key) }
        guard let defaults, defaults.contains(key) else { return try stored.superDecoder(forKey: key) }
        return completing(try stored.superDecoder(forKey: key), try? defaults.superDecoder(forKey: key))
    }

    private func completing(_ stored: any Decoder, _ defaults: (any Decoder)?) -> any Decoder {
        defaults.map { CompletingDecoder(stored: stored, defaults: $0) } ?? stored
    }
}
