/// The decoder that one value is given.
struct ItemDecoder: Decoder {
    let state: DecodingState
    let offset: Int
    let path: CodingPath?

    var codingPath: [any CodingKey] { CodingPath.keys(path) }

    var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let head = try state.item(at: offset, path: path)
        guard head.major == .map else { throw state.mismatch([String: Any].self, head, path: path) }
        return KeyedDecodingContainer(KeyedReader(state: state, map: MapCursor(head), path: path))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let head = try state.item(at: offset, path: path)
        guard head.major == .array else { throw state.mismatch([Any].self, head, path: path) }
        return UnkeyedReader(state: state, head: head, path: path)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }
}

extension ItemDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { (try? state.isNull(at: offset, path: path)) ?? false }
    func decode(_ type: Bool.Type) throws -> Bool { try state.bool(at: offset, path: path) }
    func decode(_ type: String.Type) throws -> String { try state.string(at: offset, path: path) }
    func decode(_ type: Double.Type) throws -> Double { try state.double(at: offset, path: path) }
    func decode(_ type: Float.Type) throws -> Float { try state.float(at: offset, path: path) }
    func decode(_ type: Int.Type) throws -> Int { try state.integer(type, at: offset, path: path) }
    func decode(_ type: Int8.Type) throws -> Int8 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: Int16.Type) throws -> Int16 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: Int32.Type) throws -> Int32 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: Int64.Type) throws -> Int64 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt.Type) throws -> UInt { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try state.integer(type, at: offset, path: path) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try state.decode(type, at: offset, path: path)
    }
}

/// Where in a map the next key is expected.
final class MapCursor {
    let start: Int
    /// Entries; nil for an indefinite length.
    let count: Int?
    /// The entry to look at first: the one after the last found.
    var next: Int
    var index = 0
    var foundKey: Range<Int>?
    var foundValue = 0

    init(_ head: CBORHead) {
        start = head.end
        next = head.end
        count = head.isIndefinite ? nil : Int(clamping: head.argument)
    }
}

