package import Logging
import SystemPackage

/// Copies the live frames of sealed segments into a new segment, and removes the old segments.
///
/// This order keeps every record safe at every moment. The compactor decides which records are live. It syncs
/// everything appended until then, so that whatever superseded a dropped record is durable. It syncs the output,
/// renames it, and syncs the directory. One manifest edit replaces inputs by the output. Then it updates the index, and
/// unlinks the inputs.
package final class Compactor: Sendable {
    let identity: LogIdentity
    let manifest: ManifestFile
    let catalog: RecordCatalog
    let files: SegmentFiles
    let appender: LogAppender
    private let waitUntilSynced: @Sendable (LogPosition) throws -> Void
    private let control = Lock(Control())
    private let isThrottled: Bool
    private let logger: Logger?
    private let isRunning = Lock(false)
    let wins = Lock(0)
    let held: HeldFiles
    /// Only one compaction runs at a time.
    private let turn = Lock(())
    let remainder = Lock(Remainder())
    private let reserve: SpaceReserve

    private struct Control {
        var isStopping = false
        /// Callers that wait for a compaction.
        var waiting = 0

        var isUrgent: Bool { isStopping || waiting > 0 }
    }

    /// - Parameters:
    ///   - isThrottled: whether a compaction that nobody waits for rests for as long as it works.
    ///   - logger: gets a message at level `debug` for each complete output, before the manifest names it.
    package init(
        catalog: RecordCatalog, files: SegmentFiles, held: HeldFiles, appender: LogAppender, isThrottled: Bool,
        logger: Logger? = nil, waitUntilSynced: @escaping @Sendable (LogPosition) throws -> Void
    ) {
        identity = appender.identity
        manifest = appender.manifest
        reserve = appender.reserve
        self.catalog = catalog
        self.files = files
        self.held = held
        self.appender = appender
        self.isThrottled = isThrottled
        self.logger = logger
        self.waitUntilSynced = waitUntilSynced
    }

    package func stop() {
        control.withLock { $0.isStopping = true }
        control.wakeAll()
    }

    /// Rests for as long as the copying since `start` took, so that appends and reads have half of the disk and of a
    /// processor. It does not rest while somebody waits for the compaction.
    private func rest(since start: ContinuousClock.Instant) {
        let worked = ContinuousClock.now - start
        let (seconds, attoseconds) = worked.components
        let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        _ = control.wait(atMost: min(nanoseconds, 1_000_000_000)) { $0.isUrgent ? () : nil }
    }

    /// Whether a plan is being carried out.
    package var isCompacting: Bool { isRunning.withLock { $0 } }

    /// How many bytes to copy between two rests.
    private static let restByteCount = 1 << 20

    /// A frame that a compaction keeps.
    struct LiveFrame {
        var location: FrameLocation
        /// With its key, and without its origin.
        var entry: SegmentFooter.Entry
        var hash: KeyHash
        /// Whether the frame must stay on the disk, although the index no longer has it.
        var isKeptAnyway: Bool
    }

    struct Copy {
        var hash: KeyHash
        var old: FrameLocation
        var new: FrameLocation
        var sequenceNumber: SequenceNumber
        var isKeptAnyway: Bool
    }

    /// Bytes of frames that were left out where segments were sealed by copying: no opening has to read them.
    package var leftOutByteCount: Int { remainder.withLock { $0.leftOutByteCount } }

    /// How many compactions have left less than there was, and how often a holder of files let go. Counted before
    /// another one begins.
    package var winCount: Int { wins.withLock { $0 } + held.releaseCount }

    /// Runs `body` while no compaction does: entries then stand where the manifest says.
    package func whileIdle<Result>(_ body: () throws -> Result) rethrows -> Result {
        try turn.withLock { _ in try body() }
    }

    /// Carries out one plan; nil if there is nothing worth doing.
    package func runOnce(fully: Bool) throws -> CompactionOutcome? {
        if fully {
            control.withLock { $0.waiting += 1 }
            control.wakeAll()
        }
        defer { if fully { control.withLock { $0.waiting -= 1 } } }
        return try turn.withLock { _ in
            if control.withLock({ $0.isStopping }) || appender.failure != nil { return nil }
            let segments = manifest.current.segments
            guard let plan = try plan(segments, fully: fully) else { return nil }
            isRunning.withLock { $0 = true }
            defer { isRunning.withLock { $0 = false } }
            let rests = isThrottled && !plan.isUrgent
            let outcome = try reserve.spending(appender.gate) {
                try carryOut(plan, among: segments, rests: rests, mayStop: true)
            }
            if let outcome, outcome.outputByteCount < outcome.inputByteCount { wins.withLock { $0 += 1 } }
            return outcome
        }
    }

    /// Whether what an opening finds is worth compacting.
    package var isDue: Bool {
        turn.withLock { _ in
            guard let plan = (try? plan(manifest.current.segments, fully: false)) ?? nil else { return false }
            return isWorthClosingFor(plan)
        }
    }

    private func liveByteCount(of plan: CompactionPlan) -> Int {
        plan.inputs.reduce(0) { $0 + catalog.usage.liveByteCount(of: $1.name.identifier) }
    }

    /// Whether it wins enough for the syncs that it costs. A short run that leaves a few dead records need not wait for
    /// them each time.
    private func isWorthClosingFor(_ plan: CompactionPlan) -> Bool {
        let byteCount = plan.inputs.reduce(0) { $0 + $1.byteCount }
        return plan.inputs.count >= 8 || byteCount - liveByteCount(of: plan) >= 256 << 10
    }

    private func plan(_ segments: [Manifest.Segment], fully: Bool) throws -> CompactionPlan? {
        try VersionExpiry(catalog, now: appender.now())?.expire(in: segments, reading: nil)
        // On a full disk, an output for inputs that a snapshot holds would take room and win none.
        let isFull = !appender.gate.isOpen
        let remainder = remainder.withLock { $0.exclude(from: fully) }
        return CompactionPlan.plan(
            segments: segments.filter {
                !catalog.usage.isHeld($0.name.identifier) && !(isFull && held.holds($0.name.identifier))
                    && $0.name != remainder
            },
            liveByteCount: { catalog.usage.liveByteCount(of: $0) }, now: appender.now(),
            outputLimit: appender.limits.segmentByteCount, fully: fully)
    }

    /// How long a closing compacts at most, and how many live bytes it copies in that time.
    private static let closingTime = Duration.milliseconds(50)
    private static let closingByteCount = 8 << 20

    /// When a log closes, does what is due and quick: removes segments without live bytes, and makes one output.
    /// Otherwise a log that is only opened for short runs would never be compacted.
    package func finish() throws {
        let start = ContinuousClock.now
        try whileIdle {
            while ContinuousClock.now - start < Self.closingTime {
                let segments = manifest.current.segments
                guard let plan = try plan(segments, fully: false), isWorthClosingFor(plan),
                    liveByteCount(of: plan) <= Self.closingByteCount
                else { return }
                let outcome = try reserve.spending {
                    try carryOut(plan, among: segments, rests: false, mayStop: false)
                }
                guard let outcome, outcome.outputByteCount == 0 else { return }
            }
        }
    }

    /// Gives up every version in sealed segments that is over its level's age, by its own time.
    package func expireVersions() throws {
        try whileSealingPlainly {
            try VersionExpiry(catalog, now: appender.now())?.expire(
                in: manifest.current.segments, reading: LogFooters(identity: identity))
        }
    }

    /// Keeps as much disk as the next output may need, before the disk is full.
    package func keepReserve() {
        guard appender.failure == nil else { return }
        let sealed = manifest.current.segments.reduce(0) { $0 + $1.byteCount }
        let byteCount = SpaceReserve.byteCount(
            sealedByteCount: sealed, segmentByteCount: appender.limits.segmentByteCount)
        reserve.keep(byteCount: byteCount, for: appender.gate)
    }

    /// Gives back what the reserve has too much, for a log that closes.
    package func shrinkReserve() {
        if reserve.isThere { keepReserve() }
    }

    /// What becomes of the frames of a compaction's inputs.
    private struct Selection {
        var live: [LiveFrame] = []
        /// Removals, and frames of ended groups, that nothing needs any more.
        var droppedMarkers: [(hash: KeyHash, number: SequenceNumber, kind: RecordKind)] = []
        var droppedReferences: [FrameLocation] = []
        var droppedStatements: [FrameLocation] = []
    }

    private func select(from plan: CompactionPlan, among segments: [Manifest.Segment]) throws -> Selection {
        let loader = LogFooters(identity: identity)
        // A removal is needed while any older record may exist outside of what is rewritten here, and so is the frame
        // of a group that has ended: an older group of the name must not come back. It goes no later than the removal
        // that ended it, whose number is greater.
        let others = segments.filter { segment in !plan.inputs.contains { $0.name == segment.name } }
        let oldest = others.map(\.lowestSequenceNumber).min() ?? SequenceNumber(rawValue: .max)
        let epoch = appender.lastSequenceNumber.epoch
        let expiry = VersionExpiry(catalog, now: appender.now())
        var selection = Selection()
        // Markers that nothing needs, but for the groups that they end.
        var markers: [LiveFrame] = []
        // By level, the least number of an ended group that must stay.
        var hiding: [UInt8: SequenceNumber] = [:]
        for segment in plan.inputs {
            unsafe try loader.forEachEntry(of: segment) { entry, key, origin in
                guard entry.kind.isCopied else { return }
                let record = unsafe CatalogRecord(entry, of: segment.name.identifier, key: key, origin: origin)
                expiry?.expire(entry, record)
                let isLive = catalog.isLive(record)
                // The end of a version outlasts that version's frame, wherever it is.
                let isKeptAnyway =
                    !isLive && entry.kind.removesOne
                    && others.contains { $0.mayHold(entry.sequenceNumber) }
                if !isLive, !isKeptAnyway {
                    if entry.kind == .reference { selection.droppedReferences.append(record.location) }
                    if entry.kind == .freed { selection.droppedStatements.append(record.location) }
                    return
                }
                var entry = entry
                entry.key = unsafe Array(key)
                let frame = LiveFrame(
                    location: record.location, entry: entry, hash: record.hash(catalog.hashSecret),
                    isKeptAnyway: isKeptAnyway)
                if entry.kind == .removal || catalog.isSpentRemoval(record) || catalog.isEnded(record),
                    entry.sequenceNumber < oldest, entry.sequenceNumber.epoch < epoch
                {
                    markers.append(frame)
                    if catalog.hidesOlderGroups(record) {
                        hiding[entry.level] = min(hiding[entry.level] ?? entry.sequenceNumber, entry.sequenceNumber)
                    }
                } else {
                    selection.live.append(frame)
                }
            }
        }
        for frame in markers {
            // A group that stays is told to have ended by the removal of a member, whose number is greater.
            let tellsOfGroups = frame.entry.kind == .group || frame.entry.kind == .removal
            if tellsOfGroups, let least = hiding[frame.entry.level], least <= frame.entry.sequenceNumber {
                selection.live.append(frame)
            } else {
                selection.droppedMarkers.append((frame.hash, frame.entry.sequenceNumber, frame.entry.kind))
            }
        }
        return selection
    }

    private func carryOut(
        _ plan: CompactionPlan, among segments: [Manifest.Segment], rests: Bool, mayStop: Bool
    ) throws -> CompactionOutcome? {
        // Otherwise each file of a removed directory would be reported as missing.
        try wrapping { () throws(FileSystemError) in try manifest.requireInPlace() }
        let selection = try select(from: plan, among: segments)
        // Everything that superseded the dropped records is before this position.
        let position = appender.writtenPosition
        guard let (output, copies) = try write(selection.live, rests: rests, mayStop: mayStop) else { return nil }
        if let output {
            logger?.debug(
                "wrote the output of a compaction",
                metadata: ["segment": "\(output.name)", "bytes": "\(output.byteCount)"])
        }
        try waitUntilSynced(position)
        do throws(FileSystemError) {
            try manifest.edit { manifest in
                manifest.segments.removeAll { segment in plan.inputs.contains { $0.name == segment.name } }
                if let output { manifest.segments.append(output) }
            }
        } catch {
            // Otherwise each attempt on a full disk would leave a file behind.
            if let output, !error.isBehindRename { try? identity.directory.remove(output.name) }
            throw CheckpointLogError(error)
        }
        if let output { files.add(output.name) }
        for copy in copies {
            catalog.relocate(
                copy.hash, copy.sequenceNumber, from: copy.old, to: copy.new, isKeptAnyway: copy.isKeptAnyway)
        }
        for marker in selection.droppedMarkers { catalog.dropMarker(marker.hash, marker.number, marker.kind) }
        for location in selection.droppedStatements { catalog.values.dropStatement(at: location) }
        try drop(plan.inputs, references: selection.droppedReferences)
        return CompactionOutcome(
            inputCount: plan.inputs.count, inputByteCount: plan.inputs.reduce(0) { $0 + $1.byteCount },
            outputByteCount: output?.byteCount ?? 0, recordCount: copies.count)
    }

    /// Unlinks the inputs and the value segments of dead references. A reader that has one open can still read it.
    private func drop(_ inputs: [Manifest.Segment], references: [FrameLocation]) throws {
        var names = inputs.map(\.name)
        for location in references {
            if let segment = catalog.dropReference(at: location) { names.append(SegmentName(segment, .value)) }
        }
        for name in names {
            catalog.usage.forget(name.identifier)
            files.forget(name.identifier)
            try wrapping { () throws(FileSystemError) in try held.remove(name) }
        }
    }

    /// Copies frames into a new segment, complete and durable; nil when the compactor was stopped on the way.
    func write(
        _ live: [LiveFrame], rests: Bool, mayStop: Bool
    ) throws -> (Manifest.Segment?, [Copy])? {
        guard !live.isEmpty else { return (nil, []) }
        let number = try wrapping { () throws(FileSystemError) in try manifest.reserveSegmentNumber() }
        let name = SegmentName(number, .output)
        let output = try OutputSegment(identity: identity, name: name, created: appender.now())
        var copies: [Copy] = []
        var (start, rested) = (ContinuousClock.now, 0)
        do {
            for frame in live {
                if rests, output.byteCount - rested >= Self.restByteCount {
                    rest(since: start)
                    (start, rested) = (ContinuousClock.now, output.byteCount)
                }
                if mayStop, control.withLock({ $0.isStopping }) {
                    output.abandon()
                    return nil
                }
                copies.append(
                    Copy(
                        hash: frame.hash, old: frame.location, new: try copy(frame, to: output),
                        sequenceNumber: frame.entry.sequenceNumber, isKeptAnyway: frame.isKeptAnyway))
            }
            return (try output.finish(), copies)
        } catch {
            output.abandon()
            throw error
        }
    }

    /// Checks a whole frame, and copies it if it is intact.
    private func copy(_ live: LiveFrame, to output: OutputSegment) throws -> FrameLocation {
        let segment = live.location.segment
        let source = try wrapping { () throws(FileSystemError) in try files.file(of: segment) }
        do {
            return unsafe try FrameReader.withFrame(
                at: live.location, in: source, seed: identity.seed(of: segment),
                where: { $0.header.crc == live.entry.headerCRC && $0.header.frameByteCount == live.entry.byteCount }
            ) { frame, _ in try output.append(copyOf: frame, live.entry) }
        } catch let fault as FrameFault {
            let entry = live.entry
            throw CheckpointLogError.damaged(
                "A live frame is damaged, so its segment is not compacted: \(fault.rawValue).",
                path: source.path.string, offset: entry.offset,
                lost: [
                    CheckpointLogError.LostRecord(
                        level: Int(entry.level), key: CheckpointKey(String(decoding: entry.key, as: UTF8.self)),
                        sequenceNumbers: entry.sequenceNumber...entry.sequenceNumber)
                ])
        }
    }
}
