/// What the index knows of a record.
package struct IndexEntry: Hashable, Sendable {
    package var sequenceNumber: SequenceNumber
    package var location: FrameLocation
    package var isRemoval: Bool
    /// Whether it is one of those versions that a level keeps at an interval.
    package var isMarked: Bool

    package init(
        sequenceNumber: SequenceNumber, location: FrameLocation, isRemoval: Bool = false, isMarked: Bool = false
    ) {
        self.sequenceNumber = sequenceNumber
        self.location = location
        self.isRemoval = isRemoval
        self.isMarked = isMarked
    }

    /// The top bits of ``word`` tell what it is of: epochs stay below 2³⁰.
    private static let removalBit: UInt64 = 1 << 63
    private static let markBit: UInt64 = 1 << 62
    static let kindBits = removalBit | markBit

    /// The number and what it is of, as both stand in a slot and in a snapshot.
    var word: UInt64 {
        sequenceNumber.rawValue | (isRemoval ? Self.removalBit : 0) | (isMarked ? Self.markBit : 0)
    }

    init(word: UInt64, location: FrameLocation) {
        self.init(
            sequenceNumber: SequenceNumber(rawValue: word & ~Self.kindBits), location: location,
            isRemoval: word & Self.removalBit != 0, isMarked: word & Self.markBit != 0)
    }
}

/// What an insert into the index did.
package struct InsertOutcome: Sendable {
    // One frame dies with nearly every append: the first is kept without memory of its own.
    private var first: FrameLocation?
    private var others: [FrameLocation] = []

    package init() {}

    package init(dead: [FrameLocation]) {
        first = dead.first
        others = Array(dead.dropFirst())
    }

    package mutating func addDead(_ location: FrameLocation) {
        if first == nil { first = location } else { others.append(location) }
    }

    /// Visits the frames that nothing wants any more, the inserted one among them if it came too late.
    @inline(__always)
    package func forEachDead(_ body: (FrameLocation) -> Void) {
        guard let first else { return }
        body(first)
        for location in others { body(location) }
    }

    package var dead: [FrameLocation] { (first.map { [$0] } ?? []) + others }
}
