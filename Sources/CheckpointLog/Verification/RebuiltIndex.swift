import SystemPackage

/// The index as the frames give it, for two questions: is a record live, and does the snapshot say the same.
struct RebuiltIndex {
    let identity: LogIdentity
    let manifest: Manifest
    let versionsKept: [Int: Int]

    /// What is the newest of each name, as the footers and the chain give it.
    private struct Numbers {
        var newest: [Name: [SequenceNumber]] = [:]
        var removed: [Name: SequenceNumber] = [:]
        var floors: [UInt8: SequenceNumber] = [:]
        /// Frames of groups, by name; only the newest counts.
        var groups: [Name: (number: SequenceNumber, location: FrameLocation)] = [:]
        /// Numbers of the members of newest groups.
        var held: [ClosedRange<SequenceNumber>] = []
    }

    private struct Name: Hashable {
        var level: UInt8
        var key: [UInt8]
        var origin: [UInt8]
        var space: KeyHash.Space
    }

    /// Says of each finding about a frame what live checkpoint it costs.
    func judge(_ outcomes: [CheckOutcome]) -> [VerificationFinding] {
        let items = outcomes.flatMap(\.items)
        guard items.contains(where: { $0.record != nil }) else { return items.map(\.finding) }
        let numbers = newestNumbers(outcomes)
        return items.map { item in
            var finding = item.finding
            guard let record = item.record, finding.lost.isEmpty else { return finding }
            if record.kind.isRecord, isLive(record, numbers) {
                finding.lost = [
                    VerificationFinding.Lost(
                        level: Int(record.level), key: String(decoding: record.key, as: UTF8.self),
                        origin: String(decoding: record.origin, as: UTF8.self),
                        sequenceNumber: "\(record.sequenceNumber)")
                ]
            } else {
                finding.isHarmless = true
            }
            return finding
        }
    }

    private func newestNumbers(_ outcomes: [CheckOutcome]) -> Numbers {
        var numbers = Numbers()
        func add(_ record: CatalogRecord) {
            let name = unsafe Name(
                level: record.level, key: Array(record.key), origin: Array(record.origin),
                space: KeyHash.Space(of: record.kind))
            let number = record.sequenceNumber
            switch record.kind {
            case .removalOfAll: numbers.floors[record.level] = max(numbers.floors[record.level] ?? number, number)
            case .removal: numbers.removed[name] = max(numbers.removed[name] ?? number, number)
            default: numbers.newest[name, default: []].append(number)
            }
            if record.kind == .group, numbers.groups[name].map({ $0.number < number }) ?? true {
                numbers.groups[name] = (number, record.location)
            }
        }
        for segment in manifest.segments {
            guard let footer = try? LogFooters(identity: identity).footer(of: segment) else { continue }
            for entry in footer.entries where entry.kind.isRecord {
                SegmentFooter.withRecord(entry, of: segment.name.identifier, add)
            }
        }
        let sealed = Set(manifest.segments.map(\.name.identifier))
        for record in outcomes.flatMap(\.records) where !sealed.contains(record.location.segment) {
            Self.withCatalogRecord(record, add)
        }
        for name in numbers.newest.keys { numbers.newest[name]?.sort(by: >) }
        for (_, group) in numbers.groups {
            let count = UInt64(memberCount(group.location) ?? GroupMembers.limit)
            let first = SequenceNumber(rawValue: group.number.rawValue - min(count, group.number.rawValue - 1))
            numbers.held.append(first...group.number)
        }
        return numbers
    }

    /// How many members the group's frame lists; nil when it cannot be read.
    private func memberCount(_ location: FrameLocation) -> Int? {
        let role = manifest.segments.first { $0.name.identifier == location.segment }?.name
        let name = role ?? SegmentName(location.segment, .log)
        guard let file = try? identity.fileSystem.openFile(identity.path(name), .read) else { return nil }
        defer { file.close() }
        return unsafe BufferPool.shared.withBuffer(byteCount: location.byteCountBound) { buffer in
            guard let count = try? unsafe file.read(into: buffer, at: location.offset) else { return nil }
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
            guard
                let header = try? unsafe FrameDecoder.header(
                    in: bytes, at: location.offset, seed: identity.seed(of: location.segment)),
                (try? unsafe FrameDecoder.checkPayload(of: header, in: bytes)) != nil
            else { return nil }
            let members = try? unsafe FrameDecoder.withContent(of: header, in: bytes) { unsafe GroupMembers(Array($0)) }
            return members?.keys.count
        }
    }

