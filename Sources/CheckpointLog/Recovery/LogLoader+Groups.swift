import SystemPackage

extension LogLoader {
    /// Puts the groups together again that their levels keep. A group's frame lists its members' keys; their numbers
    /// are the ones before its own; where the index dropped a member as superseded, the segments are gone through once
    /// more for it.
    ///
    /// - Parameter note: told of each segment that cannot be gone through, in a salvage; without one the first is
    ///   thrown.
    func restoreGroups(_ outcome: ChainReader.Outcome, note: (CheckpointLogError) -> Void) throws {
        guard catalog.hasGroupFrames else { return }
        var groups: [(name: KeyHash, entry: IndexEntry, members: [GroupTable.Member])] = []
        var wanted: [SequenceNumber: (group: Int, member: Int)] = [:]
        var holders: [KeyHash: [Int]] = [:]
        var ended: Set<Int> = []
        for (hash, entry) in try possibleGroups(outcome, note) {
            let header: FrameHeader
            let members: GroupMembers
            do {
                (header, members) = try groupMembers(at: entry.location)
            } catch let error as CheckpointLogError where error.code == .damaged {
                catalog.groups.insert(
                    hash,
                    GroupTable.Group(
                        sequenceNumber: entry.sequenceNumber, location: entry.location, members: [], damage: error))
                continue
            }
            var list: [GroupTable.Member] = []
            for (index, key) in members.keys.enumerated() {
                guard let number = members.sequenceNumber(at: index, of: entry.sequenceNumber) else { break }
                let memberHash = unsafe key.withUnsafeBytes { bytes in
                    unsafe KeyHash(catalog.hashSecret, level: header.level, origin: .empty, key: bytes)
                }
                list.append(
                    GroupTable.Member(
                        key: key, hash: memberHash, sequenceNumber: number, location: FrameLocation(bits: 0)))
                wanted[number] = (groups.count, index)
                holders[memberHash, default: []].append(groups.count)
            }
            guard list.count == members.keys.count else { continue }
            groups.append((hash, entry, list))
        }
        guard !groups.isEmpty else { return }
        try forEachRecord(outcome) { record in
            if record.kind == .removal {
                // A member that was removed after the group was taken ends the group.
                for group in holders[record.hash(catalog.hashSecret)] ?? []
                where groups[group].entry.sequenceNumber < record.sequenceNumber {
                    ended.insert(group)
                }
            }
            guard let (group, member) = wanted[record.sequenceNumber],
                record.hash(catalog.hashSecret) == groups[group].members[member].hash
            else { return }
            switch record.kind {
            // A level that had given the group up did not say so of the group.
            case .versionRemoval: ended.insert(group)
            // What a level kept less of has lost values that a newer one wants.
            case .reference where record.value.map({ catalog.values.isFreed($0.segment) }) ?? false: break
            case .value, .reference: groups[group].members[member].location = record.location
            default: break
            }
        }
        for (index, group) in groups.enumerated()
        where !ended.contains(index) && group.members.allSatisfy({ $0.location.bits != 0 }) {
            for member in group.members where !catalog.index.holds(member.hash, member.sequenceNumber) {
                catalog.usage.add(member.location)
            }
            catalog.groups.insert(
                group.name,
                GroupTable.Group(
                    sequenceNumber: group.entry.sequenceNumber, location: group.entry.location, members: group.members))
        }
    }

    /// The group frames that are kept whose members may all be there, and those that cannot be read.
    ///
    /// A member is a record, and of one group only. Where more members are listed than there are records, some groups
    /// are at an end and their members gone, or their lists are made to fill the memory: then the records are counted
    /// before any list is kept.
    private func possibleGroups(
        _ outcome: ChainReader.Outcome, _ note: (CheckpointLogError) -> Void
    ) throws -> [(KeyHash, IndexEntry)] {
        let (frames, recordCount) = try groupFrames(outcome, note)
        // A list that cannot be read has no members; its damage is told later.
        let counts = frames.map { _, entry in (try? groupMembers(at: entry.location))?.1.keys.count ?? 0 }
        guard counts.reduce(0, +) > recordCount else { return frames }
        var ranges = MemberRanges(zip(frames, counts).map { ($0.1.sequenceNumber, $1) })
        try forEachRecord(outcome) { ranges.note($0.sequenceNumber) }
        let complete = ranges.complete
        return frames.indices.filter { counts[$0] == 0 || complete.contains($0) }.map { frames[$0] }
    }

