import SystemPackage

/// One look at a log, from its manifest to its last byte.
struct VerificationPass {
    let directory: FilePath
    let level: VerificationLevel
    let fileSystem: any FileSystem
    let threadCount: Int
    let versionsKept: [Int: Int]

    private struct Files {
        var segments: [SegmentName] = []
        var temporaries: [String] = []
        var foreign: [String] = []
    }

    /// A unit of work for one thread.
    private typealias Job = @Sendable () throws -> CheckOutcome

    /// - Returns: the manifest's generation before and after.
    func run(_ report: inout VerificationReport, _ progress: @escaping LogVerifier.Progress) throws -> [UInt64] {
        let files = try listing()
        guard let manifest = try manifest(files, &report) else { return [] }
        let identity = LogIdentity(
            fileSystem: fileSystem, directory: directory, identifier: manifest.identifier, hashKey: manifest.hashKey)
        report.isWritten = try fileSystem.isLocked(identity.path(FileName.lock))
        let position = try PositionPage.read(identity)
        for name in files.foreign { report.findings.append(VerificationFinding(.note, name, "a foreign file")) }
        checkPosition(position, &report)
        let collects = level == .deep
        let total = manifest.segments.reduce(0) { $0 + $1.byteCount }
        let done = Lock(0)
        var jobs: [Job] = manifest.segments.map { segment in
            {
                let check = SegmentCheck(
                    identity: identity, segment: segment, level: level, collectsRecords: collects)
                let outcome = try Self.guarding(segment.name.fileName) { try check.run() }
                progress(
                    done.withLock { done in
                        done += segment.byteCount; return done
                    }, total)
                return outcome
            }
        }
        let chain = files.segments.filter { $0.role == .log && $0.identifier > manifest.lastSealed }
        let chainCheck = ChainCheck(
            identity: identity, names: chain, lastSealed: manifest.lastSealed, position: position,
            stop: report.isWritten ? position?.written : nil, level: level)
        jobs.append { try Self.guarding(chain.last?.fileName ?? "") { try chainCheck.run() } }
        var outcomes = try run(jobs)
        let references = references(outcomes, manifest, identity)
        outcomes += try run(
            references.map { reference in
                {
                    let check = ValueSegmentCheck(
                        identity: identity, reference: reference.reference, record: reference.record,
                        isRaw: reference.isRaw, level: level)
                    return try Self.guarding(SegmentName(reference.reference.segment, .value).fileName) {
                        try check.run()
                    }
                }
            })
        for outcome in outcomes {
            report.byteCount += outcome.byteCount
            report.frameCount += outcome.frameCount
        }
        report.segmentCount = manifest.segments.count + chain.count + references.count
        let index = RebuiltIndex(identity: identity, manifest: manifest, versionsKept: versionsKept)
        report.findings += index.judge(outcomes)
        if level == .deep {
            report.findings += orphans(files, manifest, references)
            report.findings += index.compare(outcomes, isWritten: report.isWritten)
        } else if level == .full {
            report.findings += index.checkSnapshot()
        }
        let after = try self.manifest(files, &report)?.generation ?? manifest.generation
        return [manifest.generation, after]
    }

    private func listing() throws -> Files {
        var files = Files()
        let entries: [DirectoryEntry]
        do throws(FileSystemError) {
            entries = try fileSystem.entries(of: directory)
        } catch  where error.code == .noSuchFileOrDirectory || error.code == .notDirectory {
            throw CheckpointLogError.notALog(path: directory.string, "the directory does not exist.")
        } catch {
            throw CheckpointLogError(error)
        }
        for entry in entries {
            if !entry.isRegularFile, entry.name != FileName.quarantine || !entry.isDirectory {
                files.foreign.append(entry.name)
            } else if let segment = SegmentName(fileName: entry.name) {
                files.segments.append(segment)
            } else if !FileName.isKnown(entry.name) {
                files.foreign.append(entry.name)
            } else if entry.name.hasSuffix(FileName.temporarySuffix) {
                files.temporaries.append(entry.name)
            }
        }
        files.segments.sort { $0.identifier < $1.identifier }
        return files
    }

    private func manifest(_ files: Files, _ report: inout VerificationReport) throws -> Manifest? {
        let path = directory.appending(FileName.manifest)
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try fileSystem.openFile(path, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            guard files.segments.isEmpty else {
                report.findings.append(
                    VerificationFinding(.damage, FileName.manifest, "the manifest is missing, and segments are there"))
                return nil
            }
            throw CheckpointLogError.notALog(path: directory.string, "it has no \(FileName.manifest).")
        } catch {
            throw CheckpointLogError(error)
        }
        defer { file.close() }
        let byteCount = try file.byteCount()
        guard byteCount <= 128 << 20, let bytes = try file.bytes(0..<byteCount),
            let manifest = try Manifest(bytes, path: path.string)
        else {
            report.findings.append(VerificationFinding(.damage, FileName.manifest, "the manifest is damaged"))
            return nil
        }
        return manifest
    }

