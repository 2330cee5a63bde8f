/// What the catalog needs to know about a record. It comes from an append, a footer, or a scan.
@safe package struct CatalogRecord {
    package var kind: RecordKind
    package var level: UInt8
    package var sequenceNumber: SequenceNumber
    package var location: FrameLocation
    package var key: UnsafeRawBufferPointer
    package var origin: UnsafeRawBufferPointer
    /// The file that a reference or a freed frame names.
    package var value: ValueFile?
    /// Whether it is a version that its level keeps at an interval.
    package var isMarked: Bool

    package init(
        kind: RecordKind, level: UInt8, sequenceNumber: SequenceNumber, location: FrameLocation,
        key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer, value: ValueFile? = nil, isMarked: Bool = false
    ) {
        self.value = value
        self.isMarked = isMarked
        self.kind = kind
        self.level = level
        self.sequenceNumber = sequenceNumber
        self.location = location
        unsafe self.key = key
        unsafe self.origin = origin
    }

    package func hash(_ hashSecret: HashSecret) -> KeyHash {
        hash(hashSecret, space: KeyHash.Space(of: kind))
    }

    func hash(_ hashSecret: HashSecret, space: KeyHash.Space) -> KeyHash {
        unsafe KeyHash(hashSecret, level: level, origin: origin, key: key, space: space)
    }
}

