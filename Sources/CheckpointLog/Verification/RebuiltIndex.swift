import SystemPackage

/// The index as footers and chain give it: what is live, whether groups are whole, and whether the snapshot says the
/// same.
///
/// Footers stand for the frames here: ``SegmentCheck`` compares each with the frames it lists, byte for byte.
struct RebuiltIndex {
    let identity: LogIdentity
    let manifest: Manifest
    let catalog: RecordCatalog
    private let chain: [CheckOutcome.Record]
    private(set) var groupFindings: [VerificationFinding] = []

    init(
        _ outcomes: [CheckOutcome], manifest: Manifest, identity: LogIdentity, keep: @escaping @Sendable (UInt8) -> Int
    ) {
        self.identity = identity
        self.manifest = manifest
        catalog = RecordCatalog(hashKey: identity.hashKey, keep: keep)
        chain = outcomes.flatMap(\.records)
        let catalog = catalog
        forEachRecord { record in catalog.insert(record) }
        restoreGroups()
    }

    /// Visits the records of all sealed segments whose list can be read, and of the chain. Others are findings already.
    private func forEachRecord(_ body: (CatalogRecord) -> Void) {
        let footers = LogFooters(identity: identity)
        for segment in manifest.segments where segment.footerOffset < LogPosition.offsetLimit {
            guard let footer = try? footers.footer(of: segment) else { continue }
            for entry in footer.entries where entry.kind.isRecord {
                SegmentFooter.withRecord(entry, of: segment.name.identifier, body)
            }
        }
        for record in chain { record.withCatalogRecord(body) }
    }

    // MARK: Groups

    private struct Group {
        var name: KeyHash
        var record: CheckOutcome.Record
        var members: [GroupTable.Member]
        var isEnded = false
    }

    /// Finds the members of the newest group of each name, which are live whatever came after them.
    private mutating func restoreGroups() {
        guard catalog.hasGroupFrames else { return }
        var groups = possibleGroups()
        var wanted: [SequenceNumber: (group: Int, member: Int)] = [:]
        var holders: [KeyHash: [Int]] = [:]
        for (index, group) in groups.enumerated() {
            for (place, member) in group.members.enumerated() {
                wanted[member.sequenceNumber] = (index, place)
                holders[member.hash, default: []].append(index)
            }
        }
        forEachRecord { record in
            if record.kind == .removal, !holders.isEmpty {
                for group in holders[record.hash(catalog.hashKey)] ?? []
                where groups[group].record.sequenceNumber < record.sequenceNumber {
                    // Removing a member ends the group.
                    groups[group].isEnded = true
                }
            }
            guard let (group, member) = wanted[record.sequenceNumber],
                record.hash(catalog.hashKey) == groups[group].members[member].hash
            else { return }
            groups[group].members[member].location = record.location
        }
        for group in groups where !group.isEnded {
            if let missing = group.members.first(where: { $0.location.bits == 0 }) {
                groupFindings.append(finding(group, lacks: missing))
                continue
            }
            for member in group.members where !catalog.index.holds(member.hash, member.sequenceNumber) {
                catalog.usage.add(member.location)
            }
            _ = catalog.groups.insert(
                group.name, GroupTable.Group(sequenceNumber: group.record.sequenceNumber, members: group.members))
        }
    }

    /// The newest group of each name whose members may all be there. A group that lacks some is judged by itself when
    /// more members are listed than there are records: lists can be made to fill the memory.
    private mutating func possibleGroups() -> [Group] {
        let (newest, recordCount) = newestGroups()
        let counts = newest.map { members(at: $0.record.location)?.keys.count ?? 0 }
        guard counts.reduce(0, +) > recordCount else { return newest.compactMap { group($0.name, $0.record) } }
        var ranges = MemberRanges(zip(newest, counts).map { ($0.record.sequenceNumber, $1) })
        var removals: [KeyHash: SequenceNumber] = [:]
        forEachRecord { record in
            ranges.note(record.sequenceNumber)
            guard record.kind == .removal else { return }
            let hash = record.hash(catalog.hashKey)
            removals[hash] = max(removals[hash] ?? record.sequenceNumber, record.sequenceNumber)
        }
        let complete = ranges.complete
        var possible: [Group] = []
        for (index, (name, record)) in newest.enumerated() {
            guard let group = group(name, record) else { continue }
            let number = record.sequenceNumber
            if complete.contains(index) {
                possible.append(group)
            } else if !group.members.contains(where: { removals[$0.hash, default: number] > number }) {
                groupFindings.append(finding(group, lacks: nil))
            }
        }
        return possible
    }

