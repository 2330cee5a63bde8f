internal import CBOR
import SystemPackage

/// What the check of one file found, before it is known which of its records are live.
struct CheckOutcome: Sendable {
    /// A finding, and the record it is about.
    struct Item: Sendable {
        var finding: VerificationFinding
        var record: Record?
    }

    /// A record by name, for the question whether it is live.
    struct Record: Sendable {
        var kind: RecordKind
        var level: UInt8
        var key: [UInt8]
        var origin: [UInt8]
        var sequenceNumber: SequenceNumber
        var location: FrameLocation
        var valueSegment: UInt32 = 0
    }

    var items: [Item] = []
    var byteCount = 0
    var frameCount = 0
    /// Records of the frames that hold, where they were asked for.
    var records: [Record] = []

    /// Findings about one file at the most: what is damaged all over need not be listed frame by frame.
    static let itemLimit = 1_000

    var isFull: Bool { items.count > Self.itemLimit }

    /// Takes a finding in; the last one that there is room for says that there are more.
    mutating func add(_ finding: VerificationFinding, _ record: Record? = nil) {
        guard !isFull else { return }
        if items.count == Self.itemLimit {
            var rest = VerificationFinding(
                finding.severity, finding.file, offset: finding.offset,
                "more findings from here on, which are not listed")
            rest.lost = [VerificationFinding.Lost(level: 0, key: "", origin: "", sequenceNumber: "not determined")]
            items.append(Item(finding: rest, record: nil))
        } else {
            items.append(Item(finding: finding, record: record))
        }
    }
}

