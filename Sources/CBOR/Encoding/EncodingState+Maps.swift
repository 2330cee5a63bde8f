/// How the values of a type write themselves, if not with `Codable`.
///
/// A class of the very type, so that a value is handed on where it is. To open it as `any CBORMapEncodable`, or to read
/// it through a pointer of its type, copies it, and a copy retains everything in the value.
class OwnWriting<Value> {
    func encode(_ value: Value, to state: EncodingState) throws {
        preconditionFailure("Its subclasses say how.")
    }
}

private final class MapWriting<Value: CBORMapEncodable>: OwnWriting<Value> {
    override func encode(_ value: Value, to state: EncodingState) throws { try state.encodeOutermost(value) }
}

private final class MapArrayWriting<Element: CBORMapEncodable>: OwnWriting<[Element]> {
    override func encode(_ values: [Element], to state: EncodingState) throws { try state.encodeOutermost(values) }
}

extension CBORMapEncodable {
    fileprivate static var writing: AnyObject { MapWriting<Self>() }
}

/// An array whose elements write their own maps.
private protocol CBORMapArray {
    static var writing: AnyObject { get }
}

extension Array: CBORMapArray where Element: CBORMapEncodable {
    fileprivate static var writing: AnyObject { MapArrayWriting<Element>() }
}

/// What a buffer knows about a type of outermost values.
@safe final class OutermostType {
    let type: ObjectIdentifier
    /// An ``OwnWriting`` of the type; nil if `Codable` writes its values.
    private let writing: AnyObject?
    /// The same, to be used without retaining it.
    let unretained: Unmanaged<AnyObject>?
    /// How many values of the type were encoded.
    var count: UInt64 = 0

    init<Value>(_ type: Value.Type) {
        self.type = ObjectIdentifier(type)
        let writing =
            (type as? any CBORMapEncodable.Type)?.writing ?? (type as? any CBORMapArray.Type)?.writing
        self.writing = writing as? OwnWriting<Value>
        unsafe unretained = self.writing.map { unsafe Unmanaged.passUnretained($0) }
    }
}

extension EncodingState {
    /// Appends a new key, for a value that cannot fail and is appended next; ``endEntry()`` follows.
    ///
    /// There is no closure around the value, since it would retain and release the state at every entry.
    ///
    /// - Returns: false if the map is not the innermost container; then nothing was appended.
    @inline(__always)
    func beginEntry(of place: Int, _ key: StaticString) -> Bool {
        guard place == topPlace else { return false }
        append(key: key)
        return true
    }

    @inline(__always)
    func endEntry() { nodes[top].count += 1 }

    /// Appends an entry to a map that is not the innermost container.
    @inline(never)
    func addEntrySlowly(to place: Int, _ key: StaticString, _ write: () -> Void) throws {
        try addEntry(to: place, TextKey(text: key), nil, write)
    }

    /// Appends an entry with a new key and a value that may contain containers.
    @inline(__always)
    func addNested(to place: Int, _ key: StaticString, _ write: () throws -> Void) throws {
        guard place == topPlace else { return try addEntry(to: place, TextKey(text: key), nil, write) }
        let (node, start, known) = (top, bytes.count, nodes.count)
        append(key: key)
        do {
            try write()
        } catch {
            takeBack(to: start, known, of: node)
            throw error
        }
        if node >= treeCount {
            nodes[node].count += 1
        } else {
            tree(of: node).set("\(key)", takeItem())
        }
    }

