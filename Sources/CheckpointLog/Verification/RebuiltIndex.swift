import SystemPackage

/// What footers and chain say: which records are live, whether groups are whole, and whether the snapshot agrees.
///
/// It reads footers instead of frames: ``SegmentCheck`` compares each footer with its frames, byte for byte.
struct RebuiltIndex {
    let identity: LogIdentity
    let manifest: Manifest
    private(set) var live: LiveRecords
    private let chain: [CheckOutcome.Record]
    private(set) var groupFindings: [VerificationFinding] = []

    init(_ outcomes: [CheckOutcome], manifest: Manifest, identity: LogIdentity) {
        self.identity = identity
        self.manifest = manifest
        chain = outcomes.flatMap(\.records)
        let freed = outcomes.reduce(into: Set<SegmentNumber>()) { $0.formUnion($1.freedSegments) }
        var live = LiveRecords(
            hashSecret: identity.hashSecret, freed: freed, retentions: Retentions(manifest.policies))
        var hasGroups = false
        self.live = live
        forEachRecord { record in
            live.insert(record)
            if record.kind == .group { hasGroups = true }
        }
        self.live = live
        if hasGroups { restoreGroups() }
        if !self.live.labelFrames.isEmpty { restoreLabels() }
    }

    /// Finds the versions with pins and tags. If labels cannot be read, that is a finding about their frame.
    private mutating func restoreLabels() {
        var wanted: [KeyHash: Set<SequenceNumber>] = [:]
        for (version, key) in live.labelFrames.values {
            guard let file = try? identity.directory.openFile(name(of: version.location.segment), .read) else {
                continue
            }
            defer { file.close() }
            let labels = try? unsafe FrameReader.withFrame(
                at: version.location, in: file, seed: identity.seed(of: version.location.segment)
            ) { unsafe VersionLabels(Array($1)) }
            wanted[key] = labels?.numbers
        }
        var live = live
        forEachRecord { record in
            guard record.kind == .value || record.kind == .reference else { return }
            let hash = record.hash(identity.hashSecret)
            if wanted[hash]?.contains(record.sequenceNumber) == true {
                live.hold(hash, record.sequenceNumber, record.location)
            }
        }
        self.live = live
    }

    /// Visits the records of the chain, and of all sealed segments with a readable footer. The others have findings
    /// already.
    private func forEachRecord(_ body: (CheckOutcome.Record) -> Void) {
        let footers = LogFooters(identity: identity)
        for segment in manifest.segments where segment.footerOffset < LogPosition.offsetLimit {
            guard let records = try? records(of: segment, footers) else { continue }
            records.forEach(body)
        }
        chain.forEach(body)
    }

    private func records(of segment: Manifest.Segment, _ footers: LogFooters) throws -> [CheckOutcome.Record] {
        var records: [CheckOutcome.Record] = []
        unsafe try footers.forEachEntry(of: segment) { entry, key, origin in
            guard entry.kind.isCopied else { return }
            var entry = entry
            entry.key = unsafe Array(key)
            entry.origin = unsafe Array(origin)
            records.append(CheckOutcome.Record(entry, segment: segment.name.identifier))
        }
        return records
    }

    // MARK: Groups

    /// Finds the members of the groups that are kept. They are live, whatever came after them.
    private mutating func restoreGroups() {
        var groups = possibleGroups()
        var wanted: [SequenceNumber: (group: Int, member: Int)] = [:]
        for (index, group) in groups.enumerated() {
            for (place, member) in group.members.enumerated() { wanted[member.number] = (index, place) }
        }
        forEachRecord { record in
            guard let (group, member) = wanted[record.sequenceNumber],
                record.kind == .value || record.kind == .reference, !live.isFreed(record),
                record.hash(identity.hashSecret) == groups[group].members[member].hash
            else { return }
            groups[group].members[member].location = record.location
        }
        for group in groups where !live.isEnded(group) {
            if let missing = group.members.first(where: { $0.location == nil }) {
                // An older group may be from when its level kept fewer, or may have been over its age.
                if isNewest(group) { groupFindings.append(finding(group, lacks: missing)) }
            } else {
                live.insert(group)
            }
        }
        live.settleGroups()
    }

    /// Whether no other group of its name was taken later. The level can then not have given its members up.
    private func isNewest(_ group: LiveRecords.Group) -> Bool {
        live.greatest(group.name) == group.record.sequenceNumber
    }

