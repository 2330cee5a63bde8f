/// Which records of a log are live, by FORMAT.md's rules alone. The verifier has its own code for this and does not ask
/// recovery's index, so that it sees the faults of that one.
///
/// It takes all records in any order, once or more often. A record of a key is live if it is newer than the last
/// removal of its key and the last removal of all, and either among as many of the newest as the level keeps, or marked
/// at a level with an interval. So it is enough to keep these and to compare them when somebody asks.
struct LiveRecords {
    struct Version {
        var number: SequenceNumber
        var location: FrameLocation
    }

    /// The values of one key, newest first; at least one.
    private struct Values {
        var newest: Version
        var older: [Version] = []
        /// Marked versions that are none of these, by their numbers.
        var marked: [SequenceNumber: FrameLocation] = [:]
    }

    /// A member of a group, as its list and the log give it.
    struct Member {
        var key: [UInt8]
        var hash: KeyHash
        var number: SequenceNumber
        /// Nil until the member was found.
        var location: FrameLocation?
    }

    struct Group {
        var name: KeyHash
        var record: CheckOutcome.Record
        var members: [Member]
    }

    private let hashSecret: HashSecret
    private let retentions: Retentions
    private var values: [KeyHash: Values] = [:]
    private var removals: [KeyHash: Version] = [:]
    /// Versions and groups that were removed by themselves, with the frames that removed them.
    private var removed: [KeyHash: [SequenceNumber: FrameLocation]] = [:]
    /// The last removal of all at each level; of all levels at 0.
    private var floors = [Version?](repeating: nil, count: 256)
    private var groups: [Group] = []
    /// The frames of the members of all groups that can be restored.
    private var held: Set<FrameLocation> = []

    /// The newest frame of labels of each key, by the frame's name, and the key.
    private(set) var labelFrames: [KeyHash: (version: Version, key: KeyHash)] = [:]
    /// Versions with labels.
    private var labelled: [KeyHash: [SequenceNumber: FrameLocation]] = [:]

    /// Value segments whose files no longer exist: references to them are dead for good.
    private let freed: Set<SegmentNumber>

    /// - Parameters:
    ///   - freed: value segments that frames declare freed.
    ///   - retentions: how much the log keeps.
    init(hashSecret: HashSecret, freed: Set<SegmentNumber>, retentions: Retentions) {
        self.hashSecret = hashSecret
        self.freed = freed
        self.retentions = retentions
    }

    mutating func insert(_ record: CheckOutcome.Record) {
        let version = Version(number: record.sequenceNumber, location: record.location)
        switch record.kind {
        case .roll, .promise, .chunk, .freed: break
        case .reference where isFreed(record): break
        case .removalOfAll:
            let level = Int(record.level)
            if floors[level].map({ $0.number < version.number }) ?? true { floors[level] = version }
        case .removal:
            let hash = record.hash(hashSecret)
            if removals[hash].map({ $0.number < version.number }) ?? true { removals[hash] = version }
        case .versionRemoval, .groupRemoval:
            removed[record.hash(hashSecret), default: [:]][version.number] = version.location
            // The removal takes the place of what it removes.
            insertVersion(version, record)
        case .value, .reference, .group, .mark: insertVersion(version, record)
        case .labels:
            insertVersion(version, record)
            let name = record.hash(hashSecret)
            if labelFrames[name].map({ $0.version.number < version.number }) ?? true {
                labelFrames[name] = (version, record.hash(hashSecret, space: .key))
            }
        }
    }

    /// Whether it refers to a value whose file no longer exists.
    func isFreed(_ record: CheckOutcome.Record) -> Bool {
        record.kind == .reference && freed.contains(record.valueSegment)
    }

    private mutating func insertVersion(_ version: Version, _ record: CheckOutcome.Record) {
        let hash = record.hash(hashSecret)
        switch record.kind {
        case .mark, .labels: insert(version, hash, keep: 1)
        case .group, .groupRemoval: insert(version, hash, keep: retentions[record.level].count)
        default:
            let retention = retentions[record.level]
            insert(version, hash, keep: retention.count)
            if retention.interval != nil, record.flags.contains(.marked) {
                values[hash]?.marked[version.number] = version.location
            }
        }
    }

    private mutating func insert(_ version: Version, _ hash: KeyHash, keep: Int) {
        guard var known = values[hash] else {
            values[hash] = Values(newest: version)
            return
        }
        // Most records of a log come in the order of their numbers, and most levels keep one.
        if version.number > known.newest.number {
            if keep > 1 { known.older.insert(known.newest, at: 0) }
            known.newest = version
        } else {
            guard keep > 1, version.number != known.newest.number,
                !known.older.contains(where: { $0.number == version.number })
            else { return }
            let place = known.older.firstIndex { $0.number < version.number } ?? known.older.count
            known.older.insert(version, at: place)
        }
        if known.older.count > keep - 1 { known.older.removeLast(known.older.count - (keep - 1)) }
        values[hash] = known
    }

