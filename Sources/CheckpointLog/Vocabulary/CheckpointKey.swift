/// The name of a checkpoint.
///
/// A key is any non-empty UTF-8 text of at most ``maximumByteCount`` bytes. Keys compare byte for byte: two spellings
/// of a character that differ in Unicode normalisation are two keys. You can create a key that breaks a limit, but
/// every call refuses it with `.invalidKey`, and writes nothing.
///
/// ```swift
/// let worker = 7
/// try await log.checkpoint(state, for: "worker/\(worker)")
/// ```
public struct CheckpointKey: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The greatest length of a key, in bytes of UTF-8.
    public static let maximumByteCount = 1_024

    /// The text of the key.
    public let name: String

    /// Makes a key of `name`.
    ///
    /// - Complexity: O(1) where `name` is stored as contiguous UTF-8, as Swift's own strings are.
    public init(_ name: String) {
        var name = name
        name.makeContiguousUTF8()
        self.name = name
    }

    /// Makes a key of a literal, with or without interpolation.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// The text of the key.
    public var description: String { name }
}

extension CheckpointKey: Hashable, Comparable {
    /// Whether both keys have the same bytes.
    public static func == (left: CheckpointKey, right: CheckpointKey) -> Bool {
        compare(left, right) == 0
    }

    /// Feeds the bytes of the key to `hasher`.
    public func hash(into hasher: inout Hasher) {
        unsafe withBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(0xFF as UInt8)
    }

    /// Orders keys by their bytes.
    public static func < (left: CheckpointKey, right: CheckpointKey) -> Bool {
        compare(left, right) < 0
    }

    /// Negative if the bytes of `left` sort before those of `right`, positive if after, zero if they are equal.
    private static func compare(_ left: CheckpointKey, _ right: CheckpointKey) -> Int {
        unsafe left.withBytes { left in
            unsafe right.withBytes { right in
                left.order(to: right)
            }
        }
    }

    /// Whether the key's bytes begin with the bytes of `prefix`.
    func hasPrefix(_ prefix: CheckpointKey) -> Bool {
        unsafe withBytes { bytes in unsafe prefix.withBytes { bytes.holds($0, at: 0) } }
    }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var name = name
        return name.withUTF8 { unsafe body(UnsafeRawBufferPointer($0)) }
    }
}

extension CheckpointKey {
    /// Calls `body` with the UTF-8 bytes of the key, after checking that they are within the limits.
    @inline(__always)
    package func withValidatedBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let byteCount = name.utf8.count
        guard byteCount > 0, byteCount <= Self.maximumByteCount else {
            throw CheckpointLogError.invalidKey(byteCount: byteCount)
        }
        // Without a copy of the name, which would cost a retain and a release.
        let result = unsafe try name.utf8.withContiguousStorageIfAvailable { name in
            unsafe try body(UnsafeRawBufferPointer(name))
        }
        guard let result else { preconditionFailure("A key has its name in contiguous UTF-8 from the beginning.") }
        return result
    }
}