    /// The groups that are kept and may have all of their members. If more members are listed than there are records,
    /// groups that lack some are sorted out first: somebody can make lists that fill the memory.
    private mutating func possibleGroups() -> [LiveRecords.Group] {
        let (kept, recordCount) = keptGroups()
        let counts = kept.map { members(at: $0.record.location)?.keys.count ?? 0 }
        guard counts.reduce(0, +) > recordCount else { return kept.compactMap { group($0.name, $0.record) } }
        var ranges = MemberRanges(zip(kept, counts).map { ($0.record.sequenceNumber, $1) })
        forEachRecord { ranges.note($0.sequenceNumber) }
        let complete = ranges.complete
        var possible: [LiveRecords.Group] = []
        for (index, (name, record)) in kept.enumerated() {
            guard let group = group(name, record) else { continue }
            if complete.contains(index) {
                possible.append(group)
            } else if !live.isEnded(group), isNewest(group) {
                groupFindings.append(finding(group, lacks: nil))
            }
        }
        return possible
    }

    private func keptGroups() -> (groups: [(name: KeyHash, record: CheckOutcome.Record)], recordCount: Int) {
        var kept: [SequenceNumber: (KeyHash, CheckOutcome.Record)] = [:]
        var recordCount = 0
        forEachRecord { record in
            recordCount += 1
            guard record.kind == .group else { return }
            let hash = record.hash(identity.hashSecret)
            if live.keeps(hash, record.sequenceNumber) { kept[record.sequenceNumber] = (hash, record) }
        }
        return (Array(kept.values), recordCount)
    }

    /// The group with its members; nil if its list cannot be read, which is a finding about its frame.
    private func group(_ name: KeyHash, _ record: CheckOutcome.Record) -> LiveRecords.Group? {
        guard let list = members(at: record.location) else { return nil }
        var members: [LiveRecords.Member] = []
        for (index, key) in list.keys.enumerated() {
            guard let number = list.sequenceNumber(at: index, of: record.sequenceNumber) else { return nil }
            let hash = unsafe key.withUnsafeBytes {
                unsafe KeyHash(identity.hashSecret, level: record.level, origin: .empty, key: $0)
            }
            members.append(LiveRecords.Member(key: key, hash: hash, number: number))
        }
        return LiveRecords.Group(name: name, record: record, members: members)
    }

    private func members(at location: FrameLocation) -> GroupMembers? {
        guard let file = try? identity.directory.openFile(name(of: location.segment), .read) else {
            return nil
        }
        defer { file.close() }
        return try? unsafe FrameReader.withFrame(
            at: location, in: file, seed: identity.seed(of: location.segment)
        ) { unsafe GroupMembers(Array($1)) }
    }

    private func name(of segment: SegmentNumber) -> SegmentName {
        manifest.segments.first { $0.name.identifier == segment }?.name ?? SegmentName(segment, .log)
    }

    private func finding(_ group: LiveRecords.Group, lacks member: LiveRecords.Member?) -> VerificationFinding {
        var finding = VerificationFinding(
            .damage, name(of: group.record.location.segment).fileName, offset: group.record.location.offset,
            "a group lacks a member",
            expected: member.map { "key \"\(VerificationFinding.text($0.key))\", number \($0.number)" })
        finding.lost = [VerificationFinding.Lost(group.record)]
        return finding
    }

    // MARK: Liveness

