import SystemPackage

/// Checks one sealed segment against what the manifest states about it.
struct SegmentCheck {
    let identity: LogIdentity
    let segment: Manifest.Segment
    let level: VerificationLevel

    private var name: String { segment.name.fileName }

    func run() throws -> CheckOutcome {
        var outcome = CheckOutcome()
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(segment.name, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            outcome.isMissing = true
            outcome.add(lostWhole("the sealed segment is missing"))
            return outcome
        } catch {
            throw CheckpointLogError(error)
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount == segment.byteCount else {
            outcome.add(lostWhole("the segment's length", expected: "\(segment.byteCount)", actual: "\(byteCount)"))
            return outcome
        }
        guard segment.name.role != .value, segment.footerOffset < LogPosition.offsetLimit,
            segment.footerOffset + SegmentFooter.trailerByteCount <= byteCount,
            byteCount - segment.footerOffset <= segment.footerOffset
        else {
            // No position could state where its frames are. An entry is always shorter than its frame.
            outcome.add(lostWhole("the segment is of another kind, or longer than one can be"))
            return outcome
        }
        let epoch = try checkHeader(file, &outcome)
        let footer = try checkFooter(file, byteCount, &outcome)
        if level > .quick {
            try checkFrames(file, footer, epoch: epoch, &outcome)
        } else if let footer {
            for entry in footer.entries where entry.kind == .reference {
                if let reference = try reference(entry, file) { outcome.references.append(reference) }
            }
        }
        outcome.sumUp(name)
        return outcome
    }

    /// - Returns: the epoch of the writer; nil if the header is damaged.
    private func checkHeader(_ file: any OpenFile, _ outcome: inout CheckOutcome) throws -> UInt32? {
        let bytes = try file.bytes(0..<SegmentHeader.byteCount) ?? []
        let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
        guard let header, header.segment == segment.name.identifier, header.role == segment.name.role,
            header.hashSecret == identity.hashSecret
        else {
            var finding = VerificationFinding(.damage, name, offset: 0, "the segment's header is damaged")
            // No restore reads it, and the frames have checksums of their own.
            finding.isHarmless = true
            outcome.add(finding)
            return nil
        }
        return header.role == .log ? header.epoch : nil
    }

    /// - Returns: the footer, if it is the one that the manifest lists.
    private func checkFooter(
        _ file: any OpenFile, _ byteCount: Int, _ outcome: inout CheckOutcome
    ) throws -> SegmentFooter? {
        let footerEnd = byteCount - SegmentFooter.trailerByteCount
        let trailerBytes = try file.bytes(footerEnd..<byteCount) ?? []
        let footerBytes = try file.bytes(segment.footerOffset..<footerEnd) ?? []
        let trailer = SegmentTrailer(
            segment: segment.name.identifier, footerOffset: segment.footerOffset, footer: footerBytes,
            entryCount: segment.entryCount)
        guard trailer.footerCRC == segment.footerCRC,
            let footer = SegmentFooter(footerBytes, count: segment.entryCount),
            footer.frameEnd == segment.footerOffset
        else {
            outcome.add(VerificationFinding(.rebuildable, name, offset: segment.footerOffset, "the footer is damaged"))
            return nil
        }
        if SegmentTrailer(trailerBytes) != trailer {
            var finding = VerificationFinding(.rebuildable, name, offset: footerEnd, "the trailer is damaged")
            finding.isHarmless = true
            outcome.add(finding)
        }
        if Manifest.Segment(name: segment.name, footer: footer, trailer: trailer) != segment {
            var finding = VerificationFinding(
                .damage, FileName.manifest, "the manifest's numbers or time of \(name) are not those of its footer")
            finding.isHarmless = true
            outcome.add(finding)
        }
        for entry in footer.entries {
            if entry.kind == .reference { outcome.referencedSegments.insert(entry.valueSegment) }
            if entry.kind == .freed { outcome.freedSegments.insert(entry.valueSegment) }
        }
        return footer
    }

    private func checkFrames(
        _ file: any OpenFile, _ footer: SegmentFooter?, epoch: UInt32?, _ outcome: inout CheckOutcome
    ) throws {
        var order = FrameOrder(segment.name, epoch: epoch)
        var encoder = SegmentFooterEncoder()
        var (count, faults) = (0, 0)
        let (level, name, number) = (level, name, segment.name.identifier)
        let isLog = segment.name.role == .log
        let entries = footer?.entries ?? []
        let span = FrameSpan(file: file, seed: identity.seed(of: number))
        var found = outcome
        found.byteCount += try span.walk(from: SegmentHeader.byteCount, to: segment.footerOffset, endsInZeros: false) {
            offset, step in
            switch step {
            case .damaged(let header, let bytes, _) where !header.kind.namesValue,
                .frame(let header, let bytes):
                count += 1
                if isLog { found.noteAppend(header.appendNumber, in: number) }
                // Made only where it is needed, since it copies the key.
                func record() -> CheckOutcome.Record {
                    unsafe CheckOutcome.Record(header, bytes, segment: number, at: offset)
                }
                let value = unsafe CheckOutcome.Record.valueFile(header, bytes, at: offset)
                if header.kind == .reference, let reference = unsafe CheckOutcome.Reference(header, bytes, record()) {
                    found.references.append(reference)
                    found.referencedSegments.insert(reference.reference.segment)
                }
                if header.kind == .freed, let value { found.freedSegments.insert(value.segment) }
                let keyEnd = FrameHeader.byteCount + header.keyByteCount
                unsafe encoder.append(
                    SegmentFooter.Entry(header, offset: offset, value: value),
                    key: UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.byteCount..<keyEnd]),
                    origin: UnsafeRawBufferPointer(rebasing: bytes[keyEnd..<keyEnd + header.originByteCount]))
                if let fault = order.fault(of: header, at: offset) {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault), record())
                }
                if let fault = step.fault {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault.rawValue), record())
                } else if level == .deep, let fault = unsafe FrameContent.fault(header, bytes) {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault), record())
                }
                return offset + header.frameByteCount
            case .empty, .fault, .damaged:
                faults += 1
                let what = (step.fault ?? .headerChecksum).rawValue
                // Only the footer can tell where the next frame begins and what this one was; for a reference, also
                // which file it names.
                guard let place = Self.place(of: offset, in: entries) else {
                    found.add(lostWhole(what, offset: offset))
                    return nil
                }
                let entry = entries[place]
                found.add(
                    VerificationFinding(.damage, name, offset: offset, what),
                    CheckOutcome.Record(entry, segment: number))
                return entry.offset + entry.byteCount
            }
        }
        found.frameCount += count
        outcome = found
        guard faults == 0 else { return }
        compare(encoder.finish().bytes, count: count, isFooterSound: footer != nil, order, &outcome)
    }

    /// The entry whose frame covers `offset`.
    private static func place(of offset: Int, in entries: [SegmentFooter.Entry]) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].offset + entries[middle].byteCount <= offset { low = middle + 1 } else { high = middle }
        }
        return low < entries.count ? low : nil
    }

    /// The frames are all valid; the footer made from them must be the one that the manifest lists.
    private func compare(
        _ bytes: [UInt8], count: Int, isFooterSound: Bool, _ order: FrameOrder, _ outcome: inout CheckOutcome
    ) {
        if order.endsInBatch {
            outcome.add(
                VerificationFinding(.damage, name, offset: segment.footerOffset, "a batch without its last frame"))
        }
        if count != segment.entryCount || Checksum.mask(Checksum.of(bytes)) != segment.footerCRC {
            outcome.add(
                lostWhole(
                    "the frames are not those that the manifest lists", expected: "\(segment.entryCount) frames",
                    actual: "\(count)"))
        } else if !isFooterSound {
            // The frames give the same footer again, byte for byte, so nothing is lost.
            outcome.updateFindings { if $0.severity == .rebuildable { $0.isHarmless = true } }
        }
    }

    /// The content of a reference frame, for a check that reads no other frame.
    private func reference(_ entry: SegmentFooter.Entry, _ file: any OpenFile) throws -> CheckOutcome.Reference? {
        let number = segment.name.identifier
        let location = FrameLocation(segment: number, offset: entry.offset, byteCount: entry.byteCount)
        do {
            return unsafe try FrameReader.withFrame(at: location, in: file, seed: identity.seed(of: number)) {
                frame, _ in
                unsafe CheckOutcome.Reference(
                    frame.header, frame.bytes,
                    CheckOutcome.Record(frame.header, frame.bytes, segment: number, at: entry.offset))
            }
        } catch is FrameFault {
            return nil
        }
    }

    private func lostWhole(
        _ kind: String, offset: Int? = nil, expected: String? = nil, actual: String? = nil
    ) -> VerificationFinding {
        var finding = VerificationFinding(
            .damage, name, offset: offset, kind, expected: expected, actual: actual)
        let lowest = min(segment.lowestSequenceNumber, segment.highestSequenceNumber)
        finding.lost = [.numbers("\(lowest)…\(segment.highestSequenceNumber)")]
        return finding
    }
}
