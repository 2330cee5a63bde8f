/// The key of an element of an array.
struct IndexKey: CodingKey {
    let index: Int

    init(_ index: Int) { self.index = index }
    init?(intValue: Int) { index = intValue }
    init?(stringValue: String) { return nil }

    var intValue: Int? { index }
    var stringValue: String { "Index \(index)" }
}

/// The key of the outermost value, which has none.
struct NoKey: CodingKey {
    init() {}
    init?(intValue: Int) { return nil }
    init?(stringValue: String) { return nil }

    var intValue: Int? { nil }
    var stringValue: String { "" }
}

/// The key of a superclass, if its subclass names none.
enum SuperKey: String, CodingKey {
    case `super`
}

/// The encoder that one value receives.
struct ValueEncoder: Encoder {
    let state: EncodingState
    let place: Int

    var codingPath: [any CodingKey] { state.codingPath(of: place) }

    var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(
            KeyedWriter(state: state, place: state.shape(place, as: .map), table: state.keyTable(of: type)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedWriter(state: state, place: state.shape(place, as: .array))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleValueWriter(state: state, place: place) }
}

private struct KeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let state: EncodingState
    let place: Int
    let table: KeyTable?

    var codingPath: [any CodingKey] { state.codingPath(of: place) }

    @inline(__always)
    private func add(_ key: Key, _ write: () -> Void) throws {
        try state.addScalar(to: place, key, table, write)
    }

    func encodeNil(forKey key: Key) throws { try add(key) { state.appendNull() } }
    func encode(_ value: Bool, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: String, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Double, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Float, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int8, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int16, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int32, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int64, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: UInt, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: UInt8, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: UInt16, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: UInt32, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: UInt64, forKey key: Key) throws { try add(key) { state.append(value) } }
    func encode(_ value: Int128, forKey key: Key) throws { try add(key) { state.append(wide: value) } }
    func encode(_ value: UInt128, forKey key: Key) throws {
        try add(key) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try state.addEntry(to: place, key, table) {
                try state.encodeNested(value, parent: state.node(of: place), key: key)
            }
        } else if form.isContainer, state.isFull(place) {
            try state.addEntry(to: place, key, table) {
                try state.append(value, form, parent: state.node(of: place), key: key)
            }
        } else {
            try add(key) { state.append(value, form) }
        }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        encoder(key, again: true).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(key, again: true).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { encoder(SuperKey.super, again: false) }

    func superEncoder(forKey key: Key) -> any Encoder { encoder(key, again: false) }

    private func encoder<AnyKey: CodingKey>(_ key: AnyKey, again: Bool) -> ValueEncoder {
        ValueEncoder(state: state, place: state.openEntry(of: place, key, again: again))
    }
}

struct UnkeyedWriter: UnkeyedEncodingContainer {
    let state: EncodingState
    let place: Int

    var codingPath: [any CodingKey] { state.codingPath(of: place) }

    var count: Int { state.count(of: place) }

    func encodeNil() throws { try state.addItem(to: place) { state.appendNull() } }
    func encode(_ value: Bool) throws { try state.addItem(to: place) { state.append(value) } }
    func encode(_ value: String) throws { try state.addItem(to: place) { state.append(value) } }
    func encode(_ value: Double) throws { try state.addItem(to: place) { state.append(value) } }
    func encode(_ value: Float) throws { try state.addItem(to: place) { state.append(value) } }
    func encode(_ value: Int) throws { try state.addItem(to: place) { state.append(value) } }
    func encode(_ value: Int128) throws { try state.addItem(to: place) { state.append(wide: value) } }
    func encode(_ value: UInt128) throws {
        try state.addItem(to: place) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try state.addItem(to: place) {
                try state.encodeNested(value, parent: state.node(of: place), key: IndexKey(count))
            }
        } else if form.isContainer, state.isFull(place) {
            try state.addItem(to: place) {
                try state.append(value, form, parent: state.node(of: place), key: IndexKey(count))
            }
        } else {
            try state.addItem(to: place) { state.append(value, form) }
        }
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        encoder().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }

    func superEncoder() -> any Encoder { encoder() }

    private func encoder() -> ValueEncoder { ValueEncoder(state: state, place: state.openItem(of: place)) }
}

private struct SingleValueWriter: SingleValueEncodingContainer {
    let state: EncodingState
    let place: Int

    var codingPath: [any CodingKey] { state.codingPath(of: place) }

    func encodeNil() throws { try state.fillSlot(place) { state.appendNull() } }
    func encode(_ value: Bool) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: String) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Double) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Float) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int8) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int16) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int32) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int64) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: UInt) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: UInt8) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: UInt16) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: UInt32) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: UInt64) throws { try state.fillSlot(place) { state.append(value) } }
    func encode(_ value: Int128) throws { try state.fillSlot(place) { state.append(wide: value) } }
    func encode(_ value: UInt128) throws {
        try state.fillSlot(place) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value) throws {
        try state.fillSlot(place) {
            let (parent, key) = state.surroundings(of: place)
            try state.encode(value, parent: parent, key: key)
        }
    }
}
