internal import CBOR
import SystemPackage

/// Checks the file of one large value against the reference that commits it.
struct ValueSegmentCheck {
    /// Bytes of a value that is put together to be read as CBOR: a few megabytes of file can decompress to a thousand times as much.
    private static let contentByteLimit = 1 << 30

    let identity: LogIdentity
    let reference: ValueReference
    let record: CheckOutcome.Record
    let isRaw: Bool
    let level: VerificationLevel

    func run() throws -> CheckOutcome {
        var outcome = CheckOutcome()
        let name = SegmentName(reference.segment, .value)
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.fileSystem.openFile(identity.path(name), .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            outcome.add(VerificationFinding(.damage, name.fileName, "the file of a large value is missing"), record)
            return outcome
        } catch {
            throw CheckpointLogError(error)
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount == reference.fileByteCount else {
            outcome.add(
                VerificationFinding(
                    .damage, name.fileName, "the file's length", expected: "\(reference.fileByteCount)",
                    actual: "\(byteCount)"), record)
            return outcome
        }
        let bytes = try file.bytes(0..<SegmentHeader.byteCount) ?? []
        let header = try SegmentHeader(bytes, of: identity.identifier, path: file.path.string)
        if header?.segment != reference.segment || header?.role != .value {
            var finding = VerificationFinding(.damage, name.fileName, offset: 0, "the segment's header is damaged")
            finding.isHarmless = true
            outcome.add(finding)
        }
        guard level > .quick else { return outcome }
        let footer: SegmentFooter
        do {
            footer = try ValueSegment.footer(of: reference, file: file)
        } catch let error as CheckpointLogError {
            outcome.add(
                VerificationFinding(.damage, name.fileName, offset: error.location?.offset, "the footer is damaged"),
                record)
            return outcome
        }
        try checkChunks(file, footer, name.fileName, &outcome)
        if level == .deep, outcome.items.isEmpty, !isRaw {
            guard reference.contentByteCount <= Self.contentByteLimit else {
                outcome.add(
                    VerificationFinding(
                        .note, name.fileName,
                        "the value is too large to be held in memory: its chunks hold, its CBOR was not read"))
                return outcome
            }
            let content = try ValueSegment.read(reference, identity: identity)
            do throws(CBORError) {
                try CBORValidation.check(content)
            } catch {
                outcome.add(VerificationFinding(.damage, name.fileName, "the content is no CBOR: \(error)"), record)
            }
        }
        return outcome
    }

    private func checkChunks(
        _ file: any OpenFile, _ footer: SegmentFooter, _ name: String, _ outcome: inout CheckOutcome
    ) throws {
        var index = 0
        var found = outcome
        let span = FrameSpan(file: file, seed: identity.seed(of: reference.segment))
        found.byteCount += try span.walk(from: SegmentHeader.byteCount, to: footer.frameEnd) { offset, step in
            defer { index += 1 }
            guard footer.entries.indices.contains(index) else { return nil }
            let entry = footer.entries[index]
            switch step {
            case .frame(let header, let bytes):
                found.frameCount += 1
                if header.crc != entry.headerCRC || header.kind != .chunk
                    || header.sequenceNumber != reference.chunkNumber
                {
                    found.add(VerificationFinding(.damage, name, offset: offset, "a chunk of another value"), record)
                } else if level == .deep, let fault = unsafe SegmentCheck.contentFault(header, bytes) {
                    found.add(VerificationFinding(.damage, name, offset: offset, fault), record)
                }
            case .empty, .fault:
                var what = "the chunk is missing"
                if case .fault(let fault) = step { what = fault.rawValue }
                found.add(VerificationFinding(.damage, name, offset: offset, what), record)
            }
            return found.isFull ? nil : entry.offset + entry.byteCount
        }
        outcome = found
    }
}
