import SystemPackage

/// Checks the chain: the log segments after the last one ever sealed. It reaches the verdict of FORMAT.md, "The end of
/// a log", with code of its own.
struct ChainCheck {
    let identity: LogIdentity
    let manifest: Manifest
    let names: [SegmentName]
    let position: PositionStatement?
    /// The written position of an active writer. The check reads nothing after it.
    let stop: LogPosition?
    let level: VerificationLevel

    private struct End {
        var position: LogPosition
        var segment: SegmentName
        /// Why the log ends there; nil for a clean end.
        var kind: String?
    }

    /// What the check knows after it has read some of the segments.
    private struct Reading {
        var outcome = CheckOutcome()
        var known: LogPosition?
        /// The greatest position that is known to be synced, not only written.
        var knownSynced: LogPosition?
        var end: End?
        var previous: SegmentNumber
        var last: LogPosition
        var newestEpoch: UInt32 = 0
        var order: FrameOrder?
        /// The segments that valid headers name as their predecessors, each with one segment that names it.
        var named: [SegmentNumber: SegmentName] = [:]
        /// Whether there is any frame after the end.
        var hasStragglers = false

        mutating func note(_ stragglers: SegmentScanner.Stragglers) {
            note(stragglers.promise)
            if stragglers.lastNumber != nil { hasStragglers = true }
        }

        mutating func note(_ promise: LogPosition?) {
            guard let promise else { return }
            known = max(known ?? promise, promise)
            knownSynced = max(knownSynced ?? promise, promise)
        }
    }

    func run() throws -> CheckOutcome {
        var reading = Reading(
            previous: manifest.lastSealed,
            last: LogPosition(segment: manifest.lastSealed, offset: LogPosition.offsetLimit - 8))
        reading.note(position?.synced)
        if let position, position.isSameBoot, let written = position.written {
            reading.known = max(reading.known ?? written, written)
        }
        for name in names {
            if let stop, name.identifier > stop.segment { break }
            let file = try identity.directory.openFile(name, .read)
            defer { file.close() }
            try read(file, name, byteCount: try byteCount(of: file, name), &reading)
        }
        if let known = position?.generation, known.isNewer(than: manifest.generation) {
            reading.outcome.add(
                VerificationFinding(
                    .damage, FileName.manifest, "the manifest is older than one that was in force",
                    expected: "generation \(known.number)", actual: "\(manifest.generation)"))
        }
        if reading.newestEpoch >= manifest.nextEpoch {
            reading.outcome.add(
                VerificationFinding(
                    .damage, FileName.manifest, "the manifest is older than the log's last segment",
                    expected: "an epoch below \(manifest.nextEpoch)", actual: "\(reading.newestEpoch)"))
        }
        if stop == nil { try cutAtLostValues(&reading) }
        reading.outcome.referencedSegments = Set(reading.outcome.references.map(\.reference.segment))
        reading.outcome.freedSegments = Set(
            reading.outcome.records.lazy.filter { $0.kind == .freed }.map(\.valueSegment))
        try judge(&reading)
        reading.outcome.sumUp(reading.end?.segment.fileName ?? "")
        return reading.outcome
    }

    /// Where to stop in a file: nothing after the written position of an active writer counts, and nothing that a
    /// position could not state.
    private func byteCount(of file: any OpenFile, _ name: SegmentName) throws -> Int {
        let byteCount = min(try file.byteCount(), LogPosition.offsetLimit - 8)
        guard let stop, stop.segment == name.identifier else { return byteCount }
        return min(byteCount, Int(stop.offset))
    }

