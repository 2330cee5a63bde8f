/// What the index knows of a record.
package struct IndexEntry: Hashable, Sendable {
    package var sequenceNumber: SequenceNumber
    package var location: FrameLocation
    package var isRemoval: Bool

    package init(sequenceNumber: SequenceNumber, location: FrameLocation, isRemoval: Bool = false) {
        self.sequenceNumber = sequenceNumber
        self.location = location
        self.isRemoval = isRemoval
    }
}

/// What an insert into the index did.
package struct InsertOutcome: Sendable {
    /// Frames that nothing wants any more, the inserted one among them if it came too late.
    package var dead: [FrameLocation] = []

    package init() {}
}