    @inline(__always)
    private func append(key: StaticString) {
        // A static string of one scalar may have no address.
        guard key.hasPointerRepresentation else { return bytes.append(text: "\(key)") }
        unsafe bytes.append(text: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    /// Encodes a map that writes itself, as ``encodeNested(_:parent:key:)`` encodes a value with `Codable`.
    ///
    /// No closure captures `value`: it would have to be copied, and a copy retains everything in the value.
    func encodeMap<Value: CBORMapEncodable>(_ value: Value, parent: Int, key: some CodingKey) throws {
        let enclosing = try openContainer((), as: .map, parent: parent, key: key)
        let node = top
        do {
            try value.encodeEntries(into: CBORMapWriter(state: self, place: topPlace))
            if misuseOwner >= node, let misuse { throw misuse }
        } catch {
            fail(node)
            throw error
        }
        closeContainer(node, in: enclosing)
    }

    func encodeArray<Value: CBORMapEncodable>(_ values: [Value], parent: Int, key: some CodingKey) throws {
        try encodeContainer(values, as: .array, parent: parent, key: key) { place in
            unsafe try values.withUnsafeBufferPointer { values in
                for index in values.indices {
                    try addItem(to: place) {
                        unsafe try encodeMap(values[index], parent: node(of: place), key: IndexKey(index))
                    }
                }
            }
        }
    }

    /// Encodes an outermost value of a type that writes itself.
    ///
    /// - Returns: false if `Codable` has to encode it.
    @inline(__always)
    func encodeByItself<Value: Encodable>(_ value: Value) throws -> Bool {
        if outermost?.type != ObjectIdentifier(Value.self) { changeOutermost(to: Value.self) }
        guard let writing = unsafe outermost?.unretained else { return false }
        // The type was compared just now, and the state keeps what it knows about types.
        unsafe try writing._withUnsafeGuaranteedRef {
            try unsafe unsafeDowncast($0, to: OwnWriting<Value>.self).encode(value, to: self)
        }
        return true
    }

    private func changeOutermost<Value>(to type: Value.Type) {
        if let known = outermostTypes[ObjectIdentifier(type)] {
            outermost = known
            return
        }
        let new = OutermostType(type)
        outermostTypes[new.type] = new
        outermost = new
    }

    /// Returns how many values of the outermost type were encoded, and then counts `more` others.
    private func countOutermost(_ more: Int) -> UInt64 {
        let before = outermost?.count ?? 0
        outermost?.count = before &+ UInt64(more)
        return before
    }

    /// Whether a value is encoded both ways: the first of its type that a buffer encodes, the second, the fourth and so
    /// on. That is often enough to find a difference after few values, and costs next to nothing for many.
    @inline(__always)
    private func isChecked(_ count: UInt64) -> Bool { count & (count &- 1) == 0 }

    /// Over this many bytes, only the first value of a type is encoded both ways.
    private static let checkedByteCount = 1 << 20

    /// - Throws: if `Codable` gives other bytes than `own`, which `value` has written.
    @inline(never)
    private func check<Value: Encodable>(_ value: Value, against own: UnsafeRawBufferPointer) throws {
        let byCodable = EncodingState(limits: self)
        do {
            try byCodable.encode(value, parent: -1, key: NoKey())
        } catch {
            throw differs(value)
        }
        byCodable.writeFinished()
        guard unsafe own.elementsEqual(byCodable.bytes.bytes) else { throw differs(value) }
    }

    /// Checks an element before it is encoded in its place.
    @inline(never)
    private func checkElement<Value: CBORMapEncodable>(_ value: Value) throws {
        let own = EncodingState(limits: self)
        do {
            try own.encodeMap(value, parent: -1, key: NoKey())
        } catch {
            // The encoding throws the same error again, with its path.
            return
        }
        own.writeFinished()
        unsafe try check(value, against: own.bytes.bytes)
    }

    /// Encodes an outermost value that writes its own map.
    fileprivate func encodeOutermost<Value: CBORMapEncodable>(_ value: Value) throws {
        try encodeMap(value, parent: -1, key: NoKey())
        let count = countOutermost(1) + 1
        guard isChecked(count) else { return }
        writeFinished()
        guard count == 1 || bytes.count - start <= Self.checkedByteCount else { return }
        unsafe try check(value, against: UnsafeRawBufferPointer(rebasing: bytes.bytes[start...]))
    }

    /// Encodes an outermost array.
    fileprivate func encodeOutermost<Value: CBORMapEncodable>(_ values: [Value]) throws {
        let count = countOutermost(values.count)
        for index in values.indices where isChecked(count + UInt64(index) + 1) { try checkElement(values[index]) }
        try encodeArray(values, parent: -1, key: NoKey())
    }
}
