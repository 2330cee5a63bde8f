/// A buffer that encodes values one after another, and uses its memory again.
///
/// ```swift
/// let buffer = CBOREncodingBuffer()
/// for state in states {
///     buffer.removeAll()
///     try buffer.encode(state)
///     unsafe socket.send(buffer.bytes)
/// }
/// ```
///
/// `@unchecked Sendable`: it is handed on from one thread to the next, and used by one at a time.
public final class CBOREncodingBuffer: @unchecked Sendable {
    private var state: EncodingState
    private let encoder: CBOREncoder
    private let lentByteCount: Int
    private var isEncoding = false

    /// Makes an empty buffer with the limits of `encoder`.
    public convenience init(_ encoder: CBOREncoder = CBOREncoder()) { self.init(encoder, lendingFrom: .max) }

    /// - Parameter lentByteCount: arrays of numbers of so many bytes are kept instead of copied, until the buffer's
    ///   bytes are removed or asked for in one piece.
    package init(_ encoder: CBOREncoder, lendingFrom lentByteCount: Int) {
        self.encoder = encoder
        self.lentByteCount = max(1, lentByteCount)
        state = EncodingState(encoder, lendingFrom: self.lentByteCount)
    }

    /// Whether the bytes are in several pieces of memory, since the buffer keeps an array.
    package var isInPieces: Bool { state.bytes.lentArrayCount > 0 }

    /// Calls `body` with the pieces of memory that the bytes are in, one after the other.
    package func withPieces<Result>(_ body: ([UnsafeRawBufferPointer]) throws -> Result) rethrows -> Result {
        unsafe try state.bytes.withPieces(body)
    }

    /// What has been encoded so far. Valid until the next change of the buffer.
    public var bytes: UnsafeRawBufferPointer {
        // Without retaining the state: nothing replaces it meanwhile.
        unsafe Unmanaged.passUnretained(state)._withUnsafeGuaranteedRef { unsafe $0.bytes.bytes }
    }

    /// How many bytes have been encoded so far.
    public var count: Int { state.bytes.count }

    /// How many bytes fit into the buffer's memory.
    public var capacity: Int { state.bytes.ownCapacity }

    /// Where in the value the last error of ``encode(_:)`` arose: the keys from the outside in; empty for the value
    /// itself.
    public private(set) var failedCodingPath: [any CodingKey] = []

    /// Appends the encoding of `value`. On an error the buffer does not change.
    ///
    /// - Precondition: the value's own `encode(to:)` does not use this buffer.
    /// - Throws: as ``CBOREncoder/encode(_:)``.
    /// - Complexity: O(n) in the bytes; one allocation for each keyed container.
    public func encode<Value: Encodable>(_ value: Value) throws { try encode(value, isOnly: false) }

    func encode<Value: Encodable>(_ value: Value, isOnly: Bool) throws {
        precondition(!isEncoding, "A value that is being encoded uses the same buffer for another one.")
        isEncoding = true
        defer {
            isEncoding = false
            // A value that kept its encoder must not write into what is encoded after it.
            if !isKnownUniquelyReferenced(&state) { replaceState() }
        }
        do {
            // Without retaining the state: nothing replaces it until this call ends.
            unsafe try Unmanaged.passUnretained(state)._withUnsafeGuaranteedRef {
                try $0.encodeOutermost(value, isOnly: isOnly)
            }
        } catch {
            failedCodingPath = state.failedPath
            throw error
        }
    }

    /// Appends the head of an array. The next `count` values that you encode are its elements.
    public func appendArrayHead(count: Int) { state.bytes.appendHead(.array, UInt64(clamping: max(0, count))) }

    /// Removes the bytes and keeps their memory.
    public func removeAll() { state.bytes.removeAll() }

    /// Removes the bytes; false if the buffer has more memory than `byteLimit`, so that it is not worth keeping.
    package func reset(keepingAtMost byteLimit: Int) -> Bool {
        removeAll()
        return capacity <= byteLimit
    }

    private func replaceState() {
        let new = EncodingState(encoder, lendingFrom: lentByteCount)
        unsafe new.bytes.append(contentsOf: state.bytes.bytes)
        state = new
    }
}