    /// The number that a record must exceed to be live.
    private func end(_ hash: KeyHash) -> SequenceNumber {
        max(floor(hash.level), removals[hash]?.number ?? SequenceNumber(rawValue: 0))
    }

    private func floor(_ level: UInt8) -> SequenceNumber {
        let none = SequenceNumber(rawValue: 0)
        return max(floors[Int(level)]?.number ?? none, floors[0]?.number ?? none)
    }

    /// The newest value that was not removed; nil if there is none.
    func newest(_ hash: KeyHash) -> SequenceNumber? {
        guard let known = values[hash] else { return nil }
        var newest: SequenceNumber? = known.newest.number
        if let removed = removed[hash] {
            let numbers =
                [known.newest.number] + known.older.map(\.number) + known.marked.keys
                + (labelled[hash].map { Array($0.keys) } ?? [])
            newest = numbers.filter { removed[$0] == nil }.max()
        }
        return newest.flatMap { $0 > end(hash) ? $0 : nil }
    }

    /// The greatest number of any record of the name, removals included; nil if there is none.
    func greatest(_ hash: KeyHash) -> SequenceNumber? { values[hash]?.newest.number }

    /// Whether the group of that number is among those that its level keeps, and was not removed.
    func keeps(_ name: KeyHash, _ number: SequenceNumber) -> Bool {
        guard let known = values[name], number > end(name), removed[name]?[number] == nil else { return false }
        return known.newest.number == number || known.older.contains { $0.number == number }
    }

    /// Whether the record can be restored. Footers also list removals.
    func isLive(_ record: CheckOutcome.Record) -> Bool {
        guard record.isCheckpoint else { return false }
        if held.contains(record.location) { return true }
        let hash = record.hash(hashSecret)
        guard let known = values[hash], record.sequenceNumber > end(hash),
            removed[hash]?[record.sequenceNumber] == nil
        else { return false }
        return known.newest.number == record.sequenceNumber
            || known.older.contains { $0.number == record.sequenceNumber }
            || known.marked[record.sequenceNumber] != nil || labelled[hash]?[record.sequenceNumber] != nil
    }

    /// Whether any record has this key.
    func knows(_ hash: KeyHash) -> Bool { values[hash] != nil || removals[hash] != nil }

    /// Visits every key of any record: with its newest value, or the removal in that value's place; with nil if the key
    /// was removed.
    func forEachKey(_ body: (KeyHash, SequenceNumber?) -> Void) {
        for (hash, known) in values {
            body(hash, known.newest.number > end(hash) ? known.newest.number : nil)
        }
        for hash in removals.keys where values[hash] == nil { body(hash, nil) }
    }

    /// Notes that a label keeps a version.
    mutating func hold(_ hash: KeyHash, _ number: SequenceNumber, _ location: FrameLocation) {
        labelled[hash, default: [:]][number] = location
    }

    // MARK: Groups

    /// Adds a group whose members were all found. They stay live, whatever came after them, until one is removed.
    mutating func insert(_ group: Group) { groups.append(group) }

    /// Decides for the members of all groups whether they are live. Called again after records were added.
    mutating func settleGroups() {
        held = []
        for group in groups where keeps(group.name, group.record.sequenceNumber) && !isEnded(group) {
            held.formUnion(group.members.compactMap(\.location))
        }
    }

    /// Whether a member, or the key of one, was removed since the group was taken.
    func isEnded(_ group: Group) -> Bool {
        group.members.contains { member in
            removed[member.hash]?[member.number] != nil
                || removals[member.hash].map { $0.number > group.record.sequenceNumber } ?? false
        }
    }

    /// Bytes of frames that compaction keeps, as far as the index tells their lengths: the live ones, and the removals
    /// that keep older frames dead.
    var liveByteCount: Int {
        var frames = held
        for (hash, known) in values {
            let end = end(hash)
            let removed = removed[hash] ?? [:]
            for version in [known.newest] + known.older where version.number > end {
                frames.insert(removed[version.number] ?? version.location)
            }
            for (number, location) in known.marked where number > end { frames.insert(removed[number] ?? location) }
            for (number, location) in labelled[hash] ?? [:] where number > end && removed[number] == nil {
                frames.insert(location)
            }
        }
        for (hash, removal) in removals where removal.number > floor(hash.level) { frames.insert(removal.location) }
        // One of a level that is older than that of all levels ends nothing any more.
        for case let floor? in floors where floor.number >= floors[0]?.number ?? floor.number {
            frames.insert(floor.location)
        }
        return frames.reduce(0) { $0 + $1.byteCountBound }
    }
}

extension CheckOutcome.Record {
    func hash(_ hashSecret: HashSecret) -> KeyHash { hash(hashSecret, space: KeyHash.Space(of: kind)) }

    func hash(_ hashSecret: HashSecret, space: KeyHash.Space) -> KeyHash {
        unsafe key.withUnsafeBytes { key in
            unsafe origin.withUnsafeBytes { origin in
                unsafe KeyHash(hashSecret, level: level, origin: origin, key: key, space: space)
            }
        }
    }
}
