import SystemPackage

extension LogLoader {
    /// The first reference after what is known to be synced whose value did not reach the disk, although nothing newer
    /// of its key is in the log: the log ends there, as before a torn frame. FORMAT.md, "Values that were not synced".
    ///
    /// A version that a newer one has superseded is given up instead, and noted in `outcome`.
    ///
    /// - Throws: `.ioFailure`: what cannot be read is not missing.
    func firstLostValue(_ outcome: inout ChainReader.Outcome) throws -> LogPosition? {
        let files = SegmentFiles(identity)
        let chain = Set(outcome.parts.map(\.name.identifier))
        for version in catalog.unsyncedVersions where chain.contains(version.location.segment) {
            if let known = outcome.knownSynced, version.location.position < known { continue }
            // The end of a process tears nothing that was written: more than a look would make an opening wait.
            let isWritten = outcome.knownGood.map { version.location.position < $0 } ?? false
            if try Self.isThere(version, identity, files, isWhole: !isWritten) { continue }
            if version.isNewest { return try end(before: version.location.position, outcome, files) }
            catalog.giveUp(version)
            outcome.givenUp.append(version.segment)
        }
        return nil
    }

    /// Where the log ends if a lost value ends it at `end`. What that end cuts off supersedes nothing any more, and
    /// frees nothing: the values before it are judged again, the last one first.
    ///
    /// If there is any doubt whether something supersedes a value, the value is passed over: reading the log up to
    /// this end tells. So this only saves readings: without it there would be one for each value freed since the last
    /// sync.
    ///
    /// - Complexity: O(n log n) in the records of the chain.
    private func end(
        before end: LogPosition, _ outcome: ChainReader.Outcome, _ files: SegmentFiles
    ) throws -> LogPosition {
        let content = catalog.values.content
        let chain = Set(outcome.parts.map(\.name.identifier))
        let sealed = manifest.segments.map(\.highestSequenceNumber).max() ?? SequenceNumber(rawValue: 0)
        let candidates = content.references.filter { location, reference in
            reference.file.isUnsynced && chain.contains(location.segment) && location.position < end
                && outcome.knownSynced.map { location.position >= $0 } ?? true && reference.sequenceNumber > sealed
        }.sorted { $0.key.position > $1.key.position }
        guard !candidates.isEmpty else { return end }
        var superseders = Superseders(of: Set(candidates.map(\.value.hash)))
        try forEachChainRecord(outcome) { superseders.note($0, catalog.hashSecret) }
        superseders.sort()
        var end = end
        for (location, reference) in candidates {
            let freed = content.freed[reference.file.segment]
            let isFreed = freed.map { !chain.contains($0.segment) || $0.position < end } ?? false
            if isFreed || superseders.mayHold(reference, before: end) { continue }
            let version = RecordCatalog.UnsyncedVersion(newest: reference, at: location)
            let isWritten = outcome.knownGood.map { location.position < $0 } ?? false
            if try !Self.isThere(version, identity, files, isWhole: !isWritten) { end = location.position }
        }
        return end
    }

    /// The records of the chain that can supersede versions of some keys.
    private struct Superseders {
        private struct Place {
            var number: SequenceNumber
            var position: LogPosition
        }

        private var ofKey: [KeyHash: [Place]] = [:]
        private var ofAll: [Place] = []

        init(of keys: Set<KeyHash>) {
            for key in keys { ofKey[key] = [] }
        }

        mutating func note(_ record: CatalogRecord, _ secret: HashSecret) {
            var place = Place(number: record.sequenceNumber, position: record.location.position)
            switch record.kind {
            case .removalOfAll: ofAll.append(place)
            case .value, .reference, .removal, .versionRemoval:
                // What ends a version has that version's number.
                if record.kind == .versionRemoval { place.number = SequenceNumber(rawValue: place.number.rawValue + 1) }
                ofKey[record.hash(secret)]?.append(place)
            default: break
            }
        }

        mutating func sort() {
            ofAll.sort { $0.number < $1.number }
            for key in ofKey.keys { ofKey[key]?.sort { $0.number < $1.number } }
        }

        /// - Parameter end: not behind that of any call before.
        mutating func mayHold(_ reference: ValueTable.Reference, before end: LogPosition) -> Bool {
            while let last = ofAll.last, last.position >= end { ofAll.removeLast() }
            while let last = ofKey[reference.hash]?.last, last.position >= end { ofKey[reference.hash]?.removeLast() }
            let greatest = [ofAll.last, ofKey[reference.hash]?.last].compactMap { $0?.number }.max()
            return greatest.map { $0 > reference.sequenceNumber } ?? false
        }
    }

    /// Gives up the versions that an opening would bring back by keeping more than the log did, and whose values never
    /// reached the disk: nothing had to keep them.
    ///
    /// - Throws: `.ioFailure`.
    package static func giveUpLostValues(_ view: LogView, _ identity: LogIdentity) throws {
        for version in view.catalog.unsyncedVersions where !version.isNewest {
            if try !isThere(version, identity, view.files, isWhole: true) { view.catalog.giveUp(version) }
        }
    }

    /// - Parameter isWhole: whether every byte is looked at, rather than the length and the footer.
    private static func isThere(
        _ version: RecordCatalog.UnsyncedVersion, _ identity: LogIdentity, _ files: SegmentFiles, isWhole: Bool
    ) throws -> Bool {
        guard let reference = try reference(of: version, identity, files) else { return true }
        do {
            let reader = try LargeValueReader(reference, identity: identity, byteLimit: ValueReference.contentByteLimit)
            defer { reader.close() }
            if isWhole { try reader.check() }
            return true
        } catch let error as FileSystemError where error.code == .noSuchFileOrDirectory {
            return false
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        } catch let error as CheckpointLogError where error.code == .damaged {
            return false
        }
    }

    /// Nil for a frame that is damaged, which whoever restores it is told.
    private static func reference(
        of version: RecordCatalog.UnsyncedVersion, _ identity: LogIdentity, _ files: SegmentFiles
    ) throws -> ValueReference? {
        let segment = version.location.segment
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: segment) }
        do {
            return unsafe try FrameReader.withFrame(
                at: version.location, in: file, seed: identity.seed(of: segment)
            ) { _, content in unsafe ValueReference(Array(content)) }
        } catch is FrameFault {
            return nil
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        }
    }
}
