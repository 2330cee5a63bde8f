internal import CBOR

/// A checkpoint that the log keeps as the values themselves. It is encoded only when it is saved, or when it is
/// restored as another type.
///
/// Swift copies the values on write, so keeping one costs the same whatever its size.
package struct MemoryRecord: Sendable {
    /// What the log keeps of the values.
    package enum Content: Sendable {
        /// By itself, since an array of one would be an allocation for each checkpoint.
        case value(any Codable & Sendable)
        case values([any Codable & Sendable])
        /// The CBOR of values that are classes, since a copied reference would be no snapshot; or bytes that the caller
        /// gave.
        case encoded([UInt8])
    }

    package var key: CheckpointKey
    package var level: Level
    package var origin: Origin
    package var number: SequenceNumber
    /// Microseconds since 1970-01-01 UTC.
    package var timestamp: Int64
    package var content: Content
    package var flags: FrameHeader.Flags
    /// The encoded metadata of the version.
    package var metadata: [UInt8]
    /// Whether it is not in the log yet.
    package var isDirty = true
    /// Whether its values failed to encode when they were to be written to the log.
    package var isStuck = false
    /// Bytes of its last encoding; 0 before the first.
    package var byteCount = 0

    package init(
        key: CheckpointKey, level: Level, origin: Origin, number: SequenceNumber, timestamp: Int64, content: Content,
        flags: FrameHeader.Flags, metadata: [UInt8] = []
    ) {
        self.key = key
        self.level = level
        self.origin = origin
        self.number = number
        self.timestamp = timestamp
        self.content = content
        self.flags = flags
        self.metadata = metadata
        if case .encoded(let bytes) = content { byteCount = bytes.count }
    }

    /// The payload of this record's frame.
    ///
    /// - Parameter byteLimit: the most bytes that it may have.
    /// - Throws: what a value's `encode(to:)` throws; `CBORError` over the limit.
    /// - Complexity: O(n) in the encoded bytes.
    package func encode(byteLimit: Int = 64 << 30) throws -> [UInt8] {
        let values: [any Codable & Sendable]
        switch content {
        case .encoded(let bytes): return bytes
        case .value(let value): values = [value]
        case .values(let several): values = several
        }
        var encoder = CBOREncoder()
        encoder.byteLimit = byteLimit
        let buffer = CBOREncodingBuffer(encoder)
        if flags.contains(.severalValues) { buffer.appendArrayHead(count: values.count) }
        for value in values { try buffer.encode(value) }
        return unsafe Array(buffer.bytes)
    }
}
