/// The number and time of a record that was taken before its frame is appended: of a memory value, or a large one.
package struct TakenNumber: Sendable, Equatable {
    package var sequenceNumber: SequenceNumber
    /// Microseconds since 1970-01-01 UTC.
    package var timestamp: Int64

    package init(sequenceNumber: SequenceNumber, timestamp: Int64) {
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
    }
}