private struct KeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let state: DecodingState
    let map: MapCursor
    let path: CodingPath?

    var codingPath: [any CodingKey] { CodingPath.keys(path) }

    var allKeys: [Key] {
        var keys: [Key] = []
        var offset = map.start
        var index = 0
        while let entry = try? entry(at: offset, index: index) {
            if let name = try? state.reader.text(entry.key), let key = Key(stringValue: name) { keys.append(key) }
            guard let end = try? state.reader.skip(from: entry.value) else { break }
            offset = end
            index += 1
        }
        return keys
    }

    /// The entry at `offset`; nil at the map's end.
    private func entry(at offset: Int, index: Int) throws(CBORError) -> (key: CBORHead, value: Int)? {
        if let count = map.count, index >= count { return nil }
        let key = try state.reader.head(at: offset)
        if map.count == nil, key.isBreak { return nil }
        return (key, try state.reader.skip(from: offset))
    }

    private func matches(_ key: CBORHead, _ name: String) -> Bool {
        guard key.major == .text else { return false }
        // A key in chunks is put together: foreign encoders may write one.
        guard !key.isIndefinite else { return (try? state.reader.text(key))?.utf8.elementsEqual(name.utf8) ?? false }
        guard let content = try? state.reader.content(of: key) else { return false }
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: state.reader.bytes[content])
        let fast = unsafe name.utf8.withContiguousStorageIfAvailable { text -> Bool in
            guard text.count == bytes.count else { return false }
            for index in 0..<text.count where unsafe text[index] != bytes[index] { return false }
            return true
        }
        return unsafe fast ?? bytes.elementsEqual(name.utf8)
    }

    /// The offset of the value of `name`: found at once when keys come in the order in which they are asked for.
    private func find(_ name: String) throws -> Int? {
        try state.reading(path) { () throws(CBORError) in
            if let found = map.foundKey, matches(try state.reader.head(at: found.lowerBound), name) {
                return map.foundValue
            }
            if map.foundKey != nil {
                map.next = try state.reader.skip(from: map.foundValue)
                map.index += 1
                map.foundKey = nil
            }
            var (offset, index, wrapped) = (map.next, map.index, false)
            while true {
                guard let entry = try entry(at: offset, index: index) else {
                    if wrapped || map.index == 0 { return nil }
                    (offset, index, wrapped) = (map.start, 0, true)
                    continue
                }
                if wrapped, index >= map.index { return nil }
                if matches(entry.key, name) {
                    map.next = offset
                    map.index = index
                    map.foundKey = offset..<entry.value
                    map.foundValue = entry.value
                    return entry.value
                }
                offset = try state.reader.skip(from: entry.value)
                index += 1
            }
        }
    }

    private func value(_ key: some CodingKey) throws -> Int {
        if let offset = try find(key.stringValue) { return offset }
        throw DecodingError.keyNotFound(
            key, .init(codingPath: codingPath, debugDescription: "No value for key \"\(key.stringValue)\"."))
    }

    private func inner(_ key: some CodingKey) -> CodingPath { CodingPath(key, in: path) }

    /// Scalars pay for a path only when they fail.
    @inline(__always)
    private func scalar<Value>(_ key: Key, _ body: (Int, CodingPath?) throws -> Value) throws -> Value {
        let offset = try value(key)
        do {
            return try body(offset, nil)
        } catch {
            return try body(offset, inner(key))
        }
    }

    func contains(_ key: Key) -> Bool { (try? find(key.stringValue)) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try state.isNull(at: value(key), path: path) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try scalar(key, state.bool) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try scalar(key, state.string) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try scalar(key, state.double) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try scalar(key, state.float) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(type, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(type, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(type, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(type, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(type, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(type, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(type, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(type, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(type, key) }

    @inline(__always)
    private func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, _ key: Key) throws -> Integer {
        try scalar(key) { offset, path in try state.integer(type, at: offset, path: path) }
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try state.decode(type, at: value(key), inner: { inner(key) })
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try decoder(SuperKey.super) }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }

    private func decoder(_ key: some CodingKey) throws -> ItemDecoder {
        ItemDecoder(state: state, offset: try value(key), path: inner(key))
    }
}

struct UnkeyedReader: UnkeyedDecodingContainer {
    let state: DecodingState
    let path: CodingPath?
    let count: Int?
    private(set) var currentIndex = 0
    private var offset: Int

    init(state: DecodingState, head: CBORHead, path: CodingPath?) {
        self.state = state
        self.path = path
        offset = head.end
        count = head.isIndefinite ? nil : Int(clamping: head.argument)
    }

    var codingPath: [any CodingKey] { CodingPath.keys(path) }

    var isAtEnd: Bool {
        if let count { return currentIndex >= count }
        return ((try? state.reader.head(at: offset).isBreak) ?? true)
    }

    private var inner: CodingPath { CodingPath(IndexKey(currentIndex), in: path) }

    /// Decodes the element here and goes on to the next; an element that fails stays the next.
    private mutating func take<Value>(_ body: (Int) throws -> Value) throws -> Value {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                Value.self, .init(codingPath: codingPath, debugDescription: "The array has no further element."))
        }
        let value = try body(offset)
        offset = try state.reading(path) { () throws(CBORError) in try state.reader.skip(from: offset) }
        currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                Any?.self, .init(codingPath: codingPath, debugDescription: "The array has no further element."))
        }
        guard try state.isNull(at: offset, path: path) else { return false }
        return try take { _ in true }
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let (index, path, state) = (currentIndex, path, state)
        return try take { try state.decode(type, at: $0, inner: { CodingPath(IndexKey(index), in: path) }) }
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try takeDecoder().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try takeDecoder().unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { try takeDecoder() }

    private mutating func takeDecoder() throws -> ItemDecoder {
        let (inner, state) = (inner, state)
        return try take { ItemDecoder(state: state, offset: $0, path: inner) }
    }
}
