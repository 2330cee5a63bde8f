/// One encoding in progress.
///
/// Values are written directly into one buffer as long as they come in order: each item after the one before, in the
/// innermost open container or in one around it, which closes the inner ones. Any other order (an item for a container
/// that was closed, or in which a value is not complete; a key for the second time) first turns everything in progress
/// into trees, which accept items at any place. From then on, only what is inside of a new value goes into the buffer,
/// and it is copied into the value's tree when the value is complete. So each byte is copied at most twice more.
final class EncodingState {
    let bytes = ByteBuffer()
    /// The nodes of the values that are being encoded, in the order in which they were opened: first those with trees,
    /// then those in the buffer.
    let nodes = NodeStack()
    let limit: Int
    let depthLimit: Int
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// Arrays of so many bytes are not copied into the buffer, but lent to it.
    let lentByteCount: Int
    /// So many arrays of a buffer at most: more pieces of memory would cost more than the copies.
    static let lentArrayLimit = 16
    /// Where the outermost value begins.
    var start = 0
    /// The innermost open node in the buffer, or -1.
    var top = -1
    /// The place of that node, or -1.
    var topPlace = -1
    /// How many nodes have trees.
    var treeCount = 0
    var lastPlace = 0
    /// The value that was just completed, if it became a tree; its container takes it.
    var finished: EncodedTree?
    /// The error that a call could not throw.
    var misuse: (any Error)?
    /// The value in which that happened, or -1.
    var misuseOwner = -1
    private var stack = StackRoom()
    /// The tables for types of keys that were seen twice, the types seen once, and the table that was used last. They
    /// stay as long as this object, which every container refers to.
    var tables: [ObjectIdentifier: KeyTable] = [:]
    var seenKeys: Set<ObjectIdentifier> = []
    var lastKeys: ObjectIdentifier?
    var lastTable: KeyTable?
    /// The type of the last outermost value, and all such types without a direct form.
    var outermost: OutermostType?
    var outermostTypes: [ObjectIdentifier: OutermostType] = [:]
    /// The last type of an array's size, and its form if it is `Array`.
    var lastArray: (type: Any.Type, form: (any ElementwiseEncodable.Type)?)?
    /// Where the last error arose.
    var failedPath: [any CodingKey] = []

    init(_ encoder: CBOREncoder, lendingFrom lentByteCount: Int = .max) {
        self.lentByteCount = lentByteCount
        limit = encoder.byteLimit
        depthLimit = encoder.depthLimit
        userInfo = encoder.userInfo
    }

    deinit { for table in tables.values { table.deallocate() } }

    /// A state for values that `other` would encode.
    init(limits other: EncodingState) {
        limit = other.limit
        depthLimit = other.depthLimit
        userInfo = other.userInfo
        lentByteCount = .max
    }

    /// Encodes an outermost value at the end of the buffer. On an error the buffer does not change.
    ///
    /// - Parameter isOnly: whether it is the only value. It is then encoded with `Codable`: to let it write its map
    ///   itself, and to check that, would take longer.
    func encodeOutermost<Value: Encodable>(_ value: Value, isOnly: Bool = false) throws {
        start = bytes.count
        stack = StackRoom()
        if !failedPath.isEmpty { failedPath = [] }
        do {
            let form = DirectForm(of: Value.self)
            if form != .none {
                try append(value, form, parent: -1, key: NoKey())
            } else if try isOnly || !encodeByItself(value) {
                try encodeNested(value, parent: -1, key: NoKey())
            }
            writeFinished()
            try checkLimit()
        } catch {
            takeBack(to: start, 0, of: -1)
            forgetMisuse(from: -1)
            throw error
        }
    }

    /// Writes the outermost value, if it became a tree.
    func writeFinished() {
        guard let tree = finished else { return }
        finished = nil
        tree.write(to: bytes)
    }

    private func checkLimit() throws {
        if bytes.count - start > limit { throw CBORError(.overByteLimit, at: bytes.count - start) }
    }

    /// Encodes `value` at the end of the buffer, as the value of `key` in the container `parent`.
    func encode<Value: Encodable>(_ value: Value, parent: Int, key: some CodingKey) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try encodeNested(value, parent: parent, key: key)
        } else {
            try append(value, form, parent: parent, key: key)
        }
    }

    /// Appends a value of a direct form that may contain an array or a map.
    func append<Value>(_ value: Value, _ form: DirectForm, parent: Int, key: some CodingKey) throws {
        guard !form.isContainer || depth(in: parent) < depthLimit else {
            throw tooDeep(value, parent: parent, key: key)
        }
        append(value, form)
    }

    /// Encodes a value without a direct form, as ``encode(_:parent:key:)`` does.
    func encodeNested<Value: Encodable>(_ value: Value, parent: Int, key: some CodingKey) throws {
        if MemoryLayout<Value>.size == MemoryLayout<[Int]>.size, let array = elementwise(Value.self) {
            return try encode(value, as: array, parent: parent, key: key)
        }
        try encodeContainer(value, as: .slot, parent: parent, key: key) {
            try value.encode(to: ValueEncoder(state: self, place: $0))
        }
    }

    /// Opens a node of `form` for `value`, calls `write` to fill it, and closes it.
    @inline(__always)
    func encodeContainer<Value>(
        _ value: Value, as form: EncodingNode.Form, parent: Int, key: some CodingKey,
        _ write: (_ place: Int) throws -> Void
    ) throws {
        let enclosing = try openContainer(value, as: form, parent: parent, key: key)
        let node = top
        do {
            try write(topPlace)
            if misuseOwner >= node, let misuse { throw misuse }
            if parent < 0, isUntouched(node) { throw nothingEncoded(value) }
        } catch {
            fail(node)
            throw error
        }
        closeContainer(node, in: enclosing)
    }

    /// The innermost open node at the time when another one was opened.
    struct Enclosing {
        let top: Int
        let place: Int
    }

    /// Opens a node of `form` for `value`, which becomes ``top``. ``closeContainer(_:in:)`` closes it.
    @inline(__always)
    func openContainer<Value>(
        _ value: Value, as form: EncodingNode.Form, parent: Int, key: some CodingKey
    ) throws -> Enclosing {
        try checkLimit()
        guard depth(in: parent) < depthLimit, nodes.count == 0 || hasStack() else {
            throw tooDeep(value, parent: parent, key: key)
        }
        let enclosing = Enclosing(top: top, place: topPlace)
        open(parent: parent, key: key, isUnderWay: true)
        if form != .slot { nodes[top].form = form }
        return enclosing
    }

    @inline(__always)
    func closeContainer(_ node: Int, in enclosing: Enclosing) {
        if node >= treeCount { close(downTo: node) } else { finished = nodes[node].tree }
        nodes.removeLast(nodes.count - node)
        treeCount = min(treeCount, node)
        (top, topPlace) = enclosing.top < treeCount ? (-1, -1) : (enclosing.top, enclosing.place)
    }

    /// Notes that the value of `node` could not be encoded.
    func fail(_ node: Int) {
        noteFailure(at: node)
        forgetMisuse(from: node)
    }

    /// If this is another thread than the one whose stack was measured, this thread's stack counts.
    @inline(__always)
    private func hasStack() -> Bool {
        if stack.isLeft { return true }
        stack = .ofThisThread()
        return stack.isLeft
    }

    func isUntouched(_ node: Int) -> Bool {
        (nodes[node].tree?.form ?? nodes[node].form) == .slot
    }

    /// How many containers are around the items of `parent`.
    func depth(in parent: Int) -> Int { parent < 0 ? 0 : nodes[parent].depth }
}
