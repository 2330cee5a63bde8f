internal import CBOR

/// A checkpoint that is kept as the values themselves, and encoded only when it is saved or asked for as another type.
///
/// Values are copied on write by Swift itself, so keeping one costs the same whatever its size.
package struct MemoryRecord: Sendable {
    /// What is kept of the values.
    package enum Content: Sendable {
        case values([any Codable & Sendable])
        /// The CBOR of values that are classes, whose copied reference would be no snapshot; or bytes as they were
        /// given.
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
    /// What is said of the version beside its value, encoded.
    package var metadata: [UInt8]
    /// Whether it is not in the log yet.
    package var isDirty = true
    /// Whether its values did not encode when they were to be written out.
    package var isStuck = false
    /// Bytes when it was last encoded; 0 before.
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

    /// The payload that a frame of this record has.
    ///
    /// - Parameter byteLimit: the most that it may be.
    /// - Throws: what a value's `encode(to:)` throws; `CBORError` over the limit.
    /// - Complexity: O(n) in the encoded bytes.
    package func encode(byteLimit: Int = 64 << 30) throws -> [UInt8] {
        switch content {
        case .encoded(let bytes): return bytes
        case .values(let values):
            var encoder = CBOREncoder()
            encoder.byteLimit = byteLimit
            let buffer = CBOREncodingBuffer(encoder)
            if flags.contains(.severalValues) { buffer.appendArrayHead(count: values.count) }
            for value in values { try buffer.encode(value) }
            return unsafe Array(buffer.bytes)
        }
    }
}
