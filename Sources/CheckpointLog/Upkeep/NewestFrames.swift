/// Of the values of a segment, which are added in their order, those that stay: of each key as many of the newest as
/// its level keeps, and what else somebody can restore.
///
/// Memory is O(n) in what stays and in the keys, not in what was added.
struct NewestFrames {
    /// The last versions of a key.
    private struct Versions {
        var key: [UInt8]
        /// When these are as many as the level keeps, the next one replaces the oldest.
        var frames: [Compactor.LiveFrame] = []
        var oldest = 0
    }

    /// The frames cannot be replaced by a copy of some of them, or too many stay.
    struct Refusal: Error {}

    /// More than this may not stay, in bytes.
    private let byteLimit: Int
    private var numbers: [KeyHash: Int] = [:]
    private var keys: [Versions] = []
    /// Superseded frames that stay all the same.
    private var others: [Compactor.LiveFrame] = []
    private var last = SequenceNumber(rawValue: 0)
    private var addedByteCount = 0
    private var keptByteCount = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    /// Adds a frame. One without a record is left out.
    ///
    /// - Parameters:
    ///   - count: how many versions of a key the frame's level keeps.
    ///   - staysAnyway: whether an older frame of the same key, which so many newer ones have superseded, stays.
    /// - Throws: ``Refusal`` if the frame is something else than a value that came in its order.
    /// - Complexity: O(1).
    mutating func add(
        _ entry: SegmentFooter.Entry, _ record: CatalogRecord, _ hash: KeyHash, keeping count: Int,
        _ staysAnyway: (SegmentFooter.Entry, FrameLocation) -> Bool
    ) throws(Refusal) {
        guard entry.kind == .value, entry.sequenceNumber > last else { throw Refusal() }
        last = entry.sequenceNumber
        addedByteCount += entry.byteCount
        keptByteCount += entry.byteCount
        let frame = Compactor.LiveFrame(location: record.location, entry: entry, hash: hash, isKeptAnyway: false)
        let number = numbers[hash] ?? keys.count
        if number == keys.count {
            numbers[hash] = number
            keys.append(Versions(key: unsafe Array(record.key)))
        }
        if keys[number].frames.count < count {
            keys[number].frames.append(frame)
        } else {
            let oldest = keys[number].oldest
            let superseded = keys[number].frames[oldest]
            if staysAnyway(superseded.entry, superseded.location) {
                others.append(superseded)
            } else {
                keptByteCount -= superseded.entry.byteCount
            }
            keys[number].frames[oldest] = frame
            keys[number].oldest = oldest + 1 == count ? 0 : oldest + 1
        }
        guard keptByteCount <= byteLimit else { throw Refusal() }
    }

    /// What stays, in its order.
    ///
    /// - Throws: ``Refusal`` if that is more than a quarter of what was added.
    func finish() throws(Refusal) -> [Compactor.LiveFrame] {
        guard keptByteCount <= addedByteCount / 4 else { throw Refusal() }
        var kept: [Compactor.LiveFrame] = []
        for versions in keys { kept += versions.frames }
        kept += others
        for index in kept.indices {
            if let number = numbers[kept[index].hash] { kept[index].entry.key = keys[number].key }
        }
        return kept.sorted { $0.entry.sequenceNumber < $1.entry.sequenceNumber }
    }
}
