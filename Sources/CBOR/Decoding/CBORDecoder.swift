/// Decodes `Codable` values from CBOR (RFC 8949) of any source.
///
/// The decoder checks every length against the bytes before it allocates anything. It looks for keys first where the
/// type's own encoding puts them, so it needs no dictionary. It accepts indefinite lengths, every width of number,
/// arrays of numbers in either form (plain, or typed arrays of RFC 8746, also of other elements that fit), keys that
/// are numbers, bignums, decimal fractions, and dates as text or as numbers. It ignores tags that a type does not know,
/// but refuses those that refer to another item (25 and 29). It never changes a value silently: it does not decode a
/// floating-point number as an integer, even a whole one; it decodes an integer as a floating-point number only if that
/// is exact; and it refuses a magnitude that is too large for `Float`. It refuses text that is not UTF-8, and a map
/// that has a key twice, and names the offset.
///
/// ```swift
/// let state = try CBORDecoder().decode(State.self, from: bytes)
/// ```
public struct CBORDecoder: Sendable {
    /// How deep arrays and maps may nest. Default: 512.
    ///
    /// At any depth, the decoder throws an error with the coding path if less than a quarter of the thread's stack is
    /// left, or less than 256 KiB: that is for what a value's own `init(from:)` needs.
    public var depthLimit = 512
    /// The `userInfo` of the decoder that values see.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// Makes a decoder.
    public init() {}

    /// Decodes a value of `bytes`, which must be exactly one item.
    ///
    /// - Throws: `DecodingError` with its coding path. If the bytes are not CBOR, its underlying error is a
    ///   ``CBORError``.
    /// - Complexity: O(n · d) in the bytes and the depth of the maps.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        unsafe try bytes.withUnsafeBytes { unsafe try decode(type, from: $0) }
    }

    /// Decodes as ``decode(_:from:)-(_,[UInt8])`` does, without a copy of the bytes.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: UnsafeRawBufferPointer) throws -> Value {
        var state = unsafe try state(over: bytes)
        defer { Self.end(&state) }
        return try state.decode(type, at: 0, path: nil)
    }

    /// Calls `body` with a decoder of `bytes`, which must be exactly one item. Use it to decode with code of your own,
    /// for example an older layout of a type.
    ///
    /// - Throws: as ``decode(_:from:)-(_,[UInt8])``, and what `body` throws.
    public func decode<Value>(
        from bytes: UnsafeRawBufferPointer, by body: (any Decoder) throws -> Value
    ) throws -> Value {
        var state = unsafe try state(over: bytes)
        defer { Self.end(&state) }
        return try body(ItemDecoder(state: state, offset: 0, path: nil))
    }

    /// From now on, a decoder that a value has kept reads from a copy of the bytes.
    private static func end(_ state: inout DecodingState) {
        state.dropCursor()
        if !isKnownUniquelyReferenced(&state) { state.keepBytes() }
    }

    /// A decoding of `bytes`, after the check that they are one well-formed item.
    private func state(over bytes: UnsafeRawBufferPointer) throws -> DecodingState {
        var reader = unsafe CBORReader(bytes)
        reader.depthLimit = max(0, depthLimit)
        let state = DecodingState(reader: reader, userInfo: userInfo)
        do {
            let end = try reader.endOfValidItem(from: 0)
            guard end == bytes.count else { throw CBORError(.trailingBytes, at: end) }
        } catch {
            throw state.corrupted(error, path: nil)
        }
        state.mayKeepCursor = true
        return state
    }
}

/// The keys from the outermost value inwards, as a linked list that starts at the inside.
final class CodingPath {
    /// Changed only while nothing else refers to this object.
    var key: any CodingKey
    let outer: CodingPath?

    init(_ key: any CodingKey, in outer: CodingPath?) {
        self.key = key
        self.outer = outer
    }

    static func keys(_ path: CodingPath?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = path
        while let node = path {
            keys.append(node.key)
            path = node.outer
        }
        return keys.reversed()
    }
}