    /// Whether the record can still be restored, or keeps others removed.
    private func isLive(_ record: CheckOutcome.Record, _ numbers: Numbers) -> Bool {
        if record.kind == .removal || record.kind == .removalOfAll { return true }
        let name = Name(
            level: record.level, key: record.key, origin: record.origin, space: KeyHash.Space(of: record.kind))
        let number = record.sequenceNumber
        if [record.level, 0].contains(where: { numbers.floors[$0].map { $0 > number } ?? false }) { return false }
        if numbers.removed[name].map({ $0 > number }) ?? false { return false }
        if numbers.held.contains(where: { $0.contains(number) }) { return true }
        // Newest first, so the first that is not newer tells how many are.
        let newest = numbers.newest[name] ?? []
        let newer = newest.firstIndex { $0 <= number } ?? newest.count
        let kept = record.kind == .value || record.kind == .reference ? versionsKept[Int(record.level)] : 1
        return newer < kept ?? (record.level == 1 ? 1 : 2)
    }

    /// Whether the snapshot, if there is one, can be used.
    func checkSnapshot() -> [VerificationFinding] {
        let path = identity.path(FileName.snapshot)
        guard let file = try? identity.fileSystem.openFile(path, .read) else { return [] }
        file.close()
        let catalog = RecordCatalog(hashKey: identity.hashKey) { _ in 1 }
        let covered = try? IndexSnapshot.read(into: catalog, manifest: manifest, identity: identity)
        if covered == nil || covered == .some(nil) {
            return [
                VerificationFinding(.rebuildable, FileName.snapshot, "the index snapshot is damaged or not this log's")
            ]
        }
        return []
    }

    /// Compares the snapshot, brought up to date, with the index that all frames give.
    func compare(_ outcomes: [CheckOutcome], isWritten: Bool) -> [VerificationFinding] {
        let unusable = checkSnapshot()
        guard unusable.isEmpty, (try? identity.fileSystem.openFile(identity.path(FileName.snapshot), .read)) != nil
        else {
            return unusable
        }
        // A writer's snapshot may be newer than the manifest that was read.
        guard !isWritten, outcomes.allSatisfy({ $0.items.isEmpty }) else { return [] }
        let kept = RecordCatalog(hashKey: identity.hashKey) { _ in 1 }
        let covered = (try? IndexSnapshot.read(into: kept, manifest: manifest, identity: identity)) ?? nil
        let all = RecordCatalog(hashKey: identity.hashKey) { _ in 1 }
        let coveredSegments = Set((covered ?? []).map(\.segment))
        let chain = Set(outcomes.flatMap(\.records).map(\.location.segment))
        for record in outcomes.flatMap(\.records) {
            Self.withCatalogRecord(record) { catalogRecord in
                all.insert(catalogRecord)
                if !coveredSegments.contains(record.location.segment) { _ = kept.update(catalogRecord) }
            }
        }
        kept.removeEntries(outside: chain.union(manifest.segments.map(\.name.identifier)))
        var differences = 0
        all.index.forEach { hash, entry, isNewest in
            guard isNewest, entry.sequenceNumber > all.index.floor(of: hash.level) else { return }
            if entry.isRemoval {
                if kept.index.newest(hash) != nil { differences += 1 }
            } else if kept.index.newest(hash)?.sequenceNumber != entry.sequenceNumber {
                differences += 1
            }
        }
        guard differences > 0 else { return [] }
        return [
            VerificationFinding(
                .rebuildable, FileName.snapshot, "the index snapshot differs from the log",
                expected: "the newest record of every key", actual: "\(differences) keys with another")
        ]
    }

    private static func withCatalogRecord(_ record: CheckOutcome.Record, _ body: (CatalogRecord) -> Void) {
        unsafe record.key.withUnsafeBytes { key in
            unsafe record.origin.withUnsafeBytes { origin in
                unsafe body(
                    CatalogRecord(
                        kind: record.kind, level: record.level, sequenceNumber: record.sequenceNumber,
                        location: record.location, key: key, origin: origin, valueSegment: record.valueSegment))
            }
        }
    }
}
