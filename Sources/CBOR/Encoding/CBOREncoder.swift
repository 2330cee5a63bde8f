/// Encodes `Codable` values as CBOR (RFC 8949): preferred serialization, definite lengths.
///
/// Arrays of numbers become typed arrays (RFC 8746); `[UInt8]` and `Data` become byte strings. Each is copied in one
/// piece. A date becomes epoch time (tag 1) if that gives the same date back, and otherwise seconds since 2001, as
/// `Date` itself encodes. A `UUID` has tag 37, a `URL` tag 32, a `Decimal` is a decimal fraction (tag 4), and an
/// integer of more than 64 bits a bignum (tags 2 and 3). Keys are text. If a value encodes a key twice, the last value
/// counts. The encoder asks each case of an enumeration of keys for its text once, so a case must always have the same
/// text.
///
/// ```swift
/// var buffer: [UInt8] = []
/// try CBOREncoder().encode(state, appendingTo: &buffer)
/// ```
public struct CBOREncoder: Sendable {
    /// The greatest encoding, in bytes. `encode` throws ``CBORError`` for a longer one. Default: 4 GiB.
    public var byteLimit = 4 << 30
    /// How deep arrays and maps may nest. Default: 512, like ``CBORDecoder/depthLimit``, which must not be less.
    ///
    /// If a value nests deeper, `encode` throws an error with its coding path. It does the same at any depth if less
    /// than a quarter of the thread's stack is left, or less than 256 KiB. So a value that contains itself is an error,
    /// and so is a chain of thousands on a thread of 512 KiB.
    public var depthLimit = 512
    /// The `userInfo` of the encoder that values see.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// Makes an encoder.
    public init() {}

    /// Encodes `value` into new bytes.
    ///
    /// - Throws: what an `encode(to:)` throws; `EncodingError` with its coding path; ``CBORError`` if the encoding is
    ///   longer than ``byteLimit``.
    /// - Complexity: O(n) in the bytes.
    public func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try encode(value, appendingTo: &bytes)
        return bytes
    }

    /// Appends the encoding of `value` to `output`. On an error `output` does not change.
    ///
    /// If you encode many values, a ``CBOREncodingBuffer`` saves the copy and the allocations.
    ///
    /// - Throws: as ``encode(_:)``.
    public func encode<Value: Encodable>(_ value: Value, appendingTo output: inout [UInt8]) throws {
        let buffer = CBOREncodingBuffer(self)
        try buffer.encode(value, isOnly: true)
        unsafe output.append(contentsOf: buffer.bytes)
    }
}