/// One decoding in progress.
final class DecodingState {
    private(set) var reader: CBORReader
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// Where the last item with a known end begins, and that end. So nobody has to skip the item again.
    private var endedItem = -1
    private var endOfItem = -1

    /// The bytes that the reader reads, if they are not the caller's.
    private var owned: ByteBuffer?
    private var stack = StackRoom()
    /// The cursor of the last map, for the next one to use.
    private var lastCursor: MapCursor?
    /// Whether elements of an array are being decoded, so that further maps may come.
    private var keepsCursor = false
    /// Whoever sets this must call ``dropCursor()`` in the end: a cursor refers to this object.
    var mayKeepCursor = false
    /// Whether a value has begun to decode itself. The next one may be inside of it, and then needs space on the stack.
    private var isNested = false
    /// The last type that an array was to be decoded as, and its form if it is `Array`.
    private var lastArray: (type: Any.Type, form: (any ElementwiseDecodable.Type)?)?

    init(reader: CBORReader, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.reader = reader
        self.userInfo = userInfo
        owned = nil
    }

    init(bytes: ByteBuffer, depthLimit: Int, userInfo: [CodingUserInfoKey: any Sendable]) {
        reader = unsafe CBORReader(bytes.bytes)
        reader.depthLimit = depthLimit
        self.userInfo = userInfo
        owned = bytes
    }

    @inline(__always)
    func note(_ end: Int, of item: Int) { (endedItem, endOfItem) = (item, end) }

    /// The end of the item at `offset`; -1 unless it is the last one with a known end.
    @inline(__always)
    func knownEnd(of item: Int) -> Int { item == endedItem ? endOfItem : -1 }

    /// A cursor at the beginning of a map. In an array it is the last map's, unless that one is still in use: each
    /// element would otherwise allocate one.
    @inline(never)
    func cursor(_ head: CBORHead, at item: Int, path: CodingPath?) -> MapCursor {
        if isKnownUniquelyReferenced(&lastCursor), let cursor = lastCursor {
            cursor.move(to: head, at: item, path: path)
            return cursor
        }
        let cursor = MapCursor(head, at: item, state: self, path: path)
        if keepsCursor { lastCursor = cursor }
        return cursor
    }

    @inline(__always)
    func keepCursor() { if mayKeepCursor { keepsCursor = true } }

    /// The path of the last map, changed to that of `key` in `outer`: nil if anything but the cursor refers to it, or
    /// it is the path of something else.
    @inline(__always)
    func pathAgain(_ key: IndexKey, in outer: CodingPath?) -> CodingPath? {
        guard isKnownUniquelyReferenced(&lastCursor), let cursor = unsafe lastCursor.map(Unmanaged.passUnretained)
        else {
            return nil
        }
        // Of the cursor no reference is counted, since there are as many calls as elements.
        return unsafe cursor._withUnsafeGuaranteedRef { cursor in
            guard isKnownUniquelyReferenced(&cursor.path), let path = cursor.path, path.outer === outer else {
                return nil
            }
            path.key = key
            return path
        }
    }

    /// Whether the cursor that the next map will use has this path.
    @inline(__always)
    func cursorHas(_ path: CodingPath?) -> Bool { lastCursor?.path === path }

    func dropCursor() {
        mayKeepCursor = false
        keepsCursor = false
        if lastCursor != nil { lastCursor = nil }
    }

    /// Copies the caller's bytes, which are valid only until its call returns.
    func keepBytes() {
        let copy = unsafe ByteBuffer(capacity: reader.bytes.count)
        unsafe copy.append(contentsOf: reader.bytes)
        let depthLimit = reader.depthLimit
        reader = unsafe CBORReader(copy.bytes)
        reader.depthLimit = depthLimit
        owned = copy
    }

    func corrupted(_ error: any Error, path: CodingPath?) -> DecodingError {
        .dataCorrupted(
            .init(codingPath: CodingPath.keys(path), debugDescription: "\(error)", underlyingError: error))
    }

