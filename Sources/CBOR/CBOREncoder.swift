#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Encodes `Codable` values as CBOR (RFC 8949): preferred serialization, definite lengths.
///
/// Arrays of numbers become RFC 8746 typed arrays and `[UInt8]` and `Data` byte strings, each copied in one piece. A date
/// becomes epoch time (tag 1) where that gives the same date back, else seconds since 2001 as `Date` itself encodes; a
/// `UUID` tag 37, a `URL` tag 32; a `Decimal` what its own `encode` makes. Keys are text; of a key encoded twice the last
/// value stands.
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
    /// - Throws: as ``encode(_:)``.
    public func encode<Value: Encodable>(_ value: Value, appendingTo output: inout [UInt8]) throws {
        let start = output.count
        let state = EncodingState(bytes: output, start: start, limit: byteLimit, userInfo: userInfo)
        // The state holds the only reference while it writes, or every append would copy.
        output = []
        defer { output = state.takeBytes() }
        do {
            try state.encode(value)
            try state.checkLimit()
        } catch {
            state.bytes.removeLast(max(0, state.bytes.count - start))
            throw error
        }
    }
}

/// One encoding under way: the buffer, and the containers on it.
final class EncodingState {
    var bytes: [UInt8]
    let start: Int
    let limit: Int
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// The containers of the values being encoded, in the order in which they were opened. Open ones enclose one another.
    var nodes: [EncodingNode] = []
    /// The innermost open container, or -1.
    var top = -1

    init(bytes: [UInt8], start: Int, limit: Int, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.bytes = bytes
        self.start = start
        self.limit = limit
        self.userInfo = userInfo
    }

    func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
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
    @inline(__always)
    private func encodeDirectly<Value: Encodable>(_ value: Value) throws -> Bool {
        let type = Value.self
        if type == Int.self || type == Double.self || type == String.self || type == Bool.self || type == Float.self {
            switch value {
            case let value as Int: append(value)
            case let value as Double: append(value)
            case let value as String: append(value)
            case let value as Bool: append(value)
            case let value as Float: append(value)
            default: return false
            }
            return true
        }
        return encodeArray(value) || encodeFoundation(value)
    }

    private func encodeArray<Value: Encodable>(_ value: Value) -> Bool {
        let type = Value.self
        if type == [Double].self, let value = value as? [Double] {
            append(numbers: value, tag: 86)
        } else if type == [Float].self, let value = value as? [Float] {
            append(numbers: value, tag: 85)
        } else if type == [Int].self, let value = value as? [Int] {
            append(numbers: value, tag: 79)
        } else if type == [UInt8].self, let value = value as? [UInt8] {
            append(byteString: value)
        } else if type == [Int32].self, let value = value as? [Int32] {
            append(numbers: value, tag: 78)
        } else if type == [Int64].self, let value = value as? [Int64] {
            append(numbers: value, tag: 79)
        } else if type == [UInt32].self, let value = value as? [UInt32] {
            append(numbers: value, tag: 70)
        } else if type == [UInt64].self, let value = value as? [UInt64] {
            append(numbers: value, tag: 71)
        } else if type == [UInt].self, let value = value as? [UInt] {
            append(numbers: value, tag: 71)
        } else if type == [Int16].self, let value = value as? [Int16] {
            append(numbers: value, tag: 77)
        } else if type == [UInt16].self, let value = value as? [UInt16] {
            append(numbers: value, tag: 69)
        } else if type == [Int8].self, let value = value as? [Int8] {
            append(numbers: value, tag: 72)
        } else {
            return false
        }
        return true
    }

    private func encodeFoundation<Value: Encodable>(_ value: Value) -> Bool {
        let type = Value.self
        if type == Data.self, let value = value as? Data {
            bytes.appendHead(.bytes, UInt64(value.count))
            bytes.append(contentsOf: value)
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
        } else {
            return false
        }
        return true
    }
}