/// Everything that the engine knows in memory about a log's records: the index, the groups, and how much of each
/// segment is live.
///
/// Given the same records in any order, it reaches the same state. So recovery, a restart and compaction agree.
package final class RecordCatalog: Sendable {
    package let hashSecret: HashSecret
    package let index: CheckpointIndex
    package let groups = GroupTable()
    package let usage = SegmentUsage()
    package let values = ValueTable()
    package let labels = LabelTable()
    package let retentions: Retentions
    /// Whether any level gives versions up for their age: most logs have none.
    let hasAges: Bool
    private let limits: [VersionLimit]
    private let sawGroup = Lock(false)
    private let seenOrigins = Lock<Set<Origin>>([])

    /// An empty catalog that keeps as much as `retentions` say.
    package init(hashSecret: HashSecret, retentions: Retentions) {
        self.hashSecret = hashSecret
        self.retentions = retentions
        hasAges = retentions.hasAges
        index = CheckpointIndex()
        limits = (0...UInt8.max).map { retentions[$0].limit }
    }

    /// The content of `other` now, for reading only. Nobody may add records to `other` meanwhile.
    ///
    /// - Complexity: O(1) except for the references to large values; the first change of each part of the index then
    ///   copies it.
    package init(freezing other: RecordCatalog) {
        hashSecret = other.hashSecret
        retentions = other.retentions
        hasAges = other.hasAges
        limits = other.limits
        index = CheckpointIndex(freezing: other.index)
        usage.replace(by: other.usage)
        replace(other.sides)
        groups.replace(by: other.groups)
        labels.replace(by: other.labels)
    }

    /// Adds a record whose frame is written.
    package func insert(_ record: CatalogRecord) {
        guard record.kind.isRecord else {
            if record.kind == .freed { free(record) }
            return
        }
        if unsafe record.origin.count > 0 { noteOrigin(of: record) }
        let outcome: InsertOutcome
        switch record.kind {
        case .roll, .promise, .chunk, .freed:
            return
        case .removalOfAll:
            release(
                labels.forget {
                    (record.level == 0 || $0.hash.level == record.level) && $0.number < record.sequenceNumber
                })
            release(groups.forget(level: record.level, below: record.sequenceNumber))
            // The frame itself stays live: while it is on the disk, older records stay dead.
            outcome = InsertOutcome(dead: index.raiseFloor(of: record.level, to: record.sequenceNumber))
        case .removal:
            let hash = record.hash(hashSecret)
            let entry = IndexEntry(
                sequenceNumber: record.sequenceNumber, location: record.location, isRemoval: true)
            release(labels.forget(hash) { $0.number < record.sequenceNumber })
            release(groups.forget(holding: hash, below: record.sequenceNumber))
            outcome = index.insert(hash, entry, keep: limits[Int(record.level)])
        case .value, .reference, .group, .mark, .labels:
            let entry = IndexEntry(
                sequenceNumber: record.sequenceNumber, location: record.location, isMarked: record.isMarked)
            let hash = record.hash(hashSecret)
            if record.kind == .group { sawGroup.withLock { $0 = true } }
            if record.kind == .labels { labels.note(hash, of: record.hash(hashSecret, space: .key)) }
            outcome = index.insert(hash, entry, keep: limit(of: record))
            if record.kind == .group { releaseGroups(outcome) }
        case .versionRemoval, .groupRemoval:
            let entry = IndexEntry(
                sequenceNumber: record.sequenceNumber, location: record.location, isMarked: record.isMarked,
                isRemovedVersion: true)
            let hash = record.hash(hashSecret)
            if record.kind == .groupRemoval {
                release(groups.forget(hash, record.sequenceNumber))
            } else {
                // A writer says nothing of a group that it gave up for its age; a reader may not have judged that yet.
                release(groups.forget(holding: hash, record.sequenceNumber))
            }
            release(labels.forget(hash) { $0.number == record.sequenceNumber })
            outcome = index.insert(hash, entry, keep: limit(of: record))
            if record.kind == .groupRemoval { releaseGroups(outcome) }
        }
        usage.apply(record.location, outcome) { groups.holds($0) || labels.holds($0) }
        if values.isUsed { outcome.forEachDead { values.noteDead($0) } }
        if let file = record.value { note(file, of: record) }
    }

    /// For groups the same count as for keys, without the interval; for marks and labels the newest one.
    private func limit(of record: CatalogRecord) -> VersionLimit {
        switch record.kind {
        case .group, .groupRemoval: VersionLimit(count: limits[Int(record.level)].count)
        case .mark, .labels: .one
        default: limits[Int(record.level)]
        }
    }

    /// Notes that the groups whose frames died are no longer kept.
    private func releaseGroups(_ outcome: InsertOutcome) {
        outcome.forEachDead { release(groups.forget(frame: $0)) }
    }

    /// Notes that no group holds these members any more.
    func release(_ members: [GroupTable.Member]) {
        guard !members.isEmpty else { return }
        noteDead(members.filter { !index.holds($0.hash, $0.sequenceNumber) }.map(\.location))
        values.noteGroupChange()
    }

    /// Called after the record is in the index. Before that, the value would count as dead.
    private func note(_ file: ValueFile, of record: CatalogRecord) {
        let reference = ValueTable.Reference(
            file: file, hash: record.hash(hashSecret), sequenceNumber: record.sequenceNumber)
        guard let statement = values.insert(reference, at: record.location) else { return }
        usage.add(statement)
        drop(reference, at: record.location)
    }

    /// Notes that the file of a large value no longer exists.
    private func free(_ record: CatalogRecord) {
        guard let file = record.value else { return }
        guard let reference = values.free(file.segment, at: record.location) else { return }
        usage.add(record.location)
        // A writer frees no member of a group that it has; a reader may still have one that is over its age.
        release(groups.forget(holding: reference.hash, reference.sequenceNumber))
        if let place = index.location(reference.hash, reference.sequenceNumber) {
            drop(reference, at: place)
        }
    }

    /// Removes a version whose value is freed from the index.
    func drop(_ reference: ValueTable.Reference, at location: FrameLocation) {
        if index.remove(reference.hash, reference.sequenceNumber), !groups.holds(location) { usage.remove(location) }
    }

    /// Removes all versions whose values are freed from the index. Two threads may have read a reference and its freed
    /// frame at the same time, so this is done at the end.
    package func settleFreedValues() {
        for (location, reference) in values.freedReferences { drop(reference, at: location) }
    }

    /// Gives up a version that is older than its level's age, unless it is the newest of its key. If it was removed,
    /// that removal is as old.
    package func expire(_ record: CatalogRecord) {
        giveUp(index.removeOlder(record.hash(hashSecret), record.sequenceNumber))
    }

    /// Gives up all versions that are older than their level's age. `isOver` is not asked about the newest of a key.
    package func expire(where isOver: (KeyHash, IndexEntry) -> Bool) {
        giveUp(index.removeOlder(where: isOver))
    }

    private func giveUp(_ dead: [FrameLocation]) {
        noteDead(dead)
        for location in dead { release(groups.forget(frame: location)) }
    }

    private func noteDead(_ locations: [FrameLocation]) {
        for location in locations where !groups.holds(location) && !labels.holds(location) {
            usage.remove(location)
            if values.isUsed { values.noteDead(location) }
        }
    }

    /// Whether something can still restore the value of `reference`.
    package func isLive(_ reference: ValueTable.Reference) -> Bool {
        index.holds(reference.hash, reference.sequenceNumber)
            || groups.location(reference.hash, reference.sequenceNumber) != nil
            || labels.location(reference.hash, reference.sequenceNumber) != nil
    }

    /// The newest version that can be restored; nil if there is none.
    @inline(__always)
    package func newest(_ hash: KeyHash) -> IndexEntry? {
        if let entry = index.newest(hash) { return entry }
        return labels.isUsed ? versions(hash).first : nil
    }

    /// The versions that can be restored, newest first: those that the level keeps, and those with labels.
    package func versions(_ hash: KeyHash) -> [IndexEntry] {
        let kept = index.versions(hash)
        guard labels.isUsed else { return kept }
        let numbers = Set(kept.map(\.sequenceNumber))
        let labelled = labels.versions(hash).filter { !numbers.contains($0.number) }
            .map { IndexEntry(sequenceNumber: $0.number, location: $0.location) }
        return labelled.isEmpty ? kept : (kept + labelled).sorted { $0.sequenceNumber > $1.sequenceNumber }
    }

    /// Forgets everything.
    package func removeAll() {
        index.removeAll()
        groups.removeAll()
        usage.replace([:])
        replace(Sides(values: ValueTable.Content(), origins: [], hasGroups: false))
    }

    /// Adds the values and removals of batches that belong to one shard of the index. Leaves groups out; see
    /// ``CatalogFeed``.
    ///
    /// - Returns: how many keys are new.
    func insert(
        _ batches: [RecordBatch], shard: Int, expecting newKeyCount: Int, isUpdate: Bool,
        _ scratch: inout IndexShard.Scratch
    ) -> Int {
        var changes = SegmentCounters()
        defer { usage.apply(changes) }
        return index.insert(
            batches, shard: shard, expecting: newKeyCount, isUpdate: isUpdate, limits: limits, usage: &changes,
            &scratch)
    }

    /// Adds a record that may be known already, and may be at another place now, as a reader finds it in a log that is
    /// being written. Returns false if the record is known, and was at this place or has been moved to it.
    package func update(_ record: CatalogRecord) -> Bool {
        guard record.kind.isRecord, record.kind != .removalOfAll else {
            if record.kind == .removalOfAll, index.floor(of: record.level) >= record.sequenceNumber { return false }
            insert(record)
            return record.kind.isRecord
        }
        let hash = record.hash(hashSecret)
        // If a newer record of its key has superseded a member, only its group knows it.
        let (number, removesOne) = (record.sequenceNumber, record.kind.removesOne)
        guard
            let known = index.location(hash, number, isRemovedVersion: removesOne)
                ?? (removesOne ? nil : groups.location(hash, number) ?? labels.location(hash, number))
        else {
            insert(record)
            return true
        }
        if known != record.location { relocate(hash, record.sequenceNumber, from: known, to: record.location) }
        return false
    }

    /// The origins, other than the log's own, that any record ever had.
    package var origins: Set<Origin> { seenOrigins.withLock { $0 } }

    func noteOrigin(of record: CatalogRecord) {
        let origin = unsafe Origin(record.origin)
        _ = seenOrigins.withLock { $0.insert(origin) }
    }

    /// Whether any group was ever taken.
    package var hasGroupFrames: Bool { sawGroup.withLock { $0 } }

    /// Whether a frame must be kept: something can still restore it, or it keeps something removed.
    package func isLive(_ record: CatalogRecord) -> Bool {
        return switch record.kind {
        case .roll, .promise, .chunk: false
        case .freed: record.value.map { values.needsStatement(of: $0.segment) } ?? false
        case .removalOfAll: index.floor(of: record.level) == record.sequenceNumber
        case .removal: index.holds(record.hash(hashSecret), record.sequenceNumber)
        case .versionRemoval, .groupRemoval:
            index.holds(record.hash(hashSecret), record.sequenceNumber, isRemovedVersion: true)
        case .value, .reference, .group, .mark:
            index.holds(record.hash(hashSecret), record.sequenceNumber) || groups.holds(record.location)
                || labels.holds(record.location)
        case .labels: index.holds(record.hash(hashSecret), record.sequenceNumber)
        }
    }

    /// Whether the removal of a version, or of a group, can go when no frame is left that it removes.
    ///
    /// It cannot if a group or a label has an older version that the level has given up: that version would come back.
    /// At a level with an age it cannot either if it has the greatest number of a key with other versions: the next one
    /// would then have the greatest number, and so no age.
    ///
    /// - Complexity: O(n) in the members of all groups.
    package func isSpentRemoval(_ record: CatalogRecord) -> Bool {
        guard record.kind.removesOne else { return false }
        let hash = record.hash(hashSecret)
        guard !groups.holds(key: hash), labels.versions(hash).isEmpty else { return false }
        guard retentions[record.level].age != nil else { return true }
        return index.newestRecord(hash)?.sequenceNumber != record.sequenceNumber || index.newest(hash) == nil
    }

    /// Changes the place of a record that compaction copied.
    ///
    /// - Parameter isKeptAnyway: whether the frame is needed on disk although the index has forgotten it.
    package func relocate(
        _ hash: KeyHash, _ sequenceNumber: SequenceNumber, from old: FrameLocation, to new: FrameLocation,
        isKeptAnyway: Bool = false
    ) {
        let inIndex = index.relocate(hash, sequenceNumber, from: old, to: new)
        let inGroups = groups.relocate(from: old, to: new)
        let inLabels = labels.relocate(hash, sequenceNumber, from: old, to: new)
        let isStatement = values.relocate(from: old, to: new)
        // A removal of all is in none of these: it is the floor of its level.
        let isFloor = index.floor(of: hash.level) == sequenceNumber
        if inIndex || inGroups || inLabels || isStatement || isKeptAnyway || isFloor {
            usage.add(new)
        }
    }

    /// What a snapshot stores beside the index.
    struct Sides: Sendable {
        var values: ValueTable.Content
        var origins: Set<Origin>
        var hasGroups: Bool
        /// The keys of the frames of labels, by the names of the frames.
        var labelled: [KeyHash: KeyHash] = [:]
    }

    var sides: Sides {
        Sides(values: values.content, origins: origins, hasGroups: hasGroupFrames, labelled: labels.keys)
    }

    func replace(_ sides: Sides) {
        values.replace(sides.values)
        seenOrigins.withLock { $0 = sides.origins }
        sawGroup.withLock { $0 = sides.hasGroups }
        labels.replace(sides.labelled)
    }

    /// Forgets everything that a snapshot says about segments other than these, on up to `laneCount` threads.
    package func removeEntries(outside segments: [SegmentNumber], laneCount: Int) {
        let present = SegmentCounters(present: segments)
        removeEntries(laneCount: laneCount) { present[$0] == 0 }
    }

    /// Forgets everything about segments that left the log.
    package func removeEntries(in segments: Set<SegmentNumber>) {
        removeEntries(laneCount: 1) { segments.contains($0) }
    }

    private func removeEntries(
        laneCount: Int, where isGone: @escaping @Sendable (_ segment: SegmentNumber) -> Bool
    ) {
        index.removeEntries(laneCount: laneCount, where: isGone)
        release(groups.forget(whereSegment: isGone, orFrame: { !index.holds($0, $1) }))
        _ = labels.forget { isGone($0.location.segment) }
        values.removeFrames(where: isGone)
        for segment in usage.all.keys where isGone(segment) { usage.forget(segment) }
    }

    /// Forgets the reference at `location`, whose frame is gone, and returns the file that nothing needs any more.
    package func dropReference(at location: FrameLocation) -> SegmentNumber? {
        let (file, statement) = values.dropReference(at: location)
        if let statement { usage.remove(statement) }
        return file
    }
}