    /// The group frames that are kept, and the count of all records.
    private func groupFrames(
        _ outcome: ChainReader.Outcome, _ note: (CheckpointLogError) -> Void
    ) throws -> (frames: [(KeyHash, IndexEntry)], recordCount: Int) {
        var kept: [SequenceNumber: (KeyHash, IndexEntry)] = [:]
        var recordCount = 0
        try forEachRecord(outcome, note) { record in
            recordCount += 1
            guard record.kind == .group else { return }
            let hash = record.hash(catalog.hashSecret)
            let number = record.sequenceNumber
            guard number > catalog.index.floor(of: record.level), let location = catalog.index.location(hash, number)
            else { return }
            kept[number] = (hash, IndexEntry(sequenceNumber: number, location: location))
        }
        return (kept.sorted { $0.key < $1.key }.map(\.value), recordCount)
    }

    /// Calls `body` with every record of the log.
    func forEachRecord(
        _ outcome: ChainReader.Outcome, _ note: (CheckpointLogError) -> Void = { _ in }, _ body: (CatalogRecord) -> Void
    ) throws {
        for segment in manifest.segments {
            do {
                try LogFooters(identity: identity).forEachRecord(of: segment, body)
            } catch let error as CheckpointLogError where error.code == .damaged && isSalvage {
                // Not known yet where a snapshot stood for the footer.
                note(error)
            }
        }
        try forEachChainRecord(outcome, body)
    }

    /// Calls `body` with every record of the chain, in the order of the log.
    func forEachChainRecord(_ outcome: ChainReader.Outcome, _ body: (CatalogRecord) -> Void) throws {
        for part in outcome.parts {
            let file = try wrapping { () throws(FileSystemError) in
                try identity.directory.openFile(part.name, .read)
            }
            defer { file.close() }
            let (footer, _) = try LogFooters.scan(part.name, file, end: part.end, identity: identity)
            LogFooters.forEachRecord(of: part.name.identifier, footer, body)
        }
    }

    private func groupMembers(at location: FrameLocation) throws -> (FrameHeader, GroupMembers) {
        unsafe try withFrame(at: location, "The list of a group's members cannot be read") { frame, content in
            guard frame.header.kind == .group, let members = unsafe GroupMembers(Array(content)) else {
                throw FrameFault.badField
            }
            return (frame.header, members)
        }
    }

    /// Calls `body` with the frame at `location` and its content, once both hold.
    ///
    /// - Parameter what: what is said where they do not.
    /// - Throws: `.damaged`, `.ioFailure`, what `body` throws.
    func withFrame<Result>(
        at location: FrameLocation, _ what: String, _ body: (FrameView, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        guard let name = directory.segments.first(where: { $0.identifier == location.segment }) else {
            throw CheckpointLogError.damaged(
                "\(what): its segment is missing; put it back.",
                path: identity.path(SegmentName(location.segment, .log)).string)
        }
        let file = try wrapping { () throws(FileSystemError) in try identity.directory.openFile(name, .read) }
        defer { file.close() }
        do {
            return unsafe try FrameReader.withFrame(
                at: location, in: file, seed: identity.seed(of: location.segment)
            ) { unsafe try body($0, $1) }
        } catch let fault as FrameFault {
            throw CheckpointLogError.damaged(
                "\(what): \(fault.rawValue).", path: file.path.string, offset: location.offset)
        }
    }
}
