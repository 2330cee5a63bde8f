#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Decodes `Codable` values from CBOR (RFC 8949) of any source.
///
/// Every length is checked against the bytes there are before anything is allocated. Keys are looked for where the type's
/// own encoding puts them first, so decoding needs no dictionary. Indefinite lengths, every width of number, and arrays of
/// numbers in either form (plain, or typed arrays of RFC 8746) are accepted; tags a type does not know are stepped over.
/// Of a key that foreign bytes hold twice, either value may be found.
///
/// ```swift
/// let state = try CBORDecoder().decode(State.self, from: bytes)
/// ```
public struct CBORDecoder: Sendable {
    /// How deep items may nest. Default: 512.
    public var depthLimit = 512
    /// What `Decoder.userInfo` gives to the values.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// Makes a decoder.
    public init() {}

    /// Decodes a value of `bytes`, which must be exactly one item.
    ///
    /// - Throws: `DecodingError` with its coding path; its underlying error is a ``CBORError`` where the bytes are not CBOR.
    /// - Complexity: O(n · d) in the bytes and the depth of the maps.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        unsafe try bytes.withUnsafeBytes { unsafe try decode(type, from: $0) }
    }

    /// Decodes as ``decode(_:from:)-(_,[UInt8])`` does, without a copy of the bytes.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: UnsafeRawBufferPointer) throws -> Value {
        try unsafe state(over: bytes).decode(type, at: 0, path: nil)
    }

    /// Calls `body` with a decoder over `bytes`, which must be exactly one item: for a value that decodes itself by a rule of
    /// its own, such as yesterday's form of today's type.
    ///
    /// - Throws: as ``decode(_:from:)-(_,[UInt8])``, and what `body` throws.
    public func decode<Value>(
        from bytes: UnsafeRawBufferPointer, by body: (any Decoder) throws -> Value
    ) throws -> Value {
        try body(ItemDecoder(state: unsafe state(over: bytes), offset: 0, path: nil))
    }

    /// A decoding of bytes that are known to be one well-formed item.
    private func state(over bytes: UnsafeRawBufferPointer) throws -> DecodingState {
        var reader = unsafe CBORReader(bytes)
        reader.depthLimit = depthLimit
        let state = DecodingState(reader: reader, userInfo: userInfo)
        do {
            let end = try reader.skip(from: 0)
            guard end == bytes.count else { throw CBORError(.trailingBytes, at: end) }
        } catch {
            throw state.corrupted(error, path: nil)
        }
        return state
    }
}

/// The keys from the outermost value inwards, as a list from the inside.
final class CodingPath {
    let key: any CodingKey
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

/// One decoding under way.
final class DecodingState {
    let reader: CBORReader
    let userInfo: [CodingUserInfoKey: any Sendable]

    init(reader: CBORReader, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.reader = reader
        self.userInfo = userInfo
    }

    func corrupted(_ error: any Error, path: CodingPath?) -> DecodingError {
        .dataCorrupted(
            .init(codingPath: CodingPath.keys(path), debugDescription: "\(error)", underlyingError: error))
    }

    func mismatch(_ type: Any.Type, _ found: CBORHead, path: CodingPath?) -> any Error {
        let context = DecodingError.Context(
            codingPath: CodingPath.keys(path), debugDescription: "Expected \(type), found \(found.major).")
        return found.isNull ? DecodingError.valueNotFound(type, context) : DecodingError.typeMismatch(type, context)
    }

    /// Passes an error of the reader on as a `DecodingError` with the path.
    @inline(__always)
    func reading<Value>(_ path: CodingPath?, _ body: () throws(CBORError) -> Value) throws -> Value {
        do throws(CBORError) {
            return try body()
        } catch {
            throw corrupted(error, path: path)
        }
    }

    func decode<Value: Decodable>(_ type: Value.Type, at offset: Int, path: CodingPath?) throws -> Value {
        if let value = try direct(type, at: offset, path: path) { return value }
        return try Value(from: ItemDecoder(state: self, offset: offset, path: path))
    }

    /// Decodes a value inside of a container; its path is made only where something needs it.
    @inline(__always)
    func decode<Value: Decodable>(
        _ type: Value.Type, at offset: Int, inner path: () -> CodingPath
    ) throws -> Value {
        do {
            if let value = try direct(type, at: offset, path: nil) { return value }
        } catch {
            // Once more, for an error that says where.
            return try decode(type, at: offset, path: path())
        }
        return try Value(from: ItemDecoder(state: self, offset: offset, path: path()))
    }

