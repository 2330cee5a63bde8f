/// The decoder that one value receives.
struct ItemDecoder: Decoder {
    let state: DecodingState
    let offset: Int
    let path: CodingPath?

    var codingPath: [any CodingKey] { CodingPath.keys(path) }

    var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        // Without the path, which would be retained for an error that may be thrown.
        if let head = try? state.reader.head(at: offset), head.major == .map {
            return KeyedDecodingContainer(KeyedReader(map: state.cursor(head, at: offset, path: path)))
        }
        return try containerBehindTags(keyedBy: type)
    }

    @inline(never)
    private func containerBehindTags<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let head = try state.item(at: offset, path: path)
        guard head.major == .map else {
            // The keys are those of `URL` or `Decimal`. For any other type, a link is no map.
            let module = String(reflecting: type).prefix { $0 != "." }
            guard ["Foundation", "FoundationEssentials"].contains(module),
                let own = try state.ownMap(at: offset, path: path)
            else {
                throw state.mismatch([String: Any].self, head, path: path)
            }
            return try ItemDecoder(state: own, offset: 0, path: path).container(keyedBy: type)
        }
        return KeyedDecodingContainer(KeyedReader(map: state.cursor(head, at: offset, path: path)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try state.elements(of: [Any].self, at: offset, path: path)
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
    func decode(_ type: Int128.Type) throws -> Int128 { try state.integer(type, at: offset, path: path) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try state.integer(type, at: offset, path: path) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try state.decode(type, at: offset, path: path)
    }
}

struct KeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let map: MapCursor

    private var state: DecodingState { map.state }
    private var path: CodingPath? { map.path }

    var codingPath: [any CodingKey] { CodingPath.keys(path) }

    var allKeys: [Key] {
        var keys: [Key] = []
        var offset = map.start
        var index = 0
        while let entry = try? map.entry(at: offset, index: index, state.reader) {
            if let key = key(of: entry.key) { keys.append(key) }
            guard let end = try? state.reader.skip(from: entry.value) else { break }
            offset = end
            index += 1
        }
        return keys
    }

    private func key(of head: CBORHead) -> Key? {
        switch head.major {
        case .text: (try? state.reader.text(head)).flatMap(Key.init(stringValue:))
        default: head.number.flatMap { Int(exactly: $0) }.flatMap(Key.init(intValue:))
        }
    }

    /// The offset of the value of `key`. It is found at once if keys are asked for in the order in which they are
    /// stored.
    @inline(__always)
    private func find(_ key: some CodingKey) throws -> Int? {
        var name = key.stringValue
        let found = name.withUTF8 { unsafe findNext($0) }
        return found >= 0 ? found : try search(key)
    }

    /// The value of the entry at the cursor, or of the one after it, if its key is `name`; otherwise -1.
    @inline(__always)
    private func findNext(_ name: UnsafeBufferPointer<UInt8>) -> Int {
        guard name.count < 24, let text = name.baseAddress else { return -1 }
        let (reader, map) = (state.reader, map)
        if map.foundValue >= 0 {
            // The head distinguishes the text from a number whose last byte equals that of the text.
            if unsafe map.foundValue == map.next + 1 + name.count
                && reader.bytes[map.next] == 0x60 | UInt8(truncatingIfNeeded: name.count)
                && reader.areEqual(at: map.next + 1, text, count: name.count)
            {
                return map.foundValue
            }
            guard let end = map.foundEnd >= 0 ? map.foundEnd : try? reader.skip(from: map.foundValue) else { return -1 }
            map.next = end
            map.index += 1
            map.foundValue = -1
        }
        // The head of a short key has one byte.
        guard map.index < map.count, unsafe map.next < reader.bytes.count,
            unsafe reader.bytes[map.next] == 0x60 | UInt8(truncatingIfNeeded: name.count),
            unsafe reader.areEqual(at: map.next + 1, text, count: name.count)
        else { return -1 }
        map.foundValue = map.next + 1 + name.count
        map.foundEnd = -1
        return map.foundValue
    }

    /// Searches all entries, starting at the cursor.
    private func search(_ codingKey: some CodingKey) throws -> Int? {
        let (name, number) = (codingKey.stringValue, codingKey.intValue)
        return try state.reading(path) { () throws(CBORError) in
            if map.foundValue >= 0 {
                if matches(try state.reader.head(at: map.next), name, number) { return map.foundValue }
                map.next = map.foundEnd >= 0 ? map.foundEnd : try state.reader.skip(from: map.foundValue)
                map.index += 1
                map.foundValue = -1
            }
            if map.searched > 64, map.table == nil { map.table = try MapTable(of: map, state.reader) }
            if let table = map.table {
                guard let entry = table.entry(name, number) else { return nil }
                (map.next, map.index) = (entry.key, entry.index)
                (map.foundValue, map.foundEnd) = (entry.value, -1)
                return entry.value
            }
            var (offset, index, wrapped) = (map.next, map.index, false)
            while true {
                guard let entry = try map.entry(at: offset, index: index, state.reader) else {
                    if wrapped || map.index == 0 { return nil }
                    (offset, index, wrapped) = (map.start, 0, true)
                    continue
                }
                if wrapped, index >= map.index { return nil }
                if matches(entry.key, name, number) {
                    map.next = offset
                    map.index = index
                    map.foundValue = entry.value
                    map.foundEnd = -1
                    return entry.value
                }
                offset = try state.reader.skip(from: entry.value)
                index += 1
                map.searched += 1
            }
        }
    }

    /// Whether a key of the map is `name`, or the number that `name` stands for: maps of other encoders may have
    /// numbers as keys.
    private func matches(_ key: CBORHead, _ name: String, _ number: Int?) -> Bool {
        guard key.major == .text else {
            guard let number else { return false }
            return key.number == Int128(number)
        }
        // A key in chunks is joined first; other encoders may write one.
        guard !key.isIndefinite else { return (try? state.reader.text(key))?.utf8.elementsEqual(name.utf8) ?? false }
        guard let content = try? state.reader.content(of: key), content.count == name.utf8.count else { return false }
        var name = name
        return name.withUTF8 { text in
            guard let start = text.baseAddress else { return true }
            return unsafe state.reader.areEqual(at: content.lowerBound, start, count: text.count)
        }
    }

    private func value(_ key: some CodingKey) throws -> Int {
        if let offset = try find(key) { return offset }
        throw DecodingError.keyNotFound(
            key, .init(codingPath: codingPath, debugDescription: "No value for key \"\(key.stringValue)\"."))
    }

    private func inner(_ key: some CodingKey) -> CodingPath { CodingPath(key, in: path) }

    /// For scalars, the path is only made on failure.
    @inline(__always)
    private func scalar<Value>(
        _ key: Key, _ offset: Int, _ body: (Int, CodingPath?) throws -> Value
    ) throws -> Value {
        do {
            return try body(offset, nil)
        } catch {
            return try body(offset, inner(key))
        }
    }

    func contains(_ key: Key) -> Bool { (try? find(key)) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try state.isNull(at: value(key), path: path) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        let offset = try value(key)
        if let flag = state.reader.plainBool(at: offset) {
            map.end(at: offset + 1)
            return flag
        }
        return try scalar(key, offset, state.bool)
    }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        let offset = try value(key)
        var end = -1
        if let text = state.reader.plainText(at: offset, end: &end) {
            map.end(at: end)
            return text
        }
        return try scalar(key, offset, state.string)
    }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        let offset = try value(key)
        var end = -1
        if let number = state.reader.plainDouble(at: offset, end: &end) {
            map.end(at: end)
            return number
        }
        return try scalar(key, offset, state.double)
    }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try scalar(key, value(key), state.float) }
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
    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try integer(type, key) }
    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try integer(type, key) }

    @inline(__always)
    private func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, _ key: Key) throws -> Integer {
        let offset = try value(key)
        var end = -1
        if let number = state.reader.plainInteger(type, at: offset, end: &end) {
            map.end(at: end)
            return number
        }
        return try scalar(key, offset) { try state.integer(type, at: $0, path: $1) }
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let offset = try value(key)
        let value = try state.decode(type, at: offset, path: inner(key))
        let end = state.knownEnd(of: offset)
        // The value may have asked this container for other values.
        if end >= 0, map.foundValue == offset { map.end(at: end) }
        return value
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try decoderOrNull(SuperKey.super) }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoderOrNull(key) }

    /// A decoder for what a superclass encoded. If that is nothing, it is a decoder of null.
    private func decoderOrNull(_ key: some CodingKey) throws -> ItemDecoder {
        if try find(key) != nil { return try decoder(key) }
        let null = ByteBuffer(capacity: 1)
        null.append(0xF6)
        let state = DecodingState(bytes: null, depthLimit: state.reader.depthLimit, userInfo: state.userInfo)
        return ItemDecoder(state: state, offset: 0, path: inner(key))
    }

    private func decoder(_ key: some CodingKey) throws -> ItemDecoder {
        ItemDecoder(state: state, offset: try value(key), path: inner(key))
    }
}

