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

    /// The top bit of ``word`` marks a removal: epochs stay below 2³¹.
    static let removalBit: UInt64 = 1 << 63

    /// The number and what it is of, as both stand in a slot and in a snapshot.
    var word: UInt64 { sequenceNumber.rawValue | (isRemoval ? Self.removalBit : 0) }

    init(word: UInt64, location: FrameLocation) {
        self.init(
            sequenceNumber: SequenceNumber(rawValue: word & ~Self.removalBit), location: location,
            isRemoval: word & Self.removalBit != 0)
    }
}

/// What an insert into the index did.
package struct InsertOutcome: Sendable {
    /// Frames that nothing wants any more, the inserted one among them if it came too late.
    package var dead: [FrameLocation] = []

    package init() {}
}