    private func read(_ file: any OpenFile, _ name: SegmentName, byteCount: Int, _ reading: inout Reading) throws {
        let header = try header(of: file, byteCount).flatMap { header in
            header.segment == name.identifier && header.role == .log ? header : nil
        }
        if let header { reading.named[header.previous] = name }
        guard reading.end == nil else {
            reading.note(try stragglers(file, name, from: 0, to: byteCount))
            return
        }
        guard let header, header.previous == reading.previous else {
            let isBlank = try FrameSpan(file: file, seed: identity.seed(of: 0)).isZero(from: 0, to: byteCount)
            reading.end = End(
                position: LogPosition(segment: name.identifier, offset: 0), segment: name,
                kind: isBlank ? nil : "the segment's header is damaged")
            reading.note(try stragglers(file, name, from: 0, to: byteCount))
            return
        }
        reading.previous = name.identifier
        reading.newestEpoch = max(reading.newestEpoch, header.epoch)
        reading.order = FrameOrder(name, epoch: header.epoch, after: reading.order)
        let (offset, kind, isRolled) = try readBatches(file, name, byteCount, &reading)
        reading.last = LogPosition(segment: name.identifier, offset: offset)
        if isRolled { return }
        reading.end = End(position: reading.last, segment: name, kind: kind)
        if kind != nil { reading.note(try stragglers(file, name, from: offset, to: byteCount)) }
    }

    private func header(of file: any OpenFile, _ byteCount: Int) throws -> SegmentHeader? {
        guard byteCount >= SegmentHeader.byteCount, let bytes = try file.bytes(0..<SegmentHeader.byteCount) else {
            return nil
        }
        return try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
    }

    /// Reads complete batches, up to the first bytes that are none.
    private func readBatches(
        _ file: any OpenFile, _ name: SegmentName, _ byteCount: Int, _ reading: inout Reading
    ) throws -> (end: Int, kind: String?, isRolled: Bool) {
        var order = reading.order ?? FrameOrder(name, epoch: nil)
        var (end, kind, isRolled) = (SegmentHeader.byteCount, String?.none, false)
        var found = reading
        var mark = found.outcome.mark
        let span = FrameSpan(file: file, seed: identity.seed(of: name.identifier))
        let total = try span.walk(from: SegmentHeader.byteCount, to: byteCount, endsInZeros: true) { offset, step in
            switch step {
            case .empty: return nil
            case .fault(let fault), .damaged(_, _, let fault):
                kind = fault.rawValue
                return nil
            case .frame(let header, let bytes):
                found.note(header.promise)
                unsafe visit(header, bytes, name, offset, &order, &found.outcome)
                let next = offset + header.frameByteCount
                if !header.flags.contains(.batchContinues) {
                    mark = found.outcome.mark
                    end = next
                }
                isRolled = header.kind == .roll
                return isRolled ? nil : next
            }
        }
        if kind == nil, order.endsInBatch { kind = "a batch without its last frame" }
        found.outcome.rollBack(to: mark)
        found.outcome.byteCount += total
        found.order = order
        reading = found
        return (end, kind, isRolled)
    }

    private func visit(
        _ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ name: SegmentName, _ offset: Int,
        _ order: inout FrameOrder, _ outcome: inout CheckOutcome
    ) {
        outcome.frameCount += 1
        outcome.noteAppend(header.appendNumber, in: name.identifier)
        var record = unsafe CheckOutcome.Record(header, bytes, segment: name.identifier, at: offset)
        if let reference = unsafe CheckOutcome.Reference(header, bytes, record) {
            record.valueSegment = reference.reference.segment
            outcome.references.append(reference)
        }
        if header.kind == .freed, let file = unsafe CheckOutcome.Record.valueFile(header, bytes, at: offset) {
            record.valueSegment = file.segment
        }
        if let fault = order.fault(of: header, at: offset) {
            outcome.add(VerificationFinding(.damage, name.fileName, offset: offset, fault), record)
        }
        if level == .deep, let fault = unsafe FrameContent.fault(header, bytes) {
            outcome.add(VerificationFinding(.damage, name.fileName, offset: offset, fault), record)
        }
        if header.kind.isCopied { outcome.records.append(record) }
    }

