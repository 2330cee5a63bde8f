import SystemPackage

/// Rebuilds the catalog from what is on disk, and changes nothing there: footers of sealed segments, then the chain.
package struct LogLoader {
    package let identity: LogIdentity
    package let manifest: Manifest
    package let directory: LogDirectory
    package let catalog: RecordCatalog
    /// Whether damage is noted and gone around, rather than thrown.
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

    /// Tells the catalog of every record; the outcome says how the chain ends.
    package func load(
        position: PositionStatement?, stop: LogPosition? = nil, into report: inout RecoveryReport
    ) throws -> ChainReader.Outcome {
        if let error = olderManifest(position) {
            guard isSalvage else { throw error }
            report.damage.append(error)
        }
        report.foreignFiles = directory.foreign
        report.segmentCount = manifest.segments.count
        let covered = try wrapping { () throws(FileSystemError) in
            try IndexSnapshot.read(into: catalog, manifest: manifest, identity: identity)
        }
        report.usedSnapshot = covered != nil
        // Removals of all go through the whole index each: the newest first, the others have nothing left to do.
        var removals: [CatalogRecord] = []
        // Beside a snapshot a record may be known already, and may have moved since.
        func insert(_ record: CatalogRecord) {
            if record.kind == .removalOfAll {
                // Its key and origin are empty; the bytes they point into are gone by then.
                unsafe removals.append(
                    CatalogRecord(
                        kind: record.kind, level: record.level, sequenceNumber: record.sequenceNumber,
                        location: record.location, key: .empty, origin: .empty))
            } else if covered == nil {
                catalog.insert(record)
            } else {
                _ = catalog.update(record)
            }
        }
        try loadSealed(covered, &report, insert)
        if covered != nil {
            // What stood in segments that are gone was dead, or was found anew in the ones that took their place.
            let chain = directory.chain(after: manifest).map(\.identifier)
            catalog.removeEntries(outside: Set(manifest.segments.map(\.name.identifier) + chain))
        }
        let reader = ChainReader(
            identity: identity, lastSealed: manifest.lastSealed, position: position, stop: stop)
        var outcome = try reader.read(directory.chain(after: manifest)) { name, frame in
            let valueSegment = try frame.valueSegment()
            unsafe insert(
                CatalogRecord(
                    kind: frame.header.kind, level: frame.header.level, sequenceNumber: frame.header.sequenceNumber,
                    location: FrameLocation(
                        segment: name.identifier, offset: frame.offset, byteCount: frame.header.frameByteCount),
                    key: frame.key, origin: frame.origin, valueSegment: valueSegment))
            report.recordCount += 1
        }
        for record in removals.sorted(by: { $0.sequenceNumber > $1.sequenceNumber }) {
            if covered == nil { catalog.insert(record) } else { _ = catalog.update(record) }
        }
        try judge(&outcome, &report)
        try restoreGroups(outcome) { error in
            let isKnown = report.damage.contains { $0.location?.path == error.location?.path }
            if !isKnown { report.damage.append(error) }
        }
        return outcome
    }

    /// Tells of every record of the segments that the snapshot does not cover, and checks that all of them are there.
    private func loadSealed(
        _ covered: Set<IndexSnapshot.Covered>?, _ report: inout RecoveryReport, _ insert: (CatalogRecord) -> Void
    ) throws {
        let footers = LogFooters(identity: identity)
        for segment in manifest.segments {
            do {
                let name = segment.name.identifier
                if covered?.contains(.init(segment: name, footerCRC: segment.footerCRC)) == true {
                    try footers.check(segment)
                    report.recordCount += segment.entryCount
                    continue
                }
                let entries = try footers.footer(of: segment).entries
                for entry in entries { SegmentFooter.withRecord(entry, of: name, insert) }
                report.recordCount += entries.count
                report.replayedByteCount += segment.byteCount
            } catch let error as CheckpointLogError where error.code == .damaged && isSalvage {
                report.damage.append(error)
            }
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

    package func footer(of segment: Manifest.Segment) throws -> SegmentFooter {
        try LogFooters(identity: identity).footer(of: segment)
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
