/// Why bytes are not CBOR, or a value cannot become CBOR within the limits.
///
/// ```swift
/// do {
///     try CBORValidation.check(bytes)
/// } catch {
///     print("\(error.reason) at byte \(error.offset)")
/// }
/// ```
public struct CBORError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: String, Sendable {
        /// The bytes end inside an item.
        case truncated = "the bytes end inside an item"
        /// A head that RFC 8949 reserves.
        case reservedHead = "a reserved initial byte"
        /// Text that is not UTF-8.
        case invalidUTF8 = "text that is not UTF-8"
        /// A map that has a key twice.
        case duplicateKey = "a key that its map has already"
        /// Items that nest deeper than the limit.
        case tooDeep = "items nested over the depth limit"
        /// A tag that refers to another item (25 or 29).
        case sharedReference = "a reference to another item (tag 25 or 29), which is not supported"
        /// Bytes after the item.
        case trailingBytes = "bytes after the item"
        /// An encoding longer than `CBOREncoder.byteLimit`.
        case overByteLimit = "an encoding over `byteLimit`"
    }

    /// What is wrong.
    public var reason: Reason
    /// The distance from the start at which the error was found, in bytes.
    public var offset: Int

    /// Makes an error.
    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The reason and the offset.
    public var description: String { "\(reason.rawValue), at byte \(offset)" }
}