struct UnkeyedReader: UnkeyedDecodingContainer {
    let state: DecodingState
    let path: CodingPath?
    let count: Int?
    private(set) var currentIndex = 0
    /// Where the array begins, and where its next element does.
    private let item: Int
    private var offset: Int
    /// The paths of the last two elements that decoded themselves, unless the cursor has them. The cursor of another
    /// map may still refer to the newer one, but the older one is mostly free to be used again.
    private var paths: (older: CodingPath?, newer: CodingPath?)

    init(state: DecodingState, head: CBORHead, at item: Int, path: CodingPath?) {
        self.state = state
        self.item = item
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

    /// Decodes the next element and moves on. If that fails, the element stays the next one.
    private mutating func take<Value>(_ body: (Int) throws -> Value) throws -> Value {
        try requireElement(Value.self)
        let value = try body(offset)
        try moveOn()
        return value
    }

    private func requireElement(_ type: Any.Type) throws {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                type, .init(codingPath: codingPath, debugDescription: "The array has no further element."))
        }
    }

    private mutating func moveOn() throws {
        let end = state.knownEnd(of: offset)
        offset =
            end >= 0 ? end : try state.reading(path) { () throws(CBORError) in try state.reader.skip(from: offset) }
        currentIndex += 1
        if currentIndex == count { state.note(offset, of: item) }
    }

    mutating func decodeNil() throws -> Bool {
        try requireElement(Any?.self)
        guard try state.isNull(at: offset, path: path) else { return false }
        return try take { _ in true }
    }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try requireElement(type)
        let value = try state.decode(type, at: offset, path: elementPath())
        // Left to the cursor, the path can be changed for the next element.
        if paths.newer != nil, state.cursorHas(paths.newer) { paths.newer = nil }
        try moveOn()
        return value
    }

    private mutating func elementPath() -> CodingPath? {
        state.keepCursor()
        let key = IndexKey(currentIndex)
        if let path = state.pathAgain(key, in: path) { return path }
        if isKnownUniquelyReferenced(&paths.older) {
            paths.older?.key = key
        } else {
            paths.older = CodingPath(key, in: path)
        }
        paths = (paths.newer, paths.older)
        return paths.newer
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try takeDecoder { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try takeDecoder { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try takeDecoder { $0 } }

    /// Skips the next element and returns its offset.
    mutating func takeOffset() throws -> Int { try take { $0 } }

    private mutating func takeDecoder<Value>(_ body: (ItemDecoder) throws -> Value) throws -> Value {
        let (inner, state) = (inner, state)
        return try take { try body(ItemDecoder(state: state, offset: $0, path: inner)) }
    }
}