    /// Decodes types that have a form of their own in CBOR; nil for every other type.
    private func direct<Value: Decodable>(_ type: Value.Type, at offset: Int, path: CodingPath?) throws -> Value? {
        if let value = try scalar(type, at: offset, path: path) { return value }
        if let value = try numbers(type, at: offset, path: path) { return value }
        return try foundation(type, at: offset, path: path)
    }

    /// A value as what it is: a cast of an array would look at its elements.
    ///
    /// - Precondition: the two types are the same.
    @inline(__always)
    private func same<Value, Same>(_ value: Same, _ type: Value.Type) -> Value {
        unsafe withUnsafePointer(to: value) {
            unsafe UnsafeRawPointer($0).assumingMemoryBound(to: Value.self).pointee
        }
    }

    @inline(__always)
    private func scalar<Value>(_ type: Value.Type, at offset: Int, path: CodingPath?) throws -> Value? {
        if type == Int.self { return same(try integer(Int.self, at: offset, path: path), type) }
        if type == Double.self { return same(try double(at: offset, path: path), type) }
        if type == String.self { return same(try string(at: offset, path: path), type) }
        if type == Float.self { return same(try float(at: offset, path: path), type) }
        if type == Bool.self { return same(try bool(at: offset, path: path), type) }
        return nil
    }

    private func numbers<Value>(_ type: Value.Type, at offset: Int, path: CodingPath?) throws -> Value? {
        if type == [Double].self { return same(try array(Double.self, .float, at: offset, path: path), type) }
        if type == [Float].self { return same(try array(Float.self, .float, at: offset, path: path), type) }
        if type == [Int].self { return same(try array(Int.self, .signed, at: offset, path: path), type) }
        if type == [UInt8].self { return same(try byteArray(at: offset, path: path), type) }
        if type == [Int32].self { return same(try array(Int32.self, .signed, at: offset, path: path), type) }
        if type == [Int64].self { return same(try array(Int64.self, .signed, at: offset, path: path), type) }
        if type == [UInt32].self { return same(try array(UInt32.self, .unsigned, at: offset, path: path), type) }
        if type == [UInt64].self { return same(try array(UInt64.self, .unsigned, at: offset, path: path), type) }
        if type == [UInt].self { return same(try array(UInt.self, .unsigned, at: offset, path: path), type) }
        if type == [Int16].self { return same(try array(Int16.self, .signed, at: offset, path: path), type) }
        if type == [UInt16].self { return same(try array(UInt16.self, .unsigned, at: offset, path: path), type) }
        if type == [String].self {
            let head = try item(at: offset, path: path)
            guard head.major == .array else { throw mismatch([String].self, head, path: path) }
            var texts: [String] = []
            texts.reserveCapacity(head.isIndefinite ? 0 : min(Int(clamping: head.argument), 4_096))
            var container = UnkeyedReader(state: self, head: head, path: path)
            while !container.isAtEnd { texts.append(try container.decode(String.self)) }
            return same(texts, type)
        }
        if type == [Int8].self { return same(try array(Int8.self, .signed, at: offset, path: path), type) }
        return nil
    }

    private func foundation<Value>(_ type: Value.Type, at offset: Int, path: CodingPath?) throws -> Value? {
        if type == Data.self { return try Data(byteArray(at: offset, path: path)) as? Value }
        if type == Date.self {
            let item = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
            let seconds = try double(at: item.offset, path: path)
            let date =
                item.tag == 1
                ? Date(timeIntervalSince1970: seconds) : Date(timeIntervalSinceReferenceDate: seconds)
            return date as? Value
        }
        if type == UUID.self {
            let bytes = try byteArray(at: offset, path: path)
            guard bytes.count == 16 else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: CodingPath.keys(path), debugDescription: "A UUID has 16 bytes."))
            }
            var uuid = UUID().uuid
            unsafe withUnsafeMutableBytes(of: &uuid) { unsafe $0.copyBytes(from: bytes) }
            return UUID(uuid: uuid) as? Value
        }
        if type == URL.self {
            let text = try string(at: offset, path: path)
            guard let url = URL(string: text) else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: CodingPath.keys(path), debugDescription: "The text is no URL."))
            }
            return url as? Value
        }
        return nil
    }
}
