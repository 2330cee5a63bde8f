import SystemPackage

/// Keeps the catalog of a read-only opening up with a log that another process writes and compacts. It changes nothing on
/// disk.
///
/// `POSITION` says whether anything was written. What is new is then read: footers of segments that the manifest came to list,
/// and the chain from where the last reading ended, to the written position while a writer holds the lock, else to where
/// recovery would say that the log ends.
package final class LogFollower: Sendable {
    private struct State {
        var position: PositionPage.Content?
        var manifest: Manifest
        /// The segments whose records the catalog may have been told of, also by attempts that ended in an error.
        var told: Set<SegmentName>
        /// Everything in the chain before it is in the catalog.
        var end: LogPosition?
        /// Whether a segment with a number below `end` came to the log since `end` was last asked for: positions then do not
        /// tell what is new.
        var hasLateSegment = false
        /// Whether a group was read whose members were not looked up: the attempt that read it ended in an error.
        var owesGroups = false
        /// The greatest append number that was read.
        var highestNumber: SequenceNumber
    }

    /// Attempts that may fail while the manifest stays as it is: a file can go before the edit that says so is seen.
    package static let attemptsAtRest = 5
    /// Attempts while each finds that the manifest was replaced meanwhile. A writer of the smallest segments rolls and compacts about
    /// as fast as a reader reads, so that some attempts in a row can be lost; every one of them is a change of the log.
    package static let attempts = 200

    private let identity: LogIdentity
    private let catalog: RecordCatalog
    private let files: SegmentFiles
    private let isSalvage: Bool
    private let state: Lock<State>

    package init(
        identity: LogIdentity, manifest: Manifest, catalog: RecordCatalog, files: SegmentFiles, isSalvage: Bool,
        position: PositionPage.Content?, chain: [SegmentName], outcome: ChainReader.Outcome
    ) {
        self.identity = identity
        self.catalog = catalog
        self.files = files
        self.isSalvage = isSalvage
        state = Lock(
            State(
                position: position, manifest: manifest,
                told: Set(chain).union(manifest.segments.map(\.name)), end: Self.resumePoint(outcome),
                highestNumber: outcome.highestNumber))
    }

    /// The sealed segments, as far as they are known.
    package var segments: [Manifest.Segment] { state.withLock { $0.manifest.segments } }

    /// All before the position is in the catalog, and every append number up to the highest. The position is nil when it does not
    /// tell what is new since the last call.
    package func takeProgress() -> (end: LogPosition?, highestNumber: SequenceNumber, hasLateSegment: Bool) {
        state.withLock { state in
            defer { state.hasLateSegment = false }
            return (state.end, state.highestNumber, state.hasLateSegment)
        }
    }

    /// Reads what is new since the last call.
    ///
    /// - Parameter isForced: whether to look also when `POSITION` says that nothing was written, because a file is gone.
    /// - Throws: `.damaged`, `.ioFailure`, as an opening for reading does.
    /// - Complexity: one read of `POSITION` when nothing was written; else O(n) in the new records.
    package func refresh(isForced: Bool) throws {
        try state.withLock { state in
            let position = try wrapping { () throws(FileSystemError) in try PositionPage.read(identity) }
            guard isForced || position != state.position else { return }
            for attempt in 1... {
                let before = generation
                do {
                    try catchUp(&state)
                    return
                } catch let error as CheckpointLogError where attempt < Self.attempts && Self.isRace(error) {
                    // A seal or a compaction went between the manifest that was read and the files it names.
                    if attempt >= Self.attemptsAtRest, generation == before { throw error }
                }
            }
        }
    }

    private var generation: UInt64? {
        (try? LogLoader.manifest(in: identity.directory, identity.fileSystem))?.generation
    }

    package static func isRace(_ error: CheckpointLogError) -> Bool {
        error.code == .damaged || (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
    }

    private func catchUp(_ state: inout State) throws {
        let fileSystem = identity.fileSystem
        let isWritten = try wrapping { () throws(FileSystemError) in
            try fileSystem.isLocked(identity.path(FileName.lock))
        }
        guard let manifest = try LogLoader.manifest(in: identity.directory, fileSystem) else {
            throw CheckpointLogError.notALog(path: identity.directory.string, "its manifest is gone.")
        }
        guard manifest.identifier == identity.identifier else {
            throw CheckpointLogError.notALog(
                path: identity.directory.string, "another log has taken its place; open that one.")
        }
        // Behind the manifest, whose compactions have dropped what is superseded by records up to here; before the files are listed. A
        // segment that is sealed and compacted in between is then missing from the chain, which is another attempt.
        let position = try wrapping { () throws(FileSystemError) in try PositionPage.read(identity) }
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(identity.directory, in: fileSystem)
        }
        let loader = LogLoader(
            identity: identity, manifest: manifest, directory: listing, catalog: catalog, isSalvage: isSalvage)
        let known = Set(state.manifest.segments.map(\.name))
        for segment in manifest.segments where !known.contains(segment.name) {
            files.add(segment.name)
            state.told.insert(segment.name)
            if let end = state.end, segment.name.role == .output, segment.name.identifier < end.segment {
                state.hasLateSegment = true
            }
            for entry in try loader.footer(of: segment).entries {
                SegmentFooter.withRecord(entry, of: segment.name.identifier) { record in
                    if catalog.update(record), record.kind == .group { state.owesGroups = true }
                }
            }
        }
        let chain = listing.chain(after: manifest)
        state.told.formUnion(chain)
        let outcome = try readChain(
            listing, manifest, position, stop: isWritten ? position?.written : nil, from: state.end, &state.owesGroups)
        if state.owesGroups {
            let whole = try readChain(
                listing, manifest, position, stop: isWritten ? position?.written : nil, from: nil, &state.owesGroups)
            try loader.restoreGroups(whole)
            state.owesGroups = false
        }
        // A segment of the chain may have been sealed and compacted since, and was then never seen in a manifest.
        let present = Set(manifest.segments.map(\.name)).union(chain)
        let gone = state.told.subtracting(present)
        if !gone.isEmpty {
            for name in gone { files.forget(name.identifier) }
            // What no footer gave another place is nowhere: the writer keeps less, or a removal's marker is gone, too.
            catalog.removeEntries(in: Set(gone.map(\.identifier)))
        }
        for name in chain { files.add(name) }
        state.told = present
        state.manifest = manifest
        state.position = position
        if let end = Self.resumePoint(outcome) { state.end = end }
        state.highestNumber = max(
            state.highestNumber, outcome.highestNumber,
            manifest.segments.map(\.highestSequenceNumber).max() ?? .init(rawValue: 0))
    }

    private func readChain(
        _ listing: LogDirectory, _ manifest: Manifest, _ position: PositionPage.Content?, stop: LogPosition?,
        from start: LogPosition?, _ sawGroup: inout Bool
    ) throws -> ChainReader.Outcome {
        // A resume point in a segment that is sealed by now is met by that segment's footer.
        let resume = start.flatMap { $0.segment > manifest.lastSealed ? $0 : nil }
        let reader = ChainReader(
            identity: identity, lastSealed: manifest.lastSealed, position: position, stop: stop, resume: resume)
        var found = false
        // Also when the reading ends in an error: what it read by then is known the next time.
        defer { if found { sawGroup = true } }
        let outcome = try reader.read(listing.chain(after: manifest)) { name, frame in
            let valueSegment = try frame.valueSegment()
            let isNew = unsafe catalog.update(
                CatalogRecord(
                    kind: frame.header.kind, level: frame.header.level, sequenceNumber: frame.header.sequenceNumber,
                    location: FrameLocation(
                        segment: name.identifier, offset: frame.offset, byteCount: frame.header.frameByteCount),
                    key: frame.key, origin: frame.origin, valueSegment: valueSegment))
            if isNew, frame.header.kind == .group { found = true }
        }
        if let damage = outcome.damage, !isSalvage {
            throw LogLoader(
                identity: identity, manifest: manifest, directory: listing, catalog: catalog, isSalvage: false
            ).damagedChain(at: damage, outcome)
        }
        return outcome
    }

    /// Where the next reading begins. It has to meet the roll frame of a segment whose successor was not there yet: from behind it,
    /// nothing would tell that the log goes on in another segment.
    private static func resumePoint(_ outcome: ChainReader.Outcome) -> LogPosition? {
        outcome.parts.last.map { part in
            let end = part.isRolled ? part.end - FrameHeader.byteCount : part.end
            return LogPosition(segment: part.name.identifier, offset: end)
        }
    }
}
