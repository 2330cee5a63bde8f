internal import CBOR
import SystemPackage

/// Checks the file of one large value against the reference that commits it.
struct ValueSegmentCheck {
    /// A value with up to this many bytes, the default limit, is decoded as a whole.
    private static let contentByteLimit = 4 << 30

    let identity: LogIdentity
    let reference: CheckOutcome.Reference
    let level: VerificationLevel

    private var segment: SegmentName { SegmentName(reference.reference.segment, .value) }
    private var name: String { segment.fileName }

    func run() throws -> CheckOutcome {
        var outcome = CheckOutcome()
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(segment, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            outcome.isMissing = true
            outcome.missingValue = segment.identifier
            outcome.add(VerificationFinding(.damage, name, "the file of a large value is missing"), reference.record)
            return outcome
        } catch {
            throw CheckpointLogError(error)
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount == reference.reference.fileByteCount else {
            outcome.add(
                VerificationFinding(
                    .damage, name, "the file's length", expected: "\(reference.reference.fileByteCount)",
                    actual: "\(byteCount)"), reference.record)
            return outcome
        }
        try checkHeader(file, &outcome)
        guard level > .quick else { return outcome }
        let footer: SegmentFooter
        do {
            footer = try ValueSegment.footer(of: reference.reference, file: file)
        } catch let error as CheckpointLogError {
            outcome.add(
                VerificationFinding(.damage, name, offset: error.location?.offset, "the footer is damaged"),
                reference.record)
            return outcome
        }
        let content = footer.entries.reduce(0) { $0 + $1.contentByteCount }
        if content != reference.reference.contentByteCount {
            outcome.add(
                VerificationFinding(
                    .damage, name, "the value's length", expected: "\(reference.reference.contentByteCount)",
                    actual: "\(content)"), reference.record)
        }
        try checkChunks(file, footer, &outcome)
        if level == .deep, outcome.items.isEmpty, !reference.isRaw { try checkContent(&outcome) }
        outcome.sumUp(name)
        return outcome
    }

    private func checkHeader(_ file: any OpenFile, _ outcome: inout CheckOutcome) throws {
        let bytes = try file.bytes(0..<SegmentHeader.byteCount) ?? []
        let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
        if let header, header.segment == segment.identifier, header.role == .value,
            header.hashSecret == identity.hashSecret
        {
            return
        }
        var finding = VerificationFinding(.damage, name, offset: 0, "the segment's header is damaged")
        // No restore reads it, and the chunks have checksums of their own.
        finding.isHarmless = true
        outcome.add(finding)
    }

    private func checkContent(_ outcome: inout CheckOutcome) throws {
        guard reference.reference.contentByteCount <= Self.contentByteLimit else {
            outcome.add(VerificationFinding(.note, name, "over 4 GiB: its chunks were checked, its CBOR was not"))
            return
        }
        let content = try ValueSegment.read(reference.reference, identity: identity)
        do throws(CBORError) {
            try CBORValidation.check(content)
        } catch {
            outcome.add(VerificationFinding(.damage, name, "the content is no CBOR: \(error)"), reference.record)
        }
    }

    private func checkChunks(_ file: any OpenFile, _ footer: SegmentFooter, _ outcome: inout CheckOutcome) throws {
        var index = 0
        var found = outcome
        let span = FrameSpan(file: file, seed: identity.seed(of: segment.identifier))
        found.byteCount += try span.walk(from: SegmentHeader.byteCount, to: footer.frameEnd, endsInZeros: false) {
            offset, step in
            defer { index += 1 }
            guard footer.entries.indices.contains(index) else { return nil }
            let entry = footer.entries[index]
            switch step {
            case .frame(let header, let bytes):
                found.frameCount += 1
                if header.crc != entry.headerCRC || header.kind != .chunk
                    || header.sequenceNumber != reference.reference.chunkNumber
                    || header.contentByteCount != entry.contentByteCount
                {
                    found.add(
                        VerificationFinding(.damage, name, offset: offset, "a chunk of another value"),
                        reference.record)
                } else if level == .deep, let fault = unsafe FrameContent.fault(header, bytes) {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault), reference.record)
                }
            case .empty, .fault, .damaged:
                let fault = step.fault ?? .truncated
                found.add(VerificationFinding(.damage, name, offset: offset, fault.rawValue), reference.record)
            }
            return entry.offset + entry.byteCount
        }
        outcome = found
    }
}
