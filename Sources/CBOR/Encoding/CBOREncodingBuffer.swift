/// Bytes that values are encoded into one after another, in memory that is used again.
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
    private var isEncoding = false

    /// Makes an empty buffer with the limits of `encoder`.
    public init(_ encoder: CBOREncoder = CBOREncoder()) {
        self.encoder = encoder
        state = EncodingState(encoder)
    }

    /// What was encoded so far; valid until the next change of the buffer.
    public var bytes: UnsafeRawBufferPointer { unsafe state.bytes.bytes }

    /// How many bytes there are.
    public var count: Int { state.bytes.count }

    /// How many bytes the buffer's memory holds.
    public var capacity: Int { state.bytes.capacity }

    /// Where in its value the last error of ``encode(_:)`` arose: the keys from the outside in, empty for the value
    /// itself.
    public private(set) var failedCodingPath: [any CodingKey] = []

    /// Encodes `value` behind what is there; on an error the buffer is as it was.
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
            // A value that kept its encoder must not write into what comes after it.
            if !isKnownUniquelyReferenced(&state) { replaceState() }
        }
        do {
            // Without a retain and a release of the state: nothing replaces it until this call ends.
            unsafe try Unmanaged.passUnretained(state)._withUnsafeGuaranteedRef {
                try $0.encodeOutermost(value, isOnly: isOnly)
            }
        } catch {
            failedCodingPath = state.failedPath
            throw error
        }
    }

    /// Begins an array whose `count` elements are encoded next.
    public func appendArrayHead(count: Int) { state.bytes.appendHead(.array, UInt64(clamping: max(0, count))) }

    /// Removes the bytes and keeps their memory.
    public func removeAll() { state.bytes.removeAll() }

    private func replaceState() {
        let new = EncodingState(encoder)
        unsafe new.bytes.append(contentsOf: state.bytes.bytes)
        state = new
    }
}
