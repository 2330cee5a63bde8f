/// The key of an element of an array.
struct IndexKey: CodingKey {
    let index: Int

    init(_ index: Int) { self.index = index }
    init?(intValue: Int) { index = intValue }
    init?(stringValue: String) { return nil }

    var intValue: Int? { index }
    var stringValue: String { "Index \(index)" }
}

/// The key under which a superclass stands when its subclass names none.
enum SuperKey: String, CodingKey {
    case `super`
}

/// The encoder that one value is given.
struct ValueEncoder: Encoder {
    let state: EncodingState
    let node: Int

    var codingPath: [any CodingKey] { state.codingPath(of: node) }

    var userInfo: [CodingUserInfoKey: Any] { state.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        state.shape(node, as: .map)
        return KeyedEncodingContainer(KeyedWriter(state: state, node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        state.shape(node, as: .array)
        return UnkeyedWriter(state: state, node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleValueWriter(state: state, node: node) }
}

private struct KeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let state: EncodingState
    let node: Int

    var codingPath: [any CodingKey] { state.codingPath(of: node) }

    func encodeNil(forKey key: Key) throws { try state.addScalar(to: node, key) { state.appendNull() } }
    func encode(_ value: Bool, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: String, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Double, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Float, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int8, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int16, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int32, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int64, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: UInt, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: UInt8, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: UInt16, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: UInt32, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: UInt64, forKey key: Key) throws { try state.addScalar(to: node, key) { state.append(value) } }
    func encode(_ value: Int128, forKey key: Key) throws {
        try state.addScalar(to: node, key) { state.append(wide: value) }
    }
    func encode(_ value: UInt128, forKey key: Key) throws {
        try state.addScalar(to: node, key) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try state.addEntry(to: node, key) { try state.encodeNested(value, parent: node, key: key) }
        } else {
            try state.addScalar(to: node, key) { state.append(value, form) }
        }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        slot(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { slot(key).unkeyedContainer() }

    func superEncoder() -> any Encoder { slot(SuperKey.super) }

    func superEncoder(forKey key: Key) -> any Encoder { slot(key) }

    private func slot<SlotKey: CodingKey>(_ key: SlotKey) -> ValueEncoder {
        var slot = 0
        var isTop = false
        // Nothing in the closure throws.
        try? state.addEntry(to: node, key) {
            slot = state.openSlot(parent: node, key: key)
            isTop = true
        }
        if isTop, slot < state.nodes.count, state.nodes[slot].isOpen { state.top = slot }
        return ValueEncoder(state: state, node: slot)
    }
}

private struct UnkeyedWriter: UnkeyedEncodingContainer {
    let state: EncodingState
    let node: Int

    var codingPath: [any CodingKey] { state.codingPath(of: node) }

    var count: Int { state.nodes[node].count }

    func encodeNil() throws { try state.addItem(to: node) { state.appendNull() } }
    func encode(_ value: Bool) throws { try state.addItem(to: node) { state.append(value) } }
    func encode(_ value: String) throws { try state.addItem(to: node) { state.append(value) } }
    func encode(_ value: Double) throws { try state.addItem(to: node) { state.append(value) } }
    func encode(_ value: Float) throws { try state.addItem(to: node) { state.append(value) } }
    func encode(_ value: Int) throws { try state.addItem(to: node) { state.append(value) } }
    func encode(_ value: Int128) throws { try state.addItem(to: node) { state.append(wide: value) } }
    func encode(_ value: UInt128) throws {
        try state.addItem(to: node) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try state.addItem(to: node) { try state.encodeNested(value, parent: node, key: IndexKey(count)) }
        } else {
            try state.addItem(to: node) { state.append(value, form) }
        }
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        slot().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { slot().unkeyedContainer() }

    func superEncoder() -> any Encoder { slot() }

    private func slot() -> ValueEncoder {
        var slot = 0
        let key = IndexKey(count)
        // Nothing in the closure throws.
        try? state.addItem(to: node) { slot = state.openSlot(parent: node, key: key) }
        if state.nodes[slot].isOpen { state.top = slot }
        return ValueEncoder(state: state, node: slot)
    }
}

private struct SingleValueWriter: SingleValueEncodingContainer {
    let state: EncodingState
    let node: Int

    var codingPath: [any CodingKey] { state.codingPath(of: node) }

    func encodeNil() throws { try state.fillSlot(node) { state.appendNull() } }
    func encode(_ value: Bool) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: String) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Double) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Float) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int8) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int16) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int32) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int64) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: UInt) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: UInt8) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: UInt16) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: UInt32) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: UInt64) throws { try state.fillSlot(node) { state.append(value) } }
    func encode(_ value: Int128) throws { try state.fillSlot(node) { state.append(wide: value) } }
    func encode(_ value: UInt128) throws {
        try state.fillSlot(node) { state.append(magnitude: value, isNegative: false) }
    }

    func encode<Value: Encodable>(_ value: Value) throws {
        try state.fillSlot(node) {
            try state.encode(value, parent: state.nodes[node].parent, key: state.nodes[node].key)
        }
    }
}
