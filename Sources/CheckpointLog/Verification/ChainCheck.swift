import SystemPackage

/// Checks the chain: the log segments after the last one ever sealed. It comes to the judgement of FORMAT.md, "The end of a log",
/// by its own way.
struct ChainCheck {
    let identity: LogIdentity
    let names: [SegmentName]
    let lastSealed: UInt32
    let position: PositionPage.Content?
    /// The written position of a live writer: nothing behind it is looked at.
    let stop: LogPosition?
    let level: VerificationLevel

    private struct End {
        var position: LogPosition
        var segment: SegmentName
        var kind: String?
    }

    func run() throws -> CheckOutcome {
        var outcome = CheckOutcome()
        var known = knownGood()
        var end: End?
        var previous = lastSealed
        var last = LogPosition(segment: lastSealed, offset: LogPosition.offsetLimit - 8)
        for name in names {
            if let stop, name.identifier > stop.segment { break }
            let file = try identity.fileSystem.openFile(identity.path(name), .read)
            defer { file.close() }
            // What no position can state is no frame, however long the file.
            var byteCount = min(try file.byteCount(), LogPosition.offsetLimit - 8)
            if let stop, stop.segment == name.identifier { byteCount = min(byteCount, Int(stop.offset)) }
            if end != nil {
                known = max(known, try greatestPromise(file, name, from: 0, to: byteCount))
                continue
            }
            guard try headerIsSound(file, name, byteCount, previous) else {
                let isEmpty = try isBlank(file, byteCount)
                end = End(
                    position: LogPosition(segment: name.identifier, offset: 0), segment: name,
                    kind: isEmpty ? nil : "the segment's header is damaged")
                known = max(known, try greatestPromise(file, name, from: 0, to: byteCount))
                continue
            }
            previous = name.identifier
            let (offset, kind, isRolled) = try read(file, name, byteCount, &outcome, &known)
            last = LogPosition(segment: name.identifier, offset: offset)
            if isRolled { continue }
            end = End(position: last, segment: name, kind: kind)
            if kind != nil { known = max(known, try greatestPromise(file, name, from: offset, to: byteCount)) }
        }
        judge(end, last: last, known: known, &outcome)
        return outcome
    }

    private func knownGood() -> LogPosition? {
        guard let position else { return nil }
        guard position.boot == identity.fileSystem.bootIdentifier, position.boot != 0 else { return position.synced }
        return max(position.written, position.synced)
    }

    private func max(_ left: LogPosition?, _ right: LogPosition?) -> LogPosition? {
        guard let left, let right else { return left ?? right }
        return left < right ? right : left
    }

    private func judge(_ end: End?, last: LogPosition, known: LogPosition?, _ outcome: inout CheckOutcome) {
        let position = end?.position ?? last
        let isComplete = end == nil
        if let known, position < known, !(isComplete && known.offset <= SegmentHeader.byteCount) {
            let segment = end?.segment ?? SegmentName(known.segment, .log)
            var finding = VerificationFinding(
                .damage, segment.fileName, offset: Int(isComplete ? 0 : position.offset),
                end?.kind ?? "the log ends before what was known to be good", expected: "sound through \(known)",
                actual: "the end at \(position)")
            let numbers = outcome.records.map(\.sequenceNumber).max() ?? SequenceNumber(rawValue: 0)
            finding.lost = [
                VerificationFinding.Lost(level: 0, key: "", origin: "", sequenceNumber: "after \(numbers)")
            ]
            outcome.add(finding)
        } else if let end, let kind = end.kind {
            var finding = VerificationFinding(
                .tornTail, end.segment.fileName, offset: Int(end.position.offset), "an unfinished last write: \(kind)")
            finding.isHarmless = true
            outcome.add(finding)
        }
    }

    private func headerIsSound(
        _ file: any OpenFile, _ name: SegmentName, _ byteCount: Int, _ previous: UInt32
    ) throws -> Bool {
        guard byteCount >= SegmentHeader.byteCount, let bytes = try file.bytes(0..<SegmentHeader.byteCount),
            let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
        else { return false }
        return header.segment == name.identifier && header.role == .log && header.previous == previous
    }

    private func isBlank(_ file: any OpenFile, _ byteCount: Int) throws -> Bool {
        try FrameSpan(file: file, seed: identity.seed(of: 0)).isZero(from: 0, to: byteCount)
    }

    /// Reads complete batches up to the first thing that is none.
    private func read(
        _ file: any OpenFile, _ name: SegmentName, _ byteCount: Int, _ outcome: inout CheckOutcome,
        _ known: inout LogPosition?
    ) throws -> (end: Int, kind: String?, isRolled: Bool) {
        var order = FrameOrder(name)
        var batch: [CheckOutcome.Record] = []
        var (end, kind, isRolled) = (SegmentHeader.byteCount, String?.none, false)
        var found = outcome
        var good = known
        let span = FrameSpan(file: file, seed: identity.seed(of: name.identifier))
        found.byteCount += try span.walk(from: SegmentHeader.byteCount, to: byteCount, findsEnd: true) { offset, step in
            switch step {
            case .empty:
                if order.endsInBatch { kind = "a batch without its last frame" }
                return nil
            case .fault(let fault):
                kind = fault.rawValue
                return nil
            case .frame(let header, let bytes):
                found.frameCount += 1
                let record = unsafe Self.record(header, bytes, name, offset)
                if let fault = order.fault(of: header, at: offset) {
                    found.add(
                        VerificationFinding(
                            .damage, name.fileName, offset: offset, fault.kind, expected: fault.expected,
                            actual: fault.actual), record)
                }
                if level == .deep, let fault = unsafe SegmentCheck.contentFault(header, bytes) {
                    found.add(VerificationFinding(.damage, name.fileName, offset: offset, fault), record)
                }
                if let promise = header.promise, good.map({ $0 < promise }) ?? true { good = promise }
                if header.kind.isRecord { batch.append(record) }
                let next = offset + header.frameByteCount
                if !header.flags.contains(.batchContinues) {
                    found.records += batch
                    batch = []
                    end = next
                }
                isRolled = header.kind == .roll
                return isRolled ? nil : next
            }
        }
        if kind == nil, order.endsInBatch { kind = "a batch without its last frame" }
        outcome = found
        known = good
        return (end, kind, isRolled)
    }

    private static func record(
        _ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ name: SegmentName, _ offset: Int
    ) -> CheckOutcome.Record {
        let keyEnd = FrameHeader.byteCount + header.keyByteCount
        return unsafe CheckOutcome.Record(
            kind: header.kind, level: header.level, key: Array(bytes[FrameHeader.byteCount..<keyEnd]),
            origin: Array(bytes[keyEnd..<header.prefixByteCount]), sequenceNumber: header.sequenceNumber,
            location: FrameLocation(segment: name.identifier, offset: offset, byteCount: header.frameByteCount),
            valueSegment: SegmentCheck.valueSegment(header, bytes))
    }

    private func greatestPromise(
        _ file: any OpenFile, _ name: SegmentName, from start: Int, to end: Int
    ) throws -> LogPosition? {
        try SegmentScanner(file, seed: identity.seed(of: name.identifier), end: end).greatestPromise(from: start)
    }
}
