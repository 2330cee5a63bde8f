/// What the index knows of a record.
package struct IndexEntry: Hashable, Sendable {
    /// The number and the kind of record, in the form that slots and snapshots store.
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

    /// The uppermost bits of ``word`` state the kind; epochs stay below 2²⁹, so the bits are free.
    private static let removalBit: UInt64 = 1 << 63
    private static let markBit: UInt64 = 1 << 62
    private static let removedVersionBit: UInt64 = 1 << 61
    static let kindBits = removalBit | markBit | removedVersionBit

    package var sequenceNumber: SequenceNumber { SequenceNumber(rawValue: word & ~Self.kindBits) }

    /// Whether the record removes its key.
    package var isRemoval: Bool { word & Self.removalBit != 0 }

    /// Whether it is a version that its level keeps at an interval.
    package var isMarked: Bool { word & Self.markBit != 0 }

    /// Whether the record removes one version, and has its place: it counts among the versions that the level keeps,
    /// and cannot be restored.
    package var isRemovedVersion: Bool { word & Self.removedVersionBit != 0 }

    /// Whether it has that number, and is of the kind asked for: the removal of a version, or anything else.
    func matches(_ number: SequenceNumber, isRemovedVersion: Bool) -> Bool {
        sequenceNumber == number && self.isRemovedVersion == isRemovedVersion
    }

    /// Whether it takes the place of `other`, which has the same number, as the removal of a version does.
    func replaces(_ other: IndexEntry) -> Bool { isRemovedVersion && !other.isRemovedVersion }
}

/// The effect of an insertion into the index.
package struct InsertOutcome: Sendable {
    // Nearly every append makes one frame dead. The first is stored here, without an allocation.
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

    /// Visits the frames that are dead now. The inserted one is among them if it came too late.
    @inline(__always)
    package func forEachDead(_ body: (FrameLocation) -> Void) {
        guard let first else { return }
        body(first)
        for location in others { body(location) }
    }

    package var dead: [FrameLocation] { (first.map { [$0] } ?? []) + others }
}
