/// Encodes `Codable` values as CBOR (RFC 8949): preferred serialization, definite lengths.
///
/// Arrays of numbers become RFC 8746 typed arrays and `[UInt8]` and `Data` byte strings, each copied in one piece. A date
/// becomes epoch time (tag 1) where that gives the same date back, else seconds since 2001 as `Date` itself encodes; a
/// `UUID` tag 37, a `URL` tag 32, a `Decimal` a decimal fraction (tag 4), an integer over 64 bits a bignum (tags 2 and 3).
/// Keys are text; of a key encoded twice the last value stands.
///
/// ```swift
/// var buffer: [UInt8] = []
/// try CBOREncoder().encode(state, appendingTo: &buffer)
/// ```
public struct CBOREncoder: Sendable {
    /// The greatest encoding, in bytes; over it `encode` throws ``CBORError``. Default: 4 GiB.
    public var byteLimit = 4 << 30
    /// What `Encoder.userInfo` gives to the values.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// Makes an encoder.
    public init() {}

    /// Encodes `value` into new bytes.
    ///
    /// - Throws: what an `encode(to:)` throws, `EncodingError` with its coding path, and ``CBORError`` over ``byteLimit``.
    /// - Complexity: O(n) in the bytes.
    public func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try encode(value, appendingTo: &bytes)
        return bytes
    }

    /// Encodes `value` at the end of `output`, whose capacity is used; on an error `output` is as it was.
    ///
    /// A ``CBOREncodingBuffer`` that is used again saves the copy, and the allocations.
    ///
    /// - Throws: as ``encode(_:)``.
    public func encode<Value: Encodable>(_ value: Value, appendingTo output: inout [UInt8]) throws {
        let buffer = CBOREncodingBuffer(self)
        try buffer.encode(value)
        unsafe output.append(contentsOf: buffer.bytes)
    }
}

/// One encoding under way: the buffer, and the containers on it.
final class EncodingState {
    let bytes = ByteBuffer()
    /// The containers of the values being encoded, in the order in which they were opened. Open ones enclose one another.
    let nodes = NodeStack()
    let limit: Int
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// Where the value that is being encoded begins.
    var start = 0
    /// The innermost open container, or -1.
    var top = -1
    /// Where the last error arose.
    var failedPath: [any CodingKey] = []

    init(limit: Int, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.limit = limit
        self.userInfo = userInfo
    }

    func checkLimit() throws {
        if bytes.count - start > limit { throw CBORError(.overByteLimit, at: bytes.count - start) }
    }

    /// Encodes `value` at the buffer's end, as the value of `key` in container `parent`.
    func encode<Value: Encodable>(_ value: Value, parent: Int = -1, key: (any CodingKey)? = nil) throws {
        let form = DirectForm(of: Value.self)
        if form == .none { try encodeNested(value, parent: parent, key: key) } else { append(value, form) }
    }

    /// Notes where an error arose; on its way out it passes the containers around, whose paths are beginnings of that.
    private func noteFailure(at node: Int) {
        let path = codingPath(of: node)
        if failedPath.map(\.stringValue).starts(with: path.map(\.stringValue)) { return }
        failedPath = path
    }

    /// Encodes a value without a direct form, as ``encode(_:parent:key:)`` does.
    func encodeNested<Value: Encodable>(_ value: Value, parent: Int, key: (any CodingKey)?) throws {
        try checkLimit()
        let enclosing = top
        let node = openSlot(parent: parent, key: key)
        do {
            try value.encode(to: ValueEncoder(state: self, node: node))
        } catch {
            noteFailure(at: node)
            throw error
        }
        if parent < 0, nodes[node].form == .slot, nodes[node].isOpen {
            throw EncodingError.invalidValue(
                value, .init(codingPath: [], debugDescription: "\(Value.self) encoded no value."))
        }
        close(downTo: node)
        nodes.removeLast(nodes.count - node)
        top = enclosing
    }
}
