/// Decodes the elements of an array one after another, each as a type of its own.
///
/// ```swift
/// try bytes.withUnsafeBytes { buffer in
///     let elements = try CBORArrayDecoder(buffer)
///     let name = try elements.decodeNext(String.self)
///     let count = try elements.decodeNext(Int.self)
/// }
/// ```
public final class CBORArrayDecoder {
    private var container: UnkeyedReader

    /// Makes a decoder for the array in `bytes`, which must stay valid while you decode elements.
    ///
    /// - Throws: `DecodingError` if the bytes are not exactly one array.
    public init(_ bytes: UnsafeRawBufferPointer) throws {
        let reader = unsafe CBORReader(bytes)
        let state = DecodingState(reader: reader, userInfo: [:])
        do {
            let end = try reader.endOfValidItem(from: 0)
            guard end == bytes.count else { throw CBORError(.trailingBytes, at: end) }
        } catch {
            throw state.corrupted(error, path: nil)
        }
        let head = try state.item(at: 0, path: nil)
        guard head.major == .array else { throw state.mismatch([Any].self, head, path: nil) }
        container = UnkeyedReader(state: state, head: head, at: 0, path: nil)
    }

    /// Whether every element has been decoded.
    public var isAtEnd: Bool { container.isAtEnd }

    /// Decodes the next element.
    ///
    /// - Throws: `DecodingError`, also if no element is left.
    public func decodeNext<Value: Decodable>(_ type: Value.Type) throws -> Value { try container.decode(type) }
}
