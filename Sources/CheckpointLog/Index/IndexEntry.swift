/// What the index knows of a record.
package struct IndexEntry: Hashable, Sendable {
    /// The number and what it is of, as both stand in a slot and in a snapshot.
    let word: UInt64
    package var location: FrameLocation

    package init(
        sequenceNumber: SequenceNumber, location: FrameLocation, isRemoval: Bool = false, isMarked: Bool = false,
        isRemovedVersion: Bool = false
    ) {
        self.init(
            word: sequenceNumber.rawValue | (isRemoval ? Self.removalBit : 0) | (isMarked ? Self.markBit : 0)
                | (isRemovedVersion ? Self.removedVersionBit : 0), location: location)
    }

    init(word: UInt64, location: FrameLocation) {
        self.word = word
        self.location = location
    }

    /// The top bits of ``word`` tell what it is of: epochs stay below 2²⁹.
    private static let removalBit: UInt64 = 1 << 63
    private static let markBit: UInt64 = 1 << 62
    private static let removedVersionBit: UInt64 = 1 << 61
    static let kindBits = removalBit | markBit | removedVersionBit

    package var sequenceNumber: SequenceNumber { SequenceNumber(rawValue: word & ~Self.kindBits) }

    /// Whether it ends its key.
    package var isRemoval: Bool { word & Self.removalBit != 0 }

    /// Whether it is one of those versions that a level keeps at an interval.
    package var isMarked: Bool { word & Self.markBit != 0 }

    /// Whether it stands in the place of a version that was removed: it counts among the versions that are kept, and
    /// cannot be restored.
    package var isRemovedVersion: Bool { word & Self.removedVersionBit != 0 }

    /// Whether it is the record of that number which takes a version away, or the version.
    func matches(_ number: SequenceNumber, isRemovedVersion: Bool) -> Bool {
        sequenceNumber == number && self.isRemovedVersion == isRemovedVersion
    }

    /// Whether it takes the place of `other`, which has the same number: the end of a version does that of the version.
    func replaces(_ other: IndexEntry) -> Bool { isRemovedVersion && !other.isRemovedVersion }
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
