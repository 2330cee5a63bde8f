import SystemPackage

/// Reads the chain: the log segments after the last one ever sealed. It decides between a torn tail and damage, and
/// changes nothing. FORMAT.md, "The end of a log".
package struct ChainReader {
    /// The sound part of one segment of the chain.
    package struct Part: Sendable {
        package var name: SegmentName
        /// Where its sound frames end.
        package var end: Int
        /// Whether a roll frame closes it.
        package var isRolled: Bool
        package var byteCount: Int
    }

    /// The end of the chain, and the evidence for it.
    package struct Outcome: Sendable {
        package var parts: [Part] = []
        /// Segments after the end: prepared and never used, or cut off with the tail.
        package var surplus: [SegmentName] = []
        /// The end of the log: the first byte that is not part of a complete frame or batch.
        package var end: LogPosition?
        /// Why the reading stopped, if not at a clean end.
        package var fault: SegmentScanner.Cause?
        /// The greatest position known to have been good.
        package var knownGood: LogPosition?
        /// The greatest position known to have been synced.
        package var knownSynced: LogPosition?
        package var lastTimestamp: Int64 = 0
        package var highestNumber = SequenceNumber(rawValue: 0)
        /// Value segments of kept versions that a newer one has superseded, and whose values never reached the disk.
        package var givenUp: [SegmentNumber] = []
        package var newestEpoch: UInt32 = 0
        /// The evidence of frames after the end.
        package var stragglers = SegmentScanner.Stragglers()
        /// A segment that another one names as its predecessor, and that is neither sealed nor in the directory.
        package var missing: SegmentNumber?
        /// Whether no position states what must be there.
        package var lacksPosition = false
        /// The segments that sound headers name as their predecessors.
        package var named: Set<SegmentNumber> = []

        /// Whether the end is in no segment: each ends with a roll frame, or the chain is empty.
        package var isComplete = false

        package init() {}

        mutating func note(_ promise: LogPosition) {
            knownGood = max(knownGood ?? promise, promise)
            knownSynced = max(knownSynced ?? promise, promise)
        }

        /// The place of the damage; nil if the end is clean or merely torn.
        package var damage: LogPosition? {
            if let missing { return LogPosition(segment: missing, offset: 0) }
            // POSITION is synced before the first frame is appended. A power cut cannot take it, so something else did.
            if lacksPosition, stragglers.lastNumber != nil {
                guard isComplete, let behind = surplus.first else { return end }
                return LogPosition(segment: behind.identifier, offset: 0)
            }
            guard let knownGood, let end, end < knownGood else { return nil }
            // Such a position promises no frame of its own segment, and everything before it is there. The segment was
            // empty, and an interrupted closing or recovery has removed it.
            if isComplete, knownGood.offset <= SegmentHeader.byteCount { return nil }
            return isComplete ? LogPosition(segment: knownGood.segment, offset: 0) : end
        }

        /// Why there is damage, as a sentence.
        package var damageReason: String {
            if let missing {
                return "The segment \(SegmentName(missing, .log).fileName) is missing, and another follows it"
            }
            if let knownGood, let end, end < knownGood {
                return "The log is damaged before position \(knownGood), up to which it was known good"
            }
            return "The log is damaged: frames stand after its end, and \(FileName.position) tells of no power cut"
        }

        /// The numbers of checkpoints that may have been acknowledged as written and are no longer in the log; nil if
        /// there are none, or if nothing indicates any.
        ///
        /// - Parameters:
        ///   - cutByteCount: bytes after the end, other than zeros.
        ///   - manifest: the manifest as the opening found it.
        package func possiblyLost(
            _ position: PositionStatement?, cutByteCount: Int, manifest: Manifest
        ) -> ClosedRange<SequenceNumber>? {
            let first = SequenceNumber(rawValue: highestNumber.rawValue + 1)
            // All numbers that the openings until now can have used.
            let limit = SequenceNumber(epoch: max(first.epoch, max(manifest.nextEpoch, 1) - 1), count: .max)
            // Nothing states the written position, and the manifest may be an older one, without later large batches.
            guard let position, let written = position.written else {
                let sealed = manifest.segments.map(\.highestSequenceNumber.rawValue).max() ?? 0
                return SequenceNumber(rawValue: sealed + 1)...limit
            }
            // Under the same boot everything that was written must be there; otherwise it is damage.
            if position.isSameBoot { return nil }
            var last = stragglers.lastNumber
            func note(frameBytes: Int) {
                // No frame of a record is shorter than a header and eight bytes of key.
                let count = frameBytes / (FrameHeader.byteCount + 8)
                guard count > 0 else { return }
                let number = SequenceNumber(rawValue: min(highestNumber.rawValue + UInt64(count), limit.rawValue))
                last = max(last ?? number, number)
            }
            note(frameBytes: cutByteCount)
            if let end, written > end {
                if written.segment == end.segment {
                    note(frameBytes: Int(written.offset) - Int(end.offset))
                } else if !isComplete || written.offset > SegmentHeader.byteCount {
                    last = limit
                }
            }
            return last.flatMap { $0 >= first ? first...$0 : nil }
        }
    }

    package let identity: LogIdentity
    package let position: PositionStatement?
    /// Whether a live writer holds the lock: frames past its written position are then not looked at.
    package let stop: LogPosition?
    /// The predecessor of the chain's first segment.
    package let lastSealed: SegmentNumber
    /// The reference to a large value that did not reach the disk: the log ends there.
    package let lostValue: LogPosition?
    /// Where an earlier reading of the same log ended. The reader does not visit frames before it again.
    package let resume: LogPosition?

    package init(
        identity: LogIdentity, lastSealed: SegmentNumber, position: PositionStatement?, stop: LogPosition? = nil,
        resume: LogPosition? = nil, lostValue: LogPosition? = nil
    ) {
        self.lostValue = lostValue
        self.resume = resume
        self.identity = identity
        self.lastSealed = lastSealed
        self.position = position
        self.stop = stop
    }

    package func read(_ names: [SegmentName], visit: (SegmentName, FrameView) throws -> Void) throws -> Outcome {
        var outcome = Outcome()
        let isSameBoot = position?.isSameBoot == true
        outcome.knownGood = isSameBoot ? position?.written : position?.synced
        if isSameBoot, let synced = position?.synced { outcome.knownGood = max(outcome.knownGood ?? synced, synced) }
        outcome.knownSynced = position?.synced
        outcome.lacksPosition = (isSameBoot ? position?.written : position?.synced) == nil
        var isOpen = true
        var previous = lastSealed
        // The last segment that is completely known from before.
        var known = lastSealed
        for name in names {
            if let resume, name.identifier < resume.segment {
                previous = name.identifier
                known = name.identifier
                continue
            }
            let file = try wrapping { () throws(FileSystemError) in try identity.directory.openFile(name, .read) }
            defer { file.close() }
            var byteCount = try wrapping { () throws(FileSystemError) in try file.byteCount() }
            if let stop, stop.segment == name.identifier { byteCount = min(byteCount, Int(stop.offset)) }
            if let stop, stop.segment < name.identifier { byteCount = 0 }
            var scanner = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: byteCount)
            let header = try header(of: file, name, byteCount)
            if let header { outcome.named.insert(header.previous) }
            guard isOpen else {
                outcome.surplus.append(name)
                try noteStragglers(of: &scanner, from: 0, in: &outcome)
                continue
            }
            guard let header, follows(previous, header) else {
                // After a roll frame the next segment begins. If it has no header yet, the log ends there.
                outcome.end = LogPosition(segment: name.identifier, offset: 0)
                outcome.fault = byteCount == 0 ? .empty : .fault(.headerChecksum, at: 0)
                outcome.surplus.append(name)
                try noteStragglers(of: &scanner, from: 0, in: &outcome)
                isOpen = false
                continue
            }
            outcome.newestEpoch = max(outcome.newestEpoch, header.epoch)
            let isResumed = resume?.segment == name.identifier
            let start = isResumed ? max(Int(resume?.offset ?? 0), SegmentHeader.byteCount) : SegmentHeader.byteCount
            let cut = lostValue.flatMap { $0.segment == name.identifier ? min(byteCount, Int($0.offset)) : nil }
            var limited = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: cut ?? byteCount)
            var end = try limited.scan(from: start) { frame in
                outcome.lastTimestamp = max(outcome.lastTimestamp, frame.header.timestamp)
                outcome.highestNumber = max(outcome.highestNumber, frame.header.appendNumber)
                if let promise = frame.header.promise { outcome.note(promise) }
                try visit(name, frame)
            }
            if let cut, end.offset == cut { end.cause = .fault(.lostValue, at: cut) }
            let isRolled = end.cause == .rolled
            outcome.parts.append(Part(name: name, end: end.offset, isRolled: isRolled, byteCount: byteCount))
            previous = name.identifier
            if isRolled { continue }
            outcome.end = LogPosition(segment: name.identifier, offset: end.offset)
            if end.cause != .empty {
                outcome.fault = end.cause
                try noteStragglers(of: &scanner, from: end.offset, in: &outcome)
            }
            isOpen = false
        }
        conclude(&outcome, names, known: known)
        return outcome
    }

    /// Finds out what is missing, and where the log ends if no segment showed its end.
    private func conclude(_ outcome: inout Outcome, _ names: [SegmentName], known: SegmentNumber) {
        let present = Set(names.map(\.identifier))
        outcome.missing = outcome.named.filter { $0 > lastSealed && !present.contains($0) }.min()
        if let end = outcome.end, end.offset == 0, let knownGood = outcome.knownGood, knownGood.segment < end.segment {
            // A segment that does not follow the last one read says nothing about what was between the two.
            outcome.end = nil
        }
        if outcome.end == nil {
            outcome.isComplete = true
            // A roll frame was the last thing that reached the disk, or all that was ever written is sealed.
            outcome.end =
                outcome.parts.last.map { LogPosition(segment: $0.name.identifier, offset: $0.end) }
                ?? LogPosition(segment: known, offset: LogPosition.offsetLimit - 8)
        }
    }

    private func header(of file: any OpenFile, _ name: SegmentName, _ byteCount: Int) throws -> SegmentHeader? {
        guard byteCount >= SegmentHeader.byteCount else { return nil }
        let bytes = try wrapping { () throws(FileSystemError) in try file.bytes(0..<SegmentHeader.byteCount) }
        guard let bytes,
            let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string),
            header.segment == name.identifier, header.role == .log
        else { return nil }
        return header
    }

    private func follows(_ previous: SegmentNumber, _ header: SegmentHeader) -> Bool {
        return header.previous == previous
    }

    private func noteStragglers(of scanner: inout SegmentScanner, from start: Int, in outcome: inout Outcome) throws {
        let found = try scanner.stragglers(from: start)
        if let promise = found.promise { outcome.note(promise) }
        outcome.stragglers.formUnion(found)
    }
}
