/// Checks that bytes are CBOR without decoding them.
///
/// ```swift
/// try CBORValidation.check(bytes)  // Throws a CBORError that names the offset.
/// ```
public enum CBORValidation {
    /// Checks that `bytes` are exactly one well-formed item (RFC 8949, section 5.3.1) nested at most 512 deep.
    ///
    /// - Complexity: O(n), without recursion.
    public static func check(_ bytes: [UInt8]) throws(CBORError) {
        var failure: CBORError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(CBORError) { unsafe try check(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Checks as ``check(_:)-([UInt8])`` does, without a copy.
    public static func check(_ bytes: UnsafeRawBufferPointer) throws(CBORError) {
        let end = unsafe try CBORReader(bytes).skip(from: 0)
        guard end == bytes.count else { throw CBORError(.trailingBytes, at: end) }
    }
}