extension [SegmentFooter.Entry] {
    /// Where the entries behind `offset` begin. They ascend, so half of them are left out at each step.
    fileprivate func firstIndex(after offset: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Checks one sealed segment against what the manifest states of it.
struct SegmentCheck {
    let identity: LogIdentity
    let segment: Manifest.Segment
    let level: VerificationLevel
    let collectsRecords: Bool

    private var name: String { segment.name.fileName }

    func run() throws -> CheckOutcome {
        var outcome = CheckOutcome()
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.fileSystem.openFile(identity.path(segment.name), .read)
        } catch  where error.code == .noSuchFileOrDirectory {
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
        try checkHeader(file, &outcome)
        let trailerBytes = try file.bytes(byteCount - SegmentFooter.trailerByteCount..<byteCount) ?? []
        if !isSound(SegmentTrailer(trailerBytes)) {
            outcome.add(
                VerificationFinding(
                    .rebuildable, name, offset: byteCount - SegmentFooter.trailerByteCount, "the trailer is damaged"))
        }
        guard level > .quick else { return outcome }
        let footerEnd = byteCount - SegmentFooter.trailerByteCount
        let footerBytes = try file.bytes(segment.footerOffset..<max(segment.footerOffset, footerEnd)) ?? []
        let isFooterSound = Checksum.mask(Checksum.of(footerBytes)) == segment.footerCRC
        if !isFooterSound {
            outcome.add(VerificationFinding(.rebuildable, name, offset: segment.footerOffset, "the footer is damaged"))
        }
        let footer = isFooterSound ? SegmentFooter(footerBytes, count: segment.entryCount) : nil
        try checkFrames(file, footer, &outcome)
        return outcome
    }

    private func isSound(_ trailer: SegmentTrailer?) -> Bool {
        guard let trailer else { return false }
        return trailer.segment == segment.name.identifier && trailer.footerCRC == segment.footerCRC
            && trailer.footerOffset == segment.footerOffset && trailer.entryCount == segment.entryCount
    }

    private func checkHeader(_ file: any OpenFile, _ outcome: inout CheckOutcome) throws {
        let bytes = try file.bytes(0..<SegmentHeader.byteCount) ?? []
        let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
        guard let header, header.segment == segment.name.identifier, header.role == segment.name.role,
            header.hashKey == identity.hashKey
        else {
            var finding = VerificationFinding(.damage, name, offset: 0, "the segment's header is damaged")
            // Nothing restores from it; the frames carry their own proof.
            finding.isHarmless = true
            outcome.add(finding)
            return
        }
    }

    private func checkFrames(_ file: any OpenFile, _ footer: SegmentFooter?, _ outcome: inout CheckOutcome) throws {
        var order = FrameOrder(segment.name)
        var encoder = SegmentFooterEncoder()
        var (count, faults) = (0, 0)
        let (level, name) = (level, name)
        let entries = footer?.entries ?? []
        let span = FrameSpan(file: file, seed: identity.seed(of: segment.name.identifier))
        var found = outcome
        found.byteCount += try span.walk(from: SegmentHeader.byteCount, to: segment.footerOffset) { offset, step in
            switch step {
            case .frame(let header, let bytes):
                count += 1
                let valueSegment = unsafe Self.valueSegment(header, bytes)
                let keyEnd = FrameHeader.byteCount + header.keyByteCount
                let key = unsafe UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.byteCount..<keyEnd])
                let origin = unsafe UnsafeRawBufferPointer(rebasing: bytes[keyEnd..<header.prefixByteCount])
                unsafe encoder.append(
                    SegmentFooter.Entry(header, offset: offset, valueSegment: valueSegment), key: key, origin: origin)
                lazy var record = unsafe record(header, offset, Array(key), Array(origin), valueSegment)
                if let fault = order.fault(of: header, at: offset) {
                    found.add(
                        VerificationFinding(
                            .damage, name, offset: offset, fault.kind, expected: fault.expected, actual: fault.actual),
                        record)
                }
                if level == .deep, let fault = unsafe Self.contentFault(header, bytes) {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault), record)
                } else if collectsRecords, header.kind.isRecord {
                    found.records.append(record)
                }
                return found.isFull ? nil : offset + header.frameByteCount
            case .empty, .fault:
                faults += 1
                let behind = entries.firstIndex(after: offset)
                let entry = behind > 0 ? entries[behind - 1] : nil
                var what = FrameFault.headerChecksum.rawValue
                if case .fault(let fault) = step { what = fault.rawValue }
                let next = behind < entries.count && !found.isFull ? entries[behind].offset : nil
                found.add(
                    entry == nil && footer == nil
                        ? lostWhole(what, offset: offset) : VerificationFinding(.damage, name, offset: offset, what),
                    entry.map { record($0) })
                return next
            }
        }
        found.frameCount += count
        outcome = found
        guard faults == 0 else { return }
        if order.endsInBatch {
            outcome.add(
                VerificationFinding(.damage, name, offset: segment.footerOffset, "a batch without its last frame"))
        }
        let bytes = encoder.finish()
        if count != segment.entryCount || Checksum.mask(Checksum.of(bytes)) != segment.footerCRC {
            outcome.add(
                lostWhole(
                    "the frames are not those that the manifest lists", expected: "\(segment.entryCount) frames",
                    actual: "\(count)"))
        } else if footer == nil {
            // The frames give the footer again, byte for byte: nothing is lost by it.
            for index in outcome.items.indices where outcome.items[index].finding.severity == .rebuildable {
                outcome.items[index].finding.isHarmless = true
            }
        }
    }

    static func valueSegment(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard header.kind == .reference, header.compression == .none else { return 0 }
        let end = header.prefixByteCount + header.storedByteCount
        return unsafe ValueReference(Array(bytes[header.prefixByteCount..<end]))?.segment ?? 0
    }

    /// What is wrong with the content of a frame whose payload holds.
    static func contentFault(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer) -> String? {
        do {
            return unsafe try FrameDecoder.withContent(of: header, in: bytes) { content in
                switch header.kind {
                case .value where !header.flags.contains(.raw):
                    do throws(CBORError) {
                        unsafe try CBORValidation.check(content)
                    } catch {
                        return "the content is no CBOR: \(error)"
                    }
                case .reference:
                    guard unsafe ValueReference(Array(content)) != nil else { return "the reference is not one" }
                case .group:
                    guard unsafe GroupMembers(Array(content)) != nil else { return "the list of members is not one" }
                case .mark:
                    guard unsafe ChildMark(Array(content)) != nil else { return "the mark is not one" }
                default: break
                }
                return nil
            }
        } catch let fault as FrameFault {
            return fault.rawValue
        } catch {
            return "\(error)"
        }
    }

    private func record(
        _ header: FrameHeader, _ offset: Int, _ key: [UInt8], _ origin: [UInt8], _ valueSegment: UInt32
    ) -> CheckOutcome.Record {
        CheckOutcome.Record(
            kind: header.kind, level: header.level, key: key, origin: origin, sequenceNumber: header.sequenceNumber,
            location: FrameLocation(
                segment: segment.name.identifier, offset: offset, byteCount: header.frameByteCount),
            valueSegment: valueSegment)
    }

    private func record(_ entry: SegmentFooter.Entry) -> CheckOutcome.Record {
        CheckOutcome.Record(
            kind: entry.kind, level: entry.level, key: entry.key, origin: entry.origin,
            sequenceNumber: entry.sequenceNumber,
            location: FrameLocation(
                segment: segment.name.identifier, offset: entry.offset, byteCount: entry.byteCount),
            valueSegment: entry.valueSegment)
    }

    private func lostWhole(
        _ kind: String, offset: Int? = nil, expected: String? = nil, actual: String? = nil
    ) -> VerificationFinding {
        var finding = VerificationFinding(
            .damage, name, offset: offset, kind, expected: expected, actual: actual)
        let lowest = min(segment.lowestSequenceNumber, segment.highestSequenceNumber)
        finding.lost = [
            VerificationFinding.Lost(
                level: 0, key: "", origin: "", sequenceNumber: "\(lowest)…\(segment.highestSequenceNumber)")
        ]
        return finding
    }
}
