#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

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

    init(limit: Int, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.limit = limit
        self.userInfo = userInfo
    }

    func checkLimit() throws {
        if bytes.count - start > limit { throw CBORError(.overByteLimit, at: bytes.count - start) }
    }

    /// Encodes `value` at the buffer's end, as the value of `key` in container `parent`.
    func encode<Value: Encodable>(_ value: Value, parent: Int = -1, key: (any CodingKey)? = nil) throws {
        if try encodeDirectly(value) { return }
        try checkLimit()
        let enclosing = top
        let node = openSlot(parent: parent, key: key)
        try value.encode(to: ValueEncoder(state: self, node: node))
        if parent < 0, nodes[node].form == .slot, nodes[node].isOpen {
            throw EncodingError.invalidValue(
                value, .init(codingPath: [], debugDescription: "\(Value.self) encoded no value."))
        }
        close(downTo: node)
        nodes.removeLast(nodes.count - node)
        top = enclosing
    }

    /// Encodes the types that have a form of their own; false for all others.
    /// Encodes types that have a form of their own in CBOR, or are written in one piece.
    ///
    /// Types are compared and then read as what they are: a cast of an array would look at its elements.
    @inline(__always)
    private func encodeDirectly<Value: Encodable>(_ value: Value) throws -> Bool {
        let type = Value.self
        if type == String.self {
            append(Self.read(value, as: String.self))
        } else if type == Double.self {
            append(Self.read(value, as: Double.self))
        } else if type == Int.self {
            append(Self.read(value, as: Int.self))
        } else if type == Bool.self {
            append(Self.read(value, as: Bool.self))
        } else if type == Float.self {
            append(Self.read(value, as: Float.self))
        } else {
            return encodeArray(value) || encodeFoundation(value)
        }
        return true
    }

    /// - Precondition: the two types are the same.
    @inline(__always)
    private static func read<Value, Same>(_ value: Value, as type: Same.Type) -> Same {
        unsafe withUnsafePointer(to: value) {
            unsafe UnsafeRawPointer($0).assumingMemoryBound(to: Same.self).pointee
        }
    }

    @inline(__always)
    private func append<Value, Number: BitwiseCopyable>(_ value: Value, as type: [Number].Type, tag: UInt64) {
        append(numbers: Self.read(value, as: type), tag: tag)
    }

    private func encodeArray<Value: Encodable>(_ value: Value) -> Bool {
        let type = Value.self
        if type == [Double].self {
            append(value, as: [Double].self, tag: 86)
        } else if type == [Float].self {
            append(value, as: [Float].self, tag: 85)
        } else if type == [Int].self {
            append(value, as: [Int].self, tag: 79)
        } else if type == [UInt8].self {
            append(byteString: Self.read(value, as: [UInt8].self))
        } else if type == [Int32].self {
            append(value, as: [Int32].self, tag: 78)
        } else if type == [Int64].self {
            append(value, as: [Int64].self, tag: 79)
        } else if type == [UInt32].self {
            append(value, as: [UInt32].self, tag: 70)
        } else if type == [UInt64].self {
            append(value, as: [UInt64].self, tag: 71)
        } else if type == [UInt].self {
            append(value, as: [UInt].self, tag: 71)
        } else if type == [Int16].self {
            append(value, as: [Int16].self, tag: 77)
        } else if type == [UInt16].self {
            append(value, as: [UInt16].self, tag: 69)
        } else if type == [Int8].self {
            append(value, as: [Int8].self, tag: 72)
        } else if type == [String].self {
            let texts = Self.read(value, as: [String].self)
            bytes.appendHead(.array, UInt64(texts.count))
            for text in texts { append(text) }
        } else {
            return false
        }
        return true
    }

    /// A decimal fraction (RFC 8949, section 3.4.4): exponent and mantissa; what is not a number is the float of that name.
    private func append(_ value: Decimal) {
        guard !value.isNaN, let magnitude = UInt128("\(value.significand.magnitude)") else {
            append(Double.nan)
            return
        }
        bytes.appendHead(.tag, 4)
        bytes.appendHead(.array, 2)
        append(value.exponent)
        let isNegative = value.sign == .minus && magnitude > 0
        append(magnitude: isNegative ? magnitude - 1 : magnitude, isNegative: isNegative)
    }

    private func encodeFoundation<Value: Encodable>(_ value: Value) -> Bool {
        let type = Value.self
        if type == Data.self, let value = value as? Data {
            bytes.appendHead(.bytes, UInt64(value.count))
            unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        } else if type == Date.self, let value = value as? Date {
            let seconds = value.timeIntervalSince1970
            if Date(timeIntervalSince1970: seconds).timeIntervalSinceReferenceDate.bitPattern
                == value.timeIntervalSinceReferenceDate.bitPattern
            {
                bytes.appendHead(.tag, 1)
                append(seconds)
            } else {
                append(value.timeIntervalSinceReferenceDate)
            }
        } else if type == UUID.self, let value = value as? UUID {
            bytes.appendHead(.tag, 37)
            bytes.appendHead(.bytes, 16)
            unsafe withUnsafeBytes(of: value.uuid) { unsafe bytes.append(contentsOf: $0) }
        } else if type == URL.self, let value = value as? URL {
            bytes.appendHead(.tag, 32)
            append(value.absoluteString)
        } else if type == Decimal.self, let value = value as? Decimal {
            append(value)
        } else {
            return false
        }
        return true
    }
}
