import Logging
import SystemPackage

/// Keeps the catalog of an opening for reading up to date with a log that another process writes and compacts. It
/// changes nothing on the disk.
///
/// `POSITION`, the manifest's generation and the lock show whether anything is new. The follower then reads the footers
/// of new segments in the manifest, and the chain from where the last reading ended. While a writer appends, it reads
/// up to the written position; otherwise, and while a writer still recovers, up to where recovery would end the log.
package final class LogFollower: Sendable {
    struct State {
        var position: PositionStatement?
        /// Whether a writer was appending. If it has died since, more counts than what it had stated.
        var isWritten: Bool
        var manifest: Manifest
        /// The segments whose records may be in the catalog, also through attempts that failed.
        var told: Set<SegmentName>
        /// Everything in the chain before it is in the catalog.
        var end: LogPosition?
        /// Whether nothing was put in the manifest between its reading and that of the position: a large batch in it
        /// follows what the position says, and is followed by nothing else.
        var isOneMoment = false
        /// Whether a group was read whose members were not looked up, because the attempt failed.
        var owesGroups = false
        /// The greatest append number that was read.
        var highestNumber: SequenceNumber
    }

    /// How often an attempt may fail while the manifest stays the same: a file can disappear before the edit that
    /// removes it is visible.
    package static let attemptsAtRest = 5
    /// Attempts while each finds that the manifest was replaced meanwhile. A writer of the smallest segments rolls and
    /// compacts about as fast as a reader reads, so that some attempts in a row can be lost; every one of them is a
    /// change of the log.
    package static let attempts = 200

    let identity: LogIdentity
    let configuration: Configuration
    let isSalvage: Bool
    let state: Lock<State>
    private let current: Lock<LogView>

    /// Reads the log as it is now.
    package init(
        _ identity: LogIdentity, _ configuration: Configuration, isSalvage: Bool, known: Manifest,
        into report: inout RecoveryReport
    ) throws {
        self.identity = identity
        self.configuration = configuration
        self.isSalvage = isSalvage
        let (state, view) = try Self.read(
            identity, configuration, isSalvage: isSalvage, known: known, into: &report)
        self.state = Lock(state)
        current = Lock(view)
    }

    /// The view of the log after the last refresh.
    package var view: LogView { current.withLock { $0 } }

    private static func read(
        _ identity: LogIdentity, _ configuration: Configuration, isSalvage: Bool, known: Manifest, number: Int = 0,
        into report: inout RecoveryReport
    ) throws -> (State, LogView) {
        let isWritten = try wrapping { () throws(FileSystemError) in
            try identity.directory.isAnnounced(FileName.lock)
        }
        // In this order, as in `catchUp`: what a compaction has dropped is superseded by records up to the position.
        let manifest = try Manifest.read(in: identity.directory) ?? known
        let view = LogView(identity, configuration, LogPolicies(manifest.policies, configuration), number: number)
        var position = try wrapping { () throws(FileSystemError) in try PositionStatement.read(identity) }
        if !isWritten { position = position?.possible(in: manifest) }
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(identity.directory) }
        let loader = LogLoader(
            identity: identity, manifest: manifest, directory: listing, catalog: view.catalog, isSalvage: isSalvage)
        let outcome = try loader.load(position: position, stop: isWritten ? position?.written : nil, into: &report)
        for segment in manifest.segments { view.files.add(segment.name) }
        let state = State(
            position: position, isWritten: isWritten, manifest: manifest,
            told: Set(listing.chain(after: manifest)).union(manifest.segments.map(\.name)),
            end: Self.resumePoint(outcome), highestNumber: outcome.highestNumber)
        return (state, view)
    }

    /// Whether the log is no longer what was read: its directory was restored from a backup, or another opening has
    /// changed what it keeps.
    private func isOver(_ state: State, _ manifest: Manifest, _ position: PositionStatement?) -> Bool {
        if manifest.policies != state.manifest.policies || manifest.generation < state.manifest.generation {
            return true
        }
        if let opening = state.manifest.newestOpening {
            if manifest.ancestry(of: opening) != .descends { return true }
        } else if manifest.newestOpening != nil {
            return true
        }
        guard let before = state.position?.written, let now = position?.written else { return false }
        return now < before
    }

    /// Drops the old view and reads the log as it is now. Calls under way with the old view find either the old files,
    /// or that they are gone.
    private func startAnew(_ state: inout State, _ manifest: Manifest) throws {
        configuration.logger?.notice(
            "the log is not what this reader has read: its directory was put back, or it keeps other versions now",
            metadata: ["directory": "\(identity.directory.path)"])
        var report = RecoveryReport()
        let (fresh, view) = try Self.read(
            identity, configuration, isSalvage: isSalvage, known: manifest, number: view.number + 1, into: &report)
        state = fresh
        current.withLock { $0 = view }
    }

    /// The last opening for writing; nil if no writer has come that far.
    package var opening: Opening? { state.withLock { $0.manifest.newestOpening } }

    /// What the log says about an opening that its parent knows.
    package func ancestry(of opening: Opening) -> Opening.Ancestry {
        state.withLock { $0.manifest.ancestry(of: opening) }
    }

    /// The known sealed segments.
    package var segments: [Manifest.Segment] { state.withLock { $0.manifest.segments } }

    /// How far everything is in the catalog: all before the position, and every append number up to the highest; nil
    /// while that cannot be told, because a large batch may be under way.
    ///
    /// Such a batch has a file from before it takes its first number until the manifest lists it. So when what was read
    /// holds a later number, either the file is there now, or the manifest is another than the one that was read, or
    /// this reading has the batch.
    package func settledEnd() throws -> (position: LogPosition, number: SequenceNumber)? {
        try state.withLock { state in
            guard let end = state.end else { return nil }
            let known = Set(state.manifest.segments.map(\.name.identifier))
            let isSettled = try wrapping { () throws(FileSystemError) in
                // Files of a writer that is gone are remains: nothing will list them.
                let isWritten = try identity.directory.isLocked(FileName.lock)
                let outputs = try LogDirectory(identity.directory).outputs
                return !isWritten || known.isSuperset(of: outputs)
            }
            return isSettled && generation == state.manifest.generation ? (end, state.highestNumber) : nil
        }
    }

    /// Reads what is new since the last call.
    ///
    /// - Parameter isForced: whether to look also when `POSITION` says that nothing was written, because a file is
    ///   gone.
    /// - Throws: `.damaged`, `.ioFailure`, as an opening for reading does.
    /// - Complexity: one read each of `POSITION`, of the manifest's head and of the lock when nothing was written; else
    ///   O(n) in the new records.
    package func refresh(isForced: Bool) throws {
        try state.withLock { try refresh(&$0, isForced: isForced) }
    }

    func refresh(_ state: inout State, isForced: Bool) throws {
        let position = try wrapping { () throws(FileSystemError) in try PositionStatement.read(identity) }
        // A large batch is a change of the manifest alone.
        guard
            try isForced || position != state.position || readStamp() != state.manifest.stamp
                || isWritten() != state.isWritten
        else { return }
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

    var generation: UInt64? {
        (try? Manifest.read(in: identity.directory))?.generation
    }

    private func isWritten() throws -> Bool {
        try wrapping { () throws(FileSystemError) in
            try identity.directory.isAnnounced(FileName.lock)
        }
    }

    /// Which manifest is there now, unverified; nil when there is none.
    private func readStamp() throws -> Manifest.Stamp? {
        try wrapping { () throws(FileSystemError) in
            try Manifest.stamp(in: identity.directory)
        }
    }

    package static func isRace(_ error: CheckpointLogError) -> Bool {
        error.code == .damaged || (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
    }

    private func catchUp(_ state: inout State) throws {
        let isWritten = try isWritten()
        guard let manifest = try Manifest.read(in: identity.directory) else {
            throw CheckpointLogError.notALog(path: identity.directory.path.string, "its manifest is gone.")
        }
        guard manifest.identifier == identity.identifier else {
            throw CheckpointLogError.notALog(
                path: identity.directory.path.string, "another log has taken its place; open that one.")
        }
        // Behind the manifest, whose compactions have dropped what is superseded by records up to here; before the
        // files are listed. A segment that is sealed and compacted in between is then missing from the chain, which is
        // another attempt.
        let stated = try wrapping { () throws(FileSystemError) in try PositionStatement.read(identity) }
        state.isOneMoment = try readStamp() == manifest.stamp
        if isOver(state, manifest, stated) { return try startAnew(&state, manifest) }
        let view = view
        let position = isWritten ? stated : stated?.possible(in: manifest)
        let listing = try wrapping { () throws(FileSystemError) in try LogDirectory(identity.directory) }
        let loader = LogLoader(
            identity: identity, manifest: manifest, directory: listing, catalog: view.catalog, isSalvage: isSalvage)
        if !isSalvage, let error = loader.olderManifest(position) { throw error }
        let known = Set(state.manifest.segments.map(\.name))
        for segment in manifest.segments where !known.contains(segment.name) {
            view.files.add(segment.name)
            state.told.insert(segment.name)
            try LogFooters(identity: identity).forEachRecord(of: segment) { record in
                if view.catalog.update(record), record.kind == .group { state.owesGroups = true }
            }
        }
        let chain = listing.chain(after: manifest)
        state.told.formUnion(chain)
        let outcome = try readChain(
            listing, manifest, position, stop: isWritten ? position?.written : nil, from: state.end,
            view.catalog, &state.owesGroups)
        if state.owesGroups {
            let whole = try readChain(
                listing, manifest, position, stop: isWritten ? position?.written : nil, from: nil,
                view.catalog, &state.owesGroups)
            try loader.restoreGroups(whole) { _ in }
            state.owesGroups = false
        }
        try loader.restoreLabels(
            {
                try readChain(
                    listing, manifest, position, stop: isWritten ? position?.written : nil, from: nil,
                    view.catalog, &state.owesGroups)
            }, note: { _ in })
        // A segment of the chain may have been sealed and compacted since, and was then never seen in a manifest.
        let present = Set(manifest.segments.map(\.name)).union(chain)
        let gone = state.told.subtracting(present)
        if !gone.isEmpty {
            for name in gone { view.files.forget(name.identifier) }
            // What no footer gave another place is nowhere: the writer keeps less, or a removal's marker is gone, too.
            view.catalog.removeEntries(in: Set(gone.map(\.identifier)))
        }
        for name in chain { view.files.add(name) }
        state.told = present
        state.manifest = manifest
        state.position = stated
        state.isWritten = isWritten
        if let end = Self.resumePoint(outcome) { state.end = end }
        state.highestNumber = max(
            state.highestNumber, outcome.highestNumber,
            manifest.segments.map(\.highestSequenceNumber).max() ?? .init(rawValue: 0))
    }

    private func readChain(
        _ listing: LogDirectory, _ manifest: Manifest, _ position: PositionStatement?, stop: LogPosition?,
        from start: LogPosition?, _ catalog: RecordCatalog, _ sawGroup: inout Bool
    ) throws -> ChainReader.Outcome {
        // A resume point in a segment that is sealed by now is met by that segment's footer.
        let resume = start.flatMap { $0.segment > manifest.lastSealed ? $0 : nil }
        let reader = ChainReader(
            identity: identity, lastSealed: manifest.lastSealed, position: position, stop: stop, resume: resume)
        var found = false
        // Also when the reading ends in an error: what it read by then is known the next time.
        defer { if found { sawGroup = true } }
        let outcome = try reader.read(listing.chain(after: manifest)) { name, frame in
            let isNew = catalog.update(try CatalogRecord(frame, of: name.identifier))
            if isNew, frame.header.kind == .group { found = true }
        }
        if let damage = outcome.damage, !isSalvage {
            throw LogLoader(
                identity: identity, manifest: manifest, directory: listing, catalog: catalog, isSalvage: false
            ).damagedChain(at: damage, outcome)
        }
        return outcome
    }

    /// Where the next reading begins. It has to meet the roll frame of a segment whose successor was not there yet:
    /// from after it, nothing would tell that the log goes on in another segment.
    private static func resumePoint(_ outcome: ChainReader.Outcome) -> LogPosition? {
        outcome.parts.last.map { part in
            let end = part.isRolled ? part.end - FrameHeader.byteCount : part.end
            return LogPosition(segment: part.name.identifier, offset: end)
        }
    }
}
