import SystemPackage

/// Reads the chain: the log segments after the last one ever sealed. It decides between a torn tail and damage, and changes
/// nothing. FORMAT.md, "The end of a log".
package struct ChainReader {
    /// One segment of the chain, as far as it is sound.
    package struct Part: Sendable {
        package var name: SegmentName
        /// Where its sound frames end.
        package var end: Int
        /// Whether a roll frame closes it.
        package var isRolled: Bool
        package var byteCount: Int
    }

    /// The chain's end, and what is known of it.
    package struct Outcome: Sendable {
        package var parts: [Part] = []
        /// Segments behind the end: prepared and never used, or cut off with the tail.
        package var surplus: [SegmentName] = []
        /// The first byte that is no part of a complete frame or batch: the end of the log.
        package var end: LogPosition?
        /// What stopped the reading, where it was not the plain end.
        package var fault: SegmentScanner.Cause?
        /// The greatest position known to have been good.
        package var knownGood: LogPosition?
        package var lastTimestamp: Int64 = 0
        package var highestNumber = SequenceNumber(rawValue: 0)
        package var newestEpoch: UInt32 = 0

        /// Whether no segment of the chain holds the end: each is closed by a roll frame, or there is none.
        package var isComplete = false

        /// Nil for a sound or merely torn end, else where the damage is.
        package var damage: LogPosition? {
            guard let knownGood, let end, end < knownGood else { return nil }
            // Such a position promises no frame of its own segment, and what is before it is all there: the segment was
            // empty, and a closing or a recovery that was cut short has removed it.
            if isComplete, knownGood.offset <= SegmentHeader.byteCount { return nil }
            return isComplete ? LogPosition(segment: knownGood.segment, offset: 0) : end
        }
    }

    package let identity: LogIdentity
    package let position: PositionPage.Content?
    /// Whether a live writer holds the lock: frames past its written position are then not looked at.
    package let stop: LogPosition?
    /// The segment that the chain's first follows.
    package let lastSealed: UInt32
    /// Where an earlier reading of the same log ended: frames before it are not visited again.
    package let resume: LogPosition?

    package init(
        identity: LogIdentity, lastSealed: UInt32, position: PositionPage.Content?, stop: LogPosition? = nil,
        resume: LogPosition? = nil
    ) {
        self.resume = resume
        self.identity = identity
        self.lastSealed = lastSealed
        self.position = position
        self.stop = stop
    }

    package func read(_ names: [SegmentName], visit: (SegmentName, ScannedFrame) throws -> Void) throws -> Outcome {
        var outcome = Outcome()
        let isSameBoot = position?.boot == identity.fileSystem.bootIdentifier
        outcome.knownGood = isSameBoot ? position?.written : position?.synced
        if isSameBoot, let synced = position?.synced { outcome.knownGood = max(outcome.knownGood ?? synced, synced) }
        var isOpen = true
        var previous = lastSealed
        // The last segment that is all known from before.
        var known = lastSealed
        for name in names {
            if let resume, name.identifier < resume.segment {
                previous = name.identifier
                known = name.identifier
                continue
            }
            let file: any OpenFile
            do throws(FileSystemError) {
                file = try identity.fileSystem.openFile(identity.path(name), .read)
            } catch {
                throw CheckpointLogError(error)
            }
            defer { file.close() }
            var byteCount = try wrapping { () throws(FileSystemError) in try file.byteCount() }
            if let stop, stop.segment == name.identifier { byteCount = min(byteCount, Int(stop.offset)) }
            if let stop, stop.segment < name.identifier { byteCount = 0 }
            let scanner = SegmentScanner(file, seed: identity.seed(of: name.identifier), end: byteCount)
            guard isOpen else {
                outcome.surplus.append(name)
                try notePromises(of: scanner, from: 0, in: &outcome)
                continue
            }
            guard try headerIsSound(of: file, name, byteCount, expecting: previous, &outcome) else {
                // Behind a roll frame the next segment begins: its missing header is the end of the log.
                outcome.end = LogPosition(segment: name.identifier, offset: 0)
                outcome.fault = byteCount == 0 ? .empty : .fault(.headerChecksum, at: 0)
                outcome.surplus.append(name)
                try notePromises(of: scanner, from: 0, in: &outcome)
                isOpen = false
                continue
            }
            let isResumed = resume?.segment == name.identifier
            let start = isResumed ? max(Int(resume?.offset ?? 0), SegmentHeader.byteCount) : SegmentHeader.byteCount
            let end = try scanner.scan(from: start) { frame in
                outcome.lastTimestamp = max(outcome.lastTimestamp, frame.header.timestamp)
                outcome.highestNumber = max(outcome.highestNumber, frame.header.appendNumber)
                if let promise = frame.header.promise { outcome.knownGood = max(outcome.knownGood ?? promise, promise) }
                try visit(name, frame)
            }
            let isRolled = end.cause == .rolled
            outcome.parts.append(Part(name: name, end: end.offset, isRolled: isRolled, byteCount: byteCount))
            previous = name.identifier
            if isRolled { continue }
            outcome.end = LogPosition(segment: name.identifier, offset: end.offset)
            if end.cause != .empty {
                outcome.fault = end.cause
                try notePromises(of: scanner, from: end.offset, in: &outcome)
            }
            isOpen = false
        }
        if let end = outcome.end, end.offset == 0, let knownGood = outcome.knownGood, knownGood.segment < end.segment {
            // The segment that does not follow the last one read tells nothing of what stood between the two.
            outcome.end = nil
        }
        if outcome.end == nil {
            outcome.isComplete = true
            // A roll frame was the last thing that reached the disk, or all that was ever written is sealed.
            outcome.end =
                outcome.parts.last.map { LogPosition(segment: $0.name.identifier, offset: $0.end) }
                ?? LogPosition(segment: known, offset: LogPosition.offsetLimit - 8)
        }
        return outcome
    }

    private func headerIsSound(
        of file: any OpenFile, _ name: SegmentName, _ byteCount: Int, expecting previous: UInt32,
        _ outcome: inout Outcome
    ) throws -> Bool {
        guard byteCount >= SegmentHeader.byteCount else { return false }
        let bytes = try wrapping { () throws(FileSystemError) in try file.bytes(0..<SegmentHeader.byteCount) }
        guard let bytes,
            let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string),
            header.segment == name.identifier, header.role == .log
        else { return false }
        #if PLANTED_BUGS
        if PlantedBug.chainLinkNotChecked.isPlanted { return true }
        #endif
        guard header.previous == previous else { return false }
        outcome.newestEpoch = max(outcome.newestEpoch, header.epoch)
        return true
    }

    private func notePromises(of scanner: SegmentScanner, from start: Int, in outcome: inout Outcome) throws {
        #if PLANTED_BUGS
        if PlantedBug.promiseIgnored.isPlanted { return }
        #endif
        if let promise = try scanner.greatestPromise(from: start) {
            outcome.knownGood = max(outcome.knownGood ?? promise, promise)
        }
    }
}
