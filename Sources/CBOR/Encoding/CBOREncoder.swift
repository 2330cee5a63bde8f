/// Encodes `Codable` values as CBOR (RFC 8949): preferred serialization, definite lengths.
///
/// Arrays of numbers become RFC 8746 typed arrays and `[UInt8]` and `Data` byte strings, each copied in one piece. A
/// date becomes epoch time (tag 1) where that gives the same date back, else seconds since 2001 as `Date` itself
/// encodes; a `UUID` tag 37, a `URL` tag 32, a `Decimal` a decimal fraction (tag 4), an integer over 64 bits a bignum
/// (tags 2 and 3). Keys are text; of a key encoded twice the last value stands. A case of an enumeration of keys is
/// asked for its text once, and not for each value: it always has the same.
///
/// ```swift
/// var buffer: [UInt8] = []
/// try CBOREncoder().encode(state, appendingTo: &buffer)
/// ```
public struct CBOREncoder: Sendable {
    /// The greatest encoding, in bytes; over it `encode` throws ``CBORError``. Default: 4 GiB.
    public var byteLimit = 4 << 30
    /// How many arrays and maps may stand in one another: what nests deeper could not be decoded. Default: 512, as that
    /// of ``CBORDecoder/depthLimit``, which is to be no less.
    ///
    /// A value that is too deep throws with its coding path. So does one, at whatever depth, that finds less than a
    /// quarter of its thread's stack left, or than 256 KiB: a value that contains itself, or a chain of thousands on a
    /// thread of 512 KiB.
    public var depthLimit = 512
    /// What `Encoder.userInfo` gives to the values.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// Makes an encoder.
    public init() {}

    /// Encodes `value` into new bytes.
    ///
    /// - Throws: what an `encode(to:)` throws, `EncodingError` with its coding path, and ``CBORError`` over
    ///   ``byteLimit``.
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
        try buffer.encode(value, isOnly: true)
        unsafe output.append(contentsOf: buffer.bytes)
    }
}