    private func newestGroups() -> (groups: [(name: KeyHash, record: CheckOutcome.Record)], recordCount: Int) {
        var newest: [KeyHash: CheckOutcome.Record] = [:]
        var recordCount = 0
        forEachRecord { record in
            recordCount += 1
            guard record.kind == .group else { return }
            let hash = record.hash(catalog.hashKey)
            guard catalog.index.newest(hash)?.sequenceNumber == record.sequenceNumber else { return }
            newest[hash] = CheckOutcome.Record(record)
        }
        return (newest.map { ($0.key, $0.value) }, recordCount)
    }

    /// The group with its members; nil for a list that cannot be read, which is a finding of its frame.
    private func group(_ name: KeyHash, _ record: CheckOutcome.Record) -> Group? {
        guard let list = members(at: record.location) else { return nil }
        var members: [GroupTable.Member] = []
        for (index, key) in list.keys.enumerated() {
            guard let number = list.sequenceNumber(at: index, of: record.sequenceNumber) else { return nil }
            let memberHash = unsafe key.withUnsafeBytes {
                unsafe KeyHash(catalog.hashKey, level: record.level, origin: .empty, key: $0)
            }
            members.append(
                GroupTable.Member(
                    key: key, hash: memberHash, sequenceNumber: number, location: FrameLocation(bits: 0)))
        }
        return Group(name: name, record: record, members: members)
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

    private func name(of segment: UInt32) -> SegmentName {
        manifest.segments.first { $0.name.identifier == segment }?.name ?? SegmentName(segment, .log)
    }

    private func finding(_ group: Group, lacks member: GroupTable.Member?) -> VerificationFinding {
        var finding = VerificationFinding(
            .damage, name(of: group.record.location.segment).fileName, offset: group.record.location.offset,
            "a group lacks a member",
            expected: member.map { "key \"\(VerificationFinding.text($0.key))\", number \($0.sequenceNumber)" })
        finding.lost = [VerificationFinding.Lost(group.record)]
        return finding
    }

    // MARK: Liveness

    /// Says of each finding about a frame what live checkpoint it costs.
    func judge(_ outcomes: [CheckOutcome]) -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        for item in outcomes.lazy.flatMap(\.items) {
            var finding = item.finding
            if let record = item.record, finding.lost.isEmpty {
                if isLive(record) {
                    finding.lost = [VerificationFinding.Lost(record)]
                } else {
                    finding.isHarmless = true
                }
            }
            findings.append(finding)
        }
        for outcome in outcomes {
            guard var finding = outcome.chainDamage else { continue }
            // Once they stand in the index, the dead among the lost are told from the live.
            for record in outcome.lostRecords { record.withCatalogRecord(catalog.insert) }
            let live = outcome.lostRecords.filter(isLive)
            finding.lost = live.prefix(CheckOutcome.itemLimit).map(VerificationFinding.Lost.init) + finding.lost
            if live.count > CheckOutcome.itemLimit {
                let numbers = live[CheckOutcome.itemLimit...].map(\.sequenceNumber)
                let (low, high) = (numbers.min() ?? numbers[0], numbers.max() ?? numbers[0])
                finding.lost.append(.numbers("\(low)…\(high)"))
            }
            finding.isHarmless = finding.lost.isEmpty
            findings.append(finding)
        }
        return findings
    }