    /// States for each finding about a frame which live checkpoint it costs.
    mutating func judge(_ outcomes: [CheckOutcome]) -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        let unkept = filesThatNothingKept(outcomes)
        for item in outcomes.lazy.flatMap(\.items) {
            var finding = item.finding
            if unkept.contains(finding.file) { finding.severity = .note }
            if let record = item.record, finding.lost.isEmpty {
                if live.isLive(record) {
                    finding.lost = [VerificationFinding.Lost(record)]
                } else {
                    finding.isHarmless = true
                }
            }
            findings.append(finding)
        }
        for outcome in outcomes {
            guard var finding = outcome.chainDamage else { continue }
            // After they were added to the others, the dead ones among the lost can be told apart.
            for record in outcome.lostRecords { live.insert(record) }
            live.settleGroups()
            let lost = outcome.lostRecords.filter(live.isLive)
            finding.lost = lost.prefix(CheckOutcome.itemLimit).map(VerificationFinding.Lost.init) + finding.lost
            if lost.count > CheckOutcome.itemLimit {
                let numbers = lost[CheckOutcome.itemLimit...].map(\.sequenceNumber)
                let (low, high) = (numbers.min() ?? numbers[0], numbers.max() ?? numbers[0])
                finding.lost.append(.numbers("\(low)…\(high)"))
            }
            finding.isHarmless = finding.lost.isEmpty
            findings.append(finding)
        }
        return findings
    }

    /// The files of values that were superseded before anything required them to be durable. A power cut may have taken
    /// them, and the next writer declares them freed.
    private func filesThatNothingKept(_ outcomes: [CheckOutcome]) -> Set<String> {
        let references = outcomes.lazy.flatMap(\.references)
        return Set(
            references.filter { $0.record.flags.contains(.unsynced) && !live.isLive($0.record) }
                .map { SegmentName($0.reference.segment, .value).fileName })
    }

    // MARK: Snapshot

    /// Compares the snapshot, brought up to date, with the index that all frames give.
    ///
    /// - Parameter isExact: whether to compare keys and live bytes too, and not only whether the snapshot can be used.
    func checkSnapshot(isExact: Bool) throws(FileSystemError) -> [VerificationFinding] {
        try Self.checkSnapshot(identity, manifest, self, isExact: isExact)
    }

    /// Whether the snapshot, if there is one, can be used.
    static func checkSnapshot(
        _ identity: LogIdentity, _ manifest: Manifest, _ index: RebuiltIndex? = nil, isExact: Bool = false
    ) throws(FileSystemError) -> [VerificationFinding] {
        let kept = RecordCatalog(
            hashSecret: identity.hashSecret, retentions: Retentions(manifest.policies))
        switch try IndexSnapshot.read(into: kept, manifest: manifest, identity: identity) {
        case .absent: return []
        case .outdated:
            return [
                VerificationFinding(
                    .note, FileName.snapshot, "the index snapshot is of an earlier state of the log, and is not used")
            ]
        case .damaged:
            return [Self.damagedSnapshot]
        case .usable(let snapshot):
            defer { snapshot.close() }
            do {
                // Nothing is left out yet.
                try CatalogFeed(kept, isUpdate: false, tables: snapshot.tables(of: nil), laneCount: 2).flush()
            } catch StoredTables.Fault.disk(let error) {
                throw error
            } catch {
                return [Self.damagedSnapshot]
            }
            guard let index, isExact else { return [] }
            return index.differences(kept, snapshot.covered)
        }
    }

    private static let damagedSnapshot = VerificationFinding(
        .rebuildable, FileName.snapshot, "the index snapshot is damaged or not this log's")

    private func differences(_ kept: RecordCatalog, _ covered: Set<IndexSnapshot.Covered>) -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        var counted: [SegmentNumber: Int] = [:]
        kept.index.forEach { _, entry, _ in counted[entry.location.segment, default: 0] += entry.location.byteCountBound
        }
        // Compaction chooses segments by these counts, and then asks of each record whether it is live. A wrong count
        // only costs copying.
        for (segment, byteCount) in counted.sorted(by: { $0.key < $1.key })
        where kept.usage.liveByteCount(of: segment) < byteCount {
            findings.append(
                VerificationFinding(
                    .note, FileName.snapshot,
                    "the index snapshot counts too few live bytes in segment \(segment)",
                    expected: "\(byteCount) or more", actual: "\(kept.usage.liveByteCount(of: segment))"))
        }
        let coveredSegments = Set(covered.map(\.segment))
        forEachRecord { record in
            if !coveredSegments.contains(record.location.segment) { _ = record.withCatalogRecord(kept.update) }
        }
        kept.removeEntries(
            outside: chain.map(\.location.segment) + manifest.segments.map(\.name.identifier), laneCount: 1)
        kept.settleFreedValues()
        var count = 0
        live.forEachKey { hash, newest in
            // An older version may be over its level's age: one of the two may have given it up, and the other not yet.
            let record = kept.index.newestRecord(hash).flatMap { $0.isRemoval ? nil : $0.sequenceNumber }
            guard record != newest else { return }
            // A key that has nothing left may have removals of versions in the log that the index has given up, or has
            // never taken since newer records were there, which compaction has dropped since.
            if kept.index.newest(hash) != nil || live.newest(hash) != nil { count += 1 }
        }
        kept.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, entry.sequenceNumber > kept.index.floor(of: hash.level) else { return }
            if !live.knows(hash) { count += 1 }
        }
        if count > 0 {
            findings.append(
                VerificationFinding(
                    .rebuildable, FileName.snapshot, "the index snapshot differs from the log",
                    expected: "the newest record of every key", actual: "\(count) keys with another"))
        }
        return findings
    }
}

extension CheckOutcome.Record {
    /// Calls `body` with the record in the form that recovery's index takes.
    fileprivate func withCatalogRecord<Result>(_ body: (CatalogRecord) -> Result) -> Result {
        unsafe key.withUnsafeBytes { key in
            unsafe origin.withUnsafeBytes { origin in
                unsafe body(
                    CatalogRecord(
                        kind: kind, level: level, sequenceNumber: sequenceNumber, location: location, key: key,
                        origin: origin,
                        value: valueSegment == 0 ? nil : ValueFile(segment: valueSegment, byteCount: 0),
                        isMarked: flags.contains(.marked)))
            }
        }
    }
}
