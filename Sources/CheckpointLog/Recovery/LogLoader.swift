import SystemPackage

/// Rebuilds the catalog from the footers of sealed segments and the chain. It changes nothing on the disk.
package struct LogLoader {
    package let identity: LogIdentity
    package let manifest: Manifest
    package let directory: LogDirectory
    package let catalog: RecordCatalog
    /// Whether to note and skip damage. If false, damage throws.
    package let isSalvage: Bool

    package init(
        identity: LogIdentity, manifest: Manifest, directory: LogDirectory, catalog: RecordCatalog, isSalvage: Bool
    ) {
        self.identity = identity
        self.manifest = manifest
        self.directory = directory
        self.catalog = catalog
        self.isSalvage = isSalvage
    }

    /// What to say when `position` was told of a later manifest than this one: which files belong to the log is not
    /// known then.
    package func olderManifest(_ position: PositionStatement?) -> CheckpointLogError? {
        guard let known = position?.generation, known.isNewer(than: manifest.generation) else { return nil }
        return .damaged(
            "The manifest is older than one that was in force; put the right one back.",
            path: identity.path(FileName.manifest).string)
    }

    /// Adds every record to the catalog. The outcome says how the chain ends.
    package func load(
        position: PositionStatement?, stop: LogPosition? = nil, into report: inout RecoveryReport
    ) throws -> ChainReader.Outcome {
        if let error = olderManifest(position) {
            guard isSalvage else { throw error }
            report.damage.append(error)
        }
        report.foreignFiles = directory.foreign
        let before = report
        var outcome = try read(position: position, stop: stop, lostValue: nil, into: &report)
        // A live writer's values are in memory, and each was whole before its reference was written.
        while stop == nil, let lost = try firstLostValue(&outcome) {
            report = before
            catalog.removeAll()
            outcome = try read(position: position, stop: stop, lostValue: lost, into: &report)
        }
        try conclude(&outcome, into: &report)
        return outcome
    }

    /// Adds every record before `lostValue` to the catalog.
    private func read(
        position: PositionStatement?, stop: LogPosition?, lostValue: LogPosition?, into report: inout RecoveryReport
    ) throws -> ChainReader.Outcome {
        report.segmentCount = manifest.segments.count
        let reader = ChainReader(
            identity: identity, lastSealed: manifest.lastSealed, position: position, stop: stop, lostValue: lostValue)
        let found = try wrapping { () throws(FileSystemError) in
            try IndexSnapshot.read(into: catalog, manifest: manifest, identity: identity)
        }
        guard case .usable(let snapshot) = found else { return try read(reader, nil, &report) }
        defer { snapshot.close() }
        let before = report
        do {
            return try read(reader, snapshot, &report)
        } catch StoredTables.Fault.content {
            // A table is damaged. Everything that it knows is in the footers too.
            report = before
            catalog.removeAll()
            return try read(reader, nil, &report)
        } catch StoredTables.Fault.disk(let error) {
            throw CheckpointLogError(error)
        }
    }

    private func read(
        _ reader: ChainReader, _ snapshot: IndexSnapshot.Stored?, _ report: inout RecoveryReport
    ) throws -> ChainReader.Outcome {
        report.usedSnapshot = snapshot != nil
        var tables: StoredTables?
        if let snapshot {
            // What stood in segments that are gone was dead, or is found again in the ones that took their place.
            let segments = (manifest.segments.map(\.name) + directory.chain(after: manifest)).map(\.identifier)
            catalog.removeEntries(outside: segments, laneCount: identity.laneCount)
            tables = snapshot.tables(of: segments)
        }
        let isCovered = manifest.segments.map { segment in
            snapshot?.covered.contains(.init(segment: segment.name.identifier, footerCRC: segment.footerCRC)) == true
        }
        let toRead = zip(manifest.segments, isCovered).reduce(0) { $0 + ($1.1 ? 0 : $1.0.entryCount) }
        let laneCount = toRead < CheckpointIndex.parallelCount ? 1 : identity.laneCount
        // Beside a snapshot a record may be known already, and may have moved since.
        let feed = CatalogFeed(
            catalog, isUpdate: snapshot != nil, tables: tables, expecting: toRead, laneCount: identity.laneCount)
        let outcome = try read(reader, isCovered, laneCount: laneCount, feed, &report)
        try feed.flush()
        report.snapshotKeyCount = feed.storedKeyCount
        feed.removeAll()
        catalog.settleFreedValues()
        return outcome
    }

    private func conclude(_ outcome: inout ChainReader.Outcome, into report: inout RecoveryReport) throws {
        try judge(&outcome, &report)
        func note(_ error: CheckpointLogError) {
            let isKnown = report.damage.contains { $0.location?.path == error.location?.path }
            if !isKnown { report.damage.append(error) }
        }
        try restoreGroups(outcome, note: note)
        try restoreLabels({ [outcome] in outcome }, note: note)
    }

    /// What was read of a sealed segment, or of the chain.
    private struct Part {
        var recordCount = 0
        var replayedByteCount = 0
        var damage: CheckpointLogError?
        /// Of the chain alone.
        var outcome: ChainReader.Outcome?
    }

    /// Tells `feed` of every record that the snapshot does not cover, and checks that all sealed segments are there: a
    /// few segments at a time. What a sealed segment lacks is told before what the chain lacks.
    private func read(
        _ reader: ChainReader, _ isCovered: [Bool], laneCount: Int, _ feed: CatalogFeed,
        _ report: inout RecoveryReport
    ) throws -> ChainReader.Outcome {
        let segments = manifest.segments
        let chain = directory.chain(after: manifest)
        // The chain comes first, since it takes longer than any footer.
        let results = try Lanes.map(below: segments.count + 1, laneCount: laneCount) { [self] index in
            guard index > 0 else { return Result { try Self.read(reader, chain, feed) } }
            return .success(try read(segments[index - 1], isCovered: isCovered[index - 1], feed))
        }
        let parts = try results.map { try $0.get() }
        report.recordCount += parts.reduce(0) { $0 + $1.recordCount }
        report.replayedByteCount += parts.reduce(0) { $0 + $1.replayedByteCount }
        report.damage += parts.compactMap(\.damage)
        return parts.first?.outcome ?? ChainReader.Outcome()
    }

    private static func read(_ reader: ChainReader, _ chain: [SegmentName], _ feed: CatalogFeed) throws -> Part {
        var part = Part()
        part.outcome = try feed.withBatch { batch in
            try reader.read(chain) { name, frame in
                try feed.add(try CatalogRecord(frame, of: name.identifier), to: &batch)
                part.recordCount += 1
            }
        }
        return part
    }

    private func read(_ segment: Manifest.Segment, isCovered: Bool, _ feed: CatalogFeed) throws -> Part {
        let footers = LogFooters(identity: identity)
        do {
            if isCovered {
                try footers.check(segment)
                return Part(recordCount: segment.entryCount)
            }
            try feed.withBatch { batch in try footers.forEachRecord(of: segment) { try feed.add($0, to: &batch) } }
            return Part(recordCount: segment.entryCount, replayedByteCount: segment.byteCount)
        } catch let error as CheckpointLogError where error.code == .damaged && isSalvage {
            return Part(damage: error)
        }
    }

    /// Holds what the chain tells against the manifest; damage is thrown, or reported in a salvage.
    private func judge(_ outcome: inout ChainReader.Outcome, _ report: inout RecoveryReport) throws {
        for segment in manifest.segments {
            outcome.lastTimestamp = max(outcome.lastTimestamp, segment.newestTimestamp)
            outcome.highestNumber = max(outcome.highestNumber, segment.highestSequenceNumber)
        }
        if max(outcome.newestEpoch, outcome.highestNumber.epoch) >= manifest.nextEpoch {
            // Which outputs of later compactions belong to the log is not known.
            let error = CheckpointLogError.damaged(
                "The manifest is older than the log's last segment; put the right one back.",
                path: identity.path(FileName.manifest).string)
            guard isSalvage else { throw error }
            report.damage.append(error)
        }
        if let damage = outcome.damage {
            let error = damagedChain(at: damage, outcome)
            guard isSalvage else { throw error }
            report.damage.append(error)
        }
    }

    func damagedChain(at position: LogPosition, _ outcome: ChainReader.Outcome) -> CheckpointLogError {
        let name = SegmentName(position.segment, .log)
        let first = SequenceNumber(rawValue: outcome.highestNumber.rawValue + 1)
        let last = SequenceNumber(epoch: max(first.epoch, manifest.nextEpoch), count: 0)
        let lost = CheckpointLogError.LostRecord(level: nil, key: nil, sequenceNumbers: first...max(first, last))
        return CheckpointLogError.damaged(
            "\(outcome.damageReason). Nothing was changed. Open it read-only for salvage to get at the rest.",
            path: identity.path(name).string, offset: Int(position.offset), lost: [lost])
    }
}