    private func checkPosition(_ position: PositionPage.Content?, _ report: inout VerificationReport) {
        if position == nil {
            report.findings.append(
                VerificationFinding(.rebuildable, FileName.position, "the page is missing or damaged"))
        } else if position?.isSound == false {
            report.findings.append(
                VerificationFinding(.rebuildable, FileName.position, "a position has wrong check bits"))
        }
    }

    /// An error of one file is a finding there, and the check of the others goes on.
    private static func guarding(_ file: String, _ body: () throws -> CheckOutcome) throws -> CheckOutcome {
        do {
            return try body()
        } catch let error as FileSystemError {
            var outcome = CheckOutcome()
            outcome.add(VerificationFinding(.unreadable, file, "\(error)"))
            return outcome
        } catch let error as CheckpointLogError {
            var outcome = CheckOutcome()
            var finding = LogVerifier.finding(error)
            if finding.file.isEmpty { finding.file = file }
            outcome.add(finding)
            return outcome
        }
    }

    /// Runs jobs on a bounded set of threads; their outcomes stand in the order of the jobs.
    private func run(_ jobs: [Job]) throws -> [CheckOutcome] {
        let next = Lock(0)
        let results = Lock([Int: Result<CheckOutcome, any Error>]())
        let work: @Sendable () -> Void = {
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < jobs.count else { return }
                let result = Result { try jobs[index]() }
                results.withLock { $0[index] = result }
            }
        }
        let threads = (1..<max(1, min(threadCount, jobs.count))).map { _ in NamedThread(name: "ckpt-verify", work) }
        work()
        for thread in threads { thread.join() }
        return try results.withLock { results in try jobs.indices.compactMap { try results[$0]?.get() } }
    }

    private struct Reference: Sendable {
        var reference: ValueReference
        var record: CheckOutcome.Record
        var isRaw: Bool
    }

    /// The references in all frames that hold, each value segment once.
    private func references(
        _ outcomes: [CheckOutcome], _ manifest: Manifest, _ identity: LogIdentity
    ) -> [Reference] {
        var found: [UInt32: Reference] = [:]
        var records = outcomes.flatMap(\.records).filter { $0.kind == .reference }
        if level < .deep {
            for segment in manifest.segments {
                // A footer that does not read is a finding of its own.
                guard let footer = try? LogFooters(identity: identity).footer(of: segment) else { continue }
                records += footer.entries.filter { $0.kind == .reference }.map { entry in
                    CheckOutcome.Record(
                        kind: entry.kind, level: entry.level, key: entry.key, origin: entry.origin,
                        sequenceNumber: entry.sequenceNumber,
                        location: FrameLocation(
                            segment: segment.name.identifier, offset: entry.offset, byteCount: entry.byteCount),
                        valueSegment: entry.valueSegment)
                }
            }
        }
        let roles = Dictionary(manifest.segments.map { ($0.name.identifier, $0.name) }) { first, _ in first }
        for record in records where found[record.valueSegment] == nil {
            let name = roles[record.location.segment] ?? SegmentName(record.location.segment, .log)
            // A frame that does not read is a finding of its own.
            guard let (reference, isRaw) = try? reference(record, name, identity) else { continue }
            found[record.valueSegment] = Reference(reference: reference, record: record, isRaw: isRaw)
        }
        return found.values.sorted { $0.reference.segment < $1.reference.segment }
    }

    private func reference(
        _ record: CheckOutcome.Record, _ name: SegmentName, _ identity: LogIdentity
    ) throws -> (ValueReference, isRaw: Bool)? {
        let file = try fileSystem.openFile(identity.path(name), .read)
        defer { file.close() }
        let offset = record.location.offset
        return unsafe try BufferPool.shared.withBuffer(byteCount: record.location.byteCountBound) { buffer in
            let count = unsafe try file.read(into: buffer, at: offset)
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
            let header = unsafe try FrameDecoder.header(in: bytes, at: offset, seed: identity.seed(of: name.identifier))
            unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
            let payload = unsafe Array(bytes[header.prefixByteCount..<header.prefixByteCount + header.storedByteCount])
            return ValueReference(payload).map { ($0, header.flags.contains(.raw)) }
        }
    }

    private func orphans(
        _ files: Files, _ manifest: Manifest, _ references: [Reference]
    ) -> [VerificationFinding] {
        let listed = Set(manifest.segments.map(\.name))
        let referenced = Set(references.map(\.reference.segment))
        var names = files.temporaries
        for name in files.segments where !listed.contains(name) {
            switch name.role {
            case .output: names.append(name.fileName)
            case .value: if !referenced.contains(name.identifier) { names.append(name.fileName) }
            case .log: if name.identifier <= manifest.lastSealed { names.append(name.fileName) }
            }
        }
        return names.map { VerificationFinding(.note, $0, "an orphan that the next opening for writing removes") }
    }
}