    /// Whether the record holds something that can be restored. The end of a key stands in a footer too.
    private func isLive(_ record: CheckOutcome.Record) -> Bool {
        guard record.isCheckpoint else { return false }
        return record.withCatalogRecord(catalog.isLive)
    }

    // MARK: Snapshot

    /// Compares the snapshot, brought up to date, with the index that all frames give.
    ///
    /// - Parameter isExact: whether keys and live bytes are compared too, rather than only whether it can be used.
    func checkSnapshot(isExact: Bool) throws(FileSystemError) -> [VerificationFinding] {
        try Self.checkSnapshot(identity, manifest, self, isExact: isExact)
    }

    /// Whether the snapshot, if there is one, can be used.
    static func checkSnapshot(
        _ identity: LogIdentity, _ manifest: Manifest, _ index: RebuiltIndex? = nil, isExact: Bool = false
    ) throws(FileSystemError) -> [VerificationFinding] {
        do throws(FileSystemError) {
            try identity.directory.openFile(FileName.snapshot, .read).close()
        } catch  where error.code == .noSuchFileOrDirectory {
            return []
        }
        let kept = RecordCatalog(hashKey: identity.hashKey) { _ in 1 }
        guard let covered = try IndexSnapshot.read(into: kept, manifest: manifest, identity: identity) else {
            return [
                VerificationFinding(.rebuildable, FileName.snapshot, "the index snapshot is damaged or not this log's")
            ]
        }
        guard let index, isExact else { return [] }
        return index.differences(kept, covered)
    }

    private func differences(_ kept: RecordCatalog, _ covered: Set<IndexSnapshot.Covered>) -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        var live: [UInt32: Int] = [:]
        kept.index.forEach { _, entry, _ in live[entry.location.segment, default: 0] += entry.location.byteCountBound }
        // Compaction chooses by these counts and asks of each record whether it is live: a wrong one costs copying
        // alone.
        for (segment, byteCount) in live.sorted(by: { $0.key < $1.key })
        where kept.usage.liveByteCount(of: segment) < byteCount {
            findings.append(
                VerificationFinding(
                    .note, FileName.snapshot,
                    "the index snapshot counts too few live bytes in segment \(segment)",
                    expected: "\(byteCount) or more", actual: "\(kept.usage.liveByteCount(of: segment))"))
        }
        let coveredSegments = Set(covered.map(\.segment))
        forEachRecord { record in
            if !coveredSegments.contains(record.location.segment) { _ = kept.update(record) }
        }
        kept.removeEntries(
            outside: Set(chain.map(\.location.segment)).union(manifest.segments.map(\.name.identifier)))
        var count = 0
        catalog.index.forEach { hash, entry, isNewest in
            guard isNewest, entry.sequenceNumber > catalog.index.floor(of: hash.level) else { return }
            let expected = entry.isRemoval ? nil : entry.sequenceNumber
            if kept.index.newest(hash)?.sequenceNumber != expected { count += 1 }
        }
        kept.index.forEach { hash, entry, isNewest in
            guard isNewest, !entry.isRemoval, entry.sequenceNumber > kept.index.floor(of: hash.level) else { return }
            if catalog.index.newest(hash) == nil { count += 1 }
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
    init(_ record: CatalogRecord) {
        unsafe self.init(
            kind: record.kind, level: record.level, key: Array(record.key), origin: Array(record.origin),
            sequenceNumber: record.sequenceNumber, location: record.location, valueSegment: record.valueSegment)
    }

    func withCatalogRecord<Result>(_ body: (CatalogRecord) -> Result) -> Result {
        unsafe key.withUnsafeBytes { key in
            unsafe origin.withUnsafeBytes { origin in
                unsafe body(
                    CatalogRecord(
                        kind: kind, level: level, sequenceNumber: sequenceNumber, location: location, key: key,
                        origin: origin, valueSegment: valueSegment))
            }
        }
    }
}