    private func stragglers(
        _ file: any OpenFile, _ name: SegmentName, from start: Int, to end: Int
    ) throws -> SegmentScanner.Stragglers {
        var scanner = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: end)
        return try scanner.stragglers(from: start)
    }

    // MARK: Values

    /// Ends the log before the first reference after the known synced position whose value is missing and that nothing
    /// has superseded. Superseded values may be missing.
    private func cutAtLostValues(_ reading: inout Reading) throws {
        var bad: [CheckOutcome.Record] = []
        for reference in reading.outcome.references where reference.record.flags.contains(.unsynced) {
            if let known = reading.knownSynced, reference.record.location.position < known { continue }
            var record = reference.record
            record.valueSegment = reference.reference.segment
            if try !isThere(reference.reference) { bad.append(record) }
        }
        // The last one first: what a cut takes no longer supersedes anything.
        for record in bad.reversed() {
            if try isSuperseded(record, reading.outcome.records) {
                reading.outcome.lostValues.insert(record.valueSegment)
                continue
            }
            let position = record.location.position
            reading.outcome.records.removeAll { $0.location.position >= position }
            reading.outcome.references.removeAll { $0.record.location.position >= position }
            reading.outcome.lostValues.subtract(
                bad.filter { $0.location.position >= position }.map(\.valueSegment))
            reading.end = End(
                position: position, segment: SegmentName(position.segment, .log),
                kind: FrameFault.lostValue.rawValue)
            reading.hasStragglers = true
        }
    }

    private func isThere(_ reference: ValueReference) throws -> Bool {
        do {
            let reader = try LargeValueReader(
                reference, identity: identity, byteLimit: ValueReference.contentByteLimit)
            defer { reader.close() }
            try reader.check()
            return true
        } catch let error as FileSystemError where error.code == .noSuchFileOrDirectory {
            return false
        } catch let error as CheckpointLogError where error.code == .damaged {
            return false
        }
    }

    /// Whether the log has a newer record of the key that was not removed, or the version or its key was removed.
    private func isSuperseded(_ record: CheckOutcome.Record, _ records: [CheckOutcome.Record]) throws -> Bool {
        var newer: Set<SequenceNumber> = []
        var removed: Set<SequenceNumber> = []
        var isRemoved = false
        func note(_ kind: RecordKind, _ level: UInt8, _ number: SequenceNumber, hasItsName: () -> Bool) {
            guard number >= record.sequenceNumber else { return }
            if kind == .removalOfAll {
                if level == 0 || level == record.level { isRemoved = true }
            } else if level == record.level, hasItsName() {
                switch kind {
                case .value, .reference: newer.insert(number)
                case .versionRemoval: removed.insert(number)
                case .removal: isRemoved = true
                default: break
                }
            }
        }
        for other in records {
            note(other.kind, other.level, other.sequenceNumber) {
                other.key == record.key && other.origin == record.origin
            }
        }
        for segment in manifest.segments where segment.highestSequenceNumber > record.sequenceNumber {
            unsafe try LogFooters(identity: identity).forEachEntry(of: segment) { entry, key, origin in
                let (key, origin) = unsafe (Array(key), Array(origin))
                note(entry.kind, entry.level, entry.sequenceNumber) { key == record.key && origin == record.origin }
            }
        }
        newer.remove(record.sequenceNumber)
        return isRemoved || removed.contains(record.sequenceNumber) || !newer.isSubset(of: removed)
    }

    // MARK: Judgement

    private func judge(_ reading: inout Reading) throws {
        if try judgeEvidence(&reading) { return }
        var end = reading.end
        if let found = end, found.position.offset == 0, let known = reading.known,
            known.segment < found.segment.identifier
        {
            // That segment does not follow the last one read, so it says nothing about what was between the two.
            end = nil
        }
        let isComplete = end == nil
        let position = end?.position ?? reading.last
        guard let known = reading.known, position < known,
            // The segment of this position was empty, and a closing or an interrupted recovery has removed it.
            !(isComplete && known.offset <= SegmentHeader.byteCount)
        else {
            guard let end = reading.end, let kind = end.kind else { return }
            // Under the same boot everything written must be before the end, otherwise only what was synced.
            let isKnown = self.position?.isSameBoot == true
            let loss = isKnown ? "" : "; checkpoints that were written and not synced may be lost with it"
            var finding = VerificationFinding(
                .tornTail, end.segment.fileName, offset: Int(end.position.offset),
                "an unfinished last write: \(kind)\(loss)")
            finding.isHarmless = isKnown
            reading.outcome.add(finding)
            return
        }
        let segment = end?.segment ?? SegmentName(known.segment, .log)
        var finding = VerificationFinding(
            .damage, segment.fileName, offset: isComplete ? 0 : Int(position.offset),
            end?.kind ?? "the log ends before what was known to be good", expected: "sound through \(known)",
            actual: "the end at \(position)")
        let isUnnamed = try findLost(from: position, to: known, &reading.outcome)
        if isUnnamed { finding.lost = [.numbers("after \(lastKnown(reading))")] }
        reading.outcome.chainDamage = finding
    }

    /// Looks for damage that does not depend on positions: a segment that another one names and that does not exist,
    /// and frames after the end although nothing says that the power was cut.
    private func judgeEvidence(_ reading: inout Reading) throws -> Bool {
        let missing = reading.named.keys.filter { number in
            number > manifest.lastSealed && !names.contains { $0.identifier == number }
        }.min()
        let end = reading.end?.position ?? reading.last
        let stated = position?.isSameBoot == true ? position?.written : position?.synced
        var finding: VerificationFinding
        if let missing, let next = reading.named[missing] {
            finding = VerificationFinding(
                .damage, SegmentName(missing, .log).fileName, "a segment is missing", expected: "what \(next) follows")
        } else if stop == nil, stated == nil, reading.hasStragglers, let found = reading.end {
            finding = VerificationFinding(
                .damage, found.segment.fileName, offset: Int(found.position.offset),
                "frames stand after the end, and \(FileName.position) tells of no power cut",
                actual: found.kind)
        } else {
            return false
        }
        let last = LogPosition(segment: names.last?.identifier ?? end.segment, offset: LogPosition.offsetLimit - 8)
        if try findLost(from: min(end, last), to: last, &reading.outcome) || missing != nil {
            finding.lost = [.numbers("after \(lastKnown(reading))")]
        }
        reading.outcome.chainDamage = finding
        return true
    }

    private func lastKnown(_ reading: Reading) -> SequenceNumber {
        max(
            reading.outcome.appendNumbers?.last ?? SequenceNumber(rawValue: 0),
            manifest.segments.map(\.highestSequenceNumber).max() ?? SequenceNumber(rawValue: 0))
    }

    /// Collects the records between the end and the known position whose headers are valid.
    ///
    /// - Returns: whether there may be others.
    private func findLost(from end: LogPosition, to known: LogPosition, _ outcome: inout CheckOutcome) throws -> Bool {
        var reached = end
        var hasGap = false
        for name in names where name.identifier >= end.segment && name.identifier <= known.segment {
            let file = try identity.directory.openFile(name, .read)
            defer { file.close() }
            let start = name.identifier == end.segment ? Int(end.offset) : 0
            var stop = try byteCount(of: file, name)
            if name.identifier == known.segment { stop = min(stop, Int(known.offset)) }
            var records: [CheckOutcome.Record] = []
            let first = max(start, SegmentHeader.byteCount)
            var (next, isBroken) = (first, false)
            let span = FrameSpan(file: file, seed: identity.seed(of: name.identifier))
            let hasOthers = unsafe try span.findHeaders(from: first, to: stop) { offset, header, bytes in
                if offset != next { isBroken = true }
                next = offset + header.frameByteCount
                guard header.kind.isRecord else { return }
                unsafe records.append(CheckOutcome.Record(header, bytes, segment: name.identifier, at: offset))
            }
            hasGap = hasGap || hasOthers || isBroken
            outcome.lostRecords += records
            if next < LogPosition.offsetLimit { reached = LogPosition(segment: name.identifier, offset: next) }
        }
        return hasGap || reached < known
    }
}
