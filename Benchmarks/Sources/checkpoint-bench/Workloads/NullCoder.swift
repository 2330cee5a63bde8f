/// Takes every value and writes nothing: what `Codable` costs before a coder has done anything.
struct NullEncoder: Encoder {
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(Keyed<Key>())
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { Unkeyed() }
    func singleValueContainer() -> any SingleValueEncodingContainer { Single() }

    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        var codingPath: [any CodingKey] { [] }

        func encodeNil(forKey key: Key) {}
        func encode(_ value: Bool, forKey key: Key) {}
        func encode(_ value: Int, forKey key: Key) {}
        func encode(_ value: UInt64, forKey key: Key) {}
        func encode(_ value: Double, forKey key: Key) {}
        func encode(_ value: Float, forKey key: Key) {}
        func encode(_ value: String, forKey key: Key) {}
        func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try value.encode(to: NullEncoder()) }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Nested> { KeyedEncodingContainer(Keyed<Nested>()) }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { Unkeyed() }
        func superEncoder() -> any Encoder { NullEncoder() }
        func superEncoder(forKey key: Key) -> any Encoder { NullEncoder() }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        var codingPath: [any CodingKey] { [] }
        var count = 0

        mutating func encodeNil() { count += 1 }
        mutating func encode(_ value: Float) { count += 1 }
        mutating func encode(_ value: String) { count += 1 }

        mutating func encode<Value: Encodable>(_ value: Value) throws {
            count += 1
            try value.encode(to: NullEncoder())
        }

        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
            KeyedEncodingContainer(Keyed<Nested>())
        }

        func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { Unkeyed() }
        func superEncoder() -> any Encoder { NullEncoder() }
    }

    private struct Single: SingleValueEncodingContainer {
        var codingPath: [any CodingKey] { [] }

        func encodeNil() {}
        func encode(_ value: Float) {}
        func encode(_ value: String) {}
        func encode<Value: Encodable>(_ value: Value) throws { try value.encode(to: NullEncoder()) }
    }
}

/// Gives constants and reads nothing; arrays have so many elements at the outermost level, and two below.
struct ConstantDecoder: Decoder {
    let elementCount: Int

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Keyed<Key>())
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer { Unkeyed(elementCount: elementCount) }
    func singleValueContainer() -> any SingleValueDecodingContainer { Single() }

    private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }

        func contains(_ key: Key) -> Bool { true }
        func decodeNil(forKey key: Key) -> Bool { false }
        func decode(_ type: Bool.Type, forKey key: Key) -> Bool { false }
        func decode(_ type: Int.Type, forKey key: Key) -> Int { 7 }
        func decode(_ type: UInt64.Type, forKey key: Key) -> UInt64 { 7 }
        func decode(_ type: Double.Type, forKey key: Key) -> Double { 0.5 }
        func decode(_ type: Float.Type, forKey key: Key) -> Float { 0.5 }
        func decode(_ type: String.Type, forKey key: Key) -> String { "walker" }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            try Value(from: ConstantDecoder(elementCount: 2))
        }

        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type, forKey key: Key
        ) -> KeyedDecodingContainer<Nested> { KeyedDecodingContainer(Keyed<Nested>()) }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer { Unkeyed(elementCount: 2) }
        func superDecoder() -> any Decoder { ConstantDecoder(elementCount: 2) }
        func superDecoder(forKey key: Key) -> any Decoder { ConstantDecoder(elementCount: 2) }
    }

    private struct Unkeyed: UnkeyedDecodingContainer {
        let elementCount: Int
        var currentIndex = 0

        init(elementCount: Int) { self.elementCount = elementCount }

        var codingPath: [any CodingKey] { [] }
        var count: Int? { elementCount }
        var isAtEnd: Bool { currentIndex == elementCount }

        mutating func decodeNil() -> Bool { false }

        mutating func decode(_ type: Float.Type) -> Float {
            currentIndex += 1
            return 0.5
        }

        mutating func decode(_ type: String.Type) -> String {
            currentIndex += 1
            return "mcmc"
        }

        mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            currentIndex += 1
            return try Value(from: ConstantDecoder(elementCount: 2))
        }

        func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedDecodingContainer<Nested> {
            KeyedDecodingContainer(Keyed<Nested>())
        }

        func nestedUnkeyedContainer() -> any UnkeyedDecodingContainer { Unkeyed(elementCount: 2) }
        func superDecoder() -> any Decoder { ConstantDecoder(elementCount: 2) }
    }

    private struct Single: SingleValueDecodingContainer {
        var codingPath: [any CodingKey] { [] }

        func decodeNil() -> Bool { false }
        func decode(_ type: Float.Type) -> Float { 0.5 }
        func decode(_ type: String.Type) -> String { "mcmc" }
        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try Value(from: ConstantDecoder(elementCount: 2))
        }
    }
}