    private func tooDeep(_ path: CodingPath?) -> DecodingError {
        let keys = CodingPath.keys(path)
        return .dataCorrupted(
            .init(
                codingPath: keys,
                debugDescription: "Values nest too deep for the stack of this thread, \(keys.count) deep here."))
    }

    func mismatch(_ type: Any.Type, _ found: CBORHead, path: CodingPath?) -> any Error {
        let context = DecodingError.Context(
            codingPath: CodingPath.keys(path), debugDescription: "Expected \(type), found \(found.major).")
        return found.isNull ? DecodingError.valueNotFound(type, context) : DecodingError.typeMismatch(type, context)
    }

    /// The error for a number that the type cannot represent exactly.
    func inexact(_ type: Any.Type, _ number: some Any, path: CodingPath?) -> DecodingError {
        DecodingError.typeMismatch(
            type,
            .init(
                codingPath: CodingPath.keys(path), debugDescription: "Expected \(type), which cannot hold \(number)."))
    }

    /// Turns an error of the reader into a `DecodingError` with the path.
    @inline(__always)
    func reading<Value>(_ path: CodingPath?, _ body: () throws(CBORError) -> Value) throws -> Value {
        do throws(CBORError) {
            return try body()
        } catch {
            throw corrupted(error, path: path)
        }
    }

    /// Decodes the item at `offset`. For a direct form, the path is asked for only on failure.
    @inline(__always)
    func decode<Value: Decodable>(
        _ type: Value.Type, at offset: Int, path: @autoclosure () -> CodingPath?
    ) throws -> Value {
        let form = DirectForm(of: type)
        // The type that was passed may be a subclass of the static type.
        guard form != .none else {
            guard !isNested || hasStack() else { throw tooDeep(path()) }
            isNested = true
            if let array = elementwise(type, at: offset) { return try decode(array, at: offset, path: path()) }
            return try type.init(from: ItemDecoder(state: self, offset: offset, path: path()))
        }
        do {
            return try decode(type, form, at: offset, path: nil)
        } catch {
            return try decode(type, form, at: offset, path: path())
        }
    }

    /// If this is another thread than the one whose stack was measured, this thread's stack counts.
    @inline(__always)
    private func hasStack() -> Bool {
        if stack.isLeft { return true }
        stack = .ofThisThread()
        return stack.isLeft
    }

    /// The form of `type` if it is `Array` and the item at `offset` an array without tags.
    @inline(__always)
    private func elementwise<Value>(_ type: Value.Type, at offset: Int) -> (any ElementwiseDecodable.Type)? {
        guard MemoryLayout<Value>.size == MemoryLayout<[Int]>.size, reader.isArray(at: offset) else { return nil }
        return elementwise(type)
    }

    @inline(never)
    private func elementwise(_ type: Any.Type) -> (any ElementwiseDecodable.Type)? {
        if let lastArray, lastArray.type == type { return lastArray.form }
        let form = type as? any ElementwiseDecodable.Type
        lastArray = (type, form)
        return form
    }

    /// - Precondition: `array` is `Value`.
    private func decode<Value, Elements: ElementwiseDecodable>(
        _ array: Elements.Type, at offset: Int, path: CodingPath?
    ) throws -> Value {
        unsafe unsafeBitCast(try array.decode(elementwiseAt: offset, path: path, from: self), to: Value.self)
    }

    /// - Precondition: `form` is that of `type`.
    private func decode<Value>(
        _ type: Value.Type, _ form: DirectForm, at offset: Int, path: CodingPath?
    ) throws -> Value {
        try form.visit(DirectDecoding<Value>(state: self, offset: offset, path: path))
    }
}

/// Decodes a value of the type that its form stands for, so the cast changes nothing.
private struct DirectDecoding<Result>: DirectFormVisitor {
    let state: DecodingState
    let offset: Int
    let path: CodingPath?

    @inline(__always)
    func visit<Value: DirectlyCoded>(_ type: Value.Type) throws(any Error) -> Result {
        unsafe unsafeBitCast(try Value.decode(at: offset, path: path, from: state), to: Result.self)
    }
}
