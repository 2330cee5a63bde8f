import SystemPackage

/// One look at a log, from its manifest to its last byte.
struct VerificationPass {
    let fileSystem: any FileSystem
    let directory: any OpenDirectory
    let level: VerificationLevel
    let threadCount: Int

    /// Findings of earlier looks about files that never change again. So each further look at a log that is being
    /// written only reads what is new.
    struct Settled {
        fileprivate var segments: [SegmentNumber: (segment: Manifest.Segment, outcome: CheckOutcome)] = [:]
        fileprivate var values: [SegmentNumber: (reference: ValueReference, outcome: CheckOutcome)] = [:]
    }

    /// - Returns: false if the log changed meanwhile so that another look would see more.
    func run(
        _ report: inout VerificationReport, _ settled: inout Settled, _ progress: @escaping LogVerifier.Progress
    ) throws -> Bool {
        // The order matters: everything written by now is in the chain, or in what the manifest lists, and the files of
        // the chain exist.
        report.isWritten = try directory.isLocked(FileName.lock)
        let early = try readManifest()
        let position = try early.map { try readPosition($0, &report) } ?? nil
        guard early != nil, let manifest = try readManifest() else {
            try missingManifest(&report)
            return true
        }
        let identity = identity(of: manifest)
        let files = try wrapping { () throws(FileSystemError) in try LogDirectory(directory) }
        report.findings += files.foreign.map { VerificationFinding(.note, $0, "a foreign file") }
        let chain = files.chain(after: manifest)
        let counter = ProgressCounter(progress)
        let chainCheck = ChainCheck(
            identity: identity, manifest: manifest, names: chain, position: position,
            stop: report.isWritten ? position?.written : nil, level: level)
        var outcomes = try checkSegments(manifest, identity, chain, chainCheck, counter, &settled)
        outcomes += try checkValues(outcomes, identity, counter, &settled)
        if report.isWritten, outcomes.contains(where: { $0.missingValue != nil }) {
            let freed = try freedMeanwhile(manifest, identity)
            outcomes.removeAll { $0.missingValue.map(freed.contains) ?? false }
        }
        let start = (manifest.generation, report.isWritten)
        // If a missing file is no longer listed, nothing is lost: the next look sees what replaced it.
        let hasVanished = try outcomes.contains { $0.isMissing } && !isStill(start)
        if hasVanished { outcomes = outcomes.filter { !$0.isMissing } }
        for outcome in outcomes {
            report.byteCount += outcome.byteCount
            report.frameCount += outcome.frameCount
        }
        report.segmentCount = max(0, outcomes.count - 1) + chain.count
        try conclude(outcomes, files, manifest, identity, &report)
        if hasVanished { return false }
        return try report.exitCode == 0 || isStill(start)
    }

    /// Whether the manifest is still the same, and the same writer or none at work.
    private func isStill(_ start: (generation: UInt64, isWritten: Bool)) throws -> Bool {
        try readManifest()?.generation == start.generation
            && directory.isLocked(FileName.lock) == start.isWritten
    }

    /// The values that the chain declares freed by now. A writer does so before it removes the file of a value.
    private func freedMeanwhile(_ manifest: Manifest, _ identity: LogIdentity) throws -> Set<SegmentNumber> {
        let position = try PositionStatement.read(identity)
        let chain = try wrapping { () throws(FileSystemError) in try LogDirectory(directory) }.chain(after: manifest)
        let check = ChainCheck(
            identity: identity, manifest: manifest, names: chain, position: position, stop: position?.written,
            level: .quick)
        return try Self.guarding(chain.last?.fileName ?? "") { try check.run() }.freedSegments
    }

    /// What all parts together show: which records are live, whether groups are whole, and which files are orphans.
    private func conclude(
        _ outcomes: [CheckOutcome], _ files: LogDirectory, _ manifest: Manifest, _ identity: LogIdentity,
        _ report: inout VerificationReport
    ) throws {
        report.findings += Self.orderAcrossSegments(outcomes)
        let wantsIndex = outcomes.contains { outcome in
            outcome.chainDamage != nil || outcome.items.contains { $0.record != nil }
        }
        guard level == .deep || wantsIndex else {
            report.findings += outcomes.flatMap(\.items).map(\.finding)
            if level > .quick { report.findings += try RebuiltIndex.checkSnapshot(identity, manifest) }
            return
        }
        var index = RebuiltIndex(outcomes, manifest: manifest, identity: identity)
        if level == .deep {
            // This comes before the judgement, which adds lost records to the index.
            let isSound = outcomes.allSatisfy { $0.items.isEmpty && $0.chainDamage == nil }
            report.liveByteCount = index.live.liveByteCount
            report.findings += index.groupFindings
            // An active writer's snapshot may be newer than the manifest that was read.
            report.findings += try index.checkSnapshot(isExact: isSound && !report.isWritten)
            report.findings += orphans(files, manifest, outcomes, isWritten: report.isWritten)
        } else if level == .full {
            report.findings += try index.checkSnapshot(isExact: false)
        }
        report.findings += index.judge(outcomes)
    }

    private func identity(of manifest: Manifest) -> LogIdentity {
        LogIdentity(
            fileSystem: fileSystem, directory: directory, identifier: manifest.identifier,
            hashSecret: manifest.hashSecret)
    }

    // MARK: Parts

    private func checkSegments(
        _ manifest: Manifest, _ identity: LogIdentity, _ chain: [SegmentName], _ chainCheck: ChainCheck,
        _ counter: ProgressCounter, _ settled: inout Settled
    ) throws -> [CheckOutcome] {
        var outcomes: [CheckOutcome] = []
        var fresh: [Manifest.Segment] = []
        for segment in manifest.segments {
            if let known = settled.segments[segment.name.identifier], known.segment == segment {
                outcomes.append(known.outcome)
            } else {
                fresh.append(segment)
            }
        }
        counter.expect(fresh.reduce(0) { $0 + $1.byteCount })
        let found = try Lanes.map(below: fresh.count + 1, laneCount: threadCount) { [fresh, level] index in
            // The chain first, for it is often the longest.
            guard index > 0 else { return try Self.guarding(chain.last?.fileName ?? "") { try chainCheck.run() } }
            let segment = fresh[index - 1]
            let check = SegmentCheck(identity: identity, segment: segment, level: level)
            let outcome = try Self.guarding(segment.name.fileName) { try check.run() }
            counter.advance(segment.byteCount)
            return outcome
        }
        for (segment, outcome) in zip(fresh, found.dropFirst()) where !outcome.isMissing {
            settled.segments[segment.name.identifier] = (segment, outcome)
        }
        return found + outcomes
    }

    /// Large values whose files no longer exist, according to frames. This is no damage.
    private static func freedSegments(_ outcomes: [CheckOutcome]) -> Set<SegmentNumber> {
        outcomes.reduce(into: []) { $0.formUnion($1.freedSegments) }
    }

    private func checkValues(
        _ outcomes: [CheckOutcome], _ identity: LogIdentity, _ counter: ProgressCounter, _ settled: inout Settled
    ) throws -> [CheckOutcome] {
        var references: [SegmentNumber: CheckOutcome.Reference] = [:]
        let freed = outcomes.reduce(into: Self.freedSegments(outcomes)) { $0.formUnion($1.lostValues) }
        for reference in outcomes.lazy.flatMap(\.references)
        where references[reference.reference.segment] == nil && !freed.contains(reference.reference.segment) {
            references[reference.reference.segment] = reference
        }
        var known: [CheckOutcome] = []
        var fresh: [CheckOutcome.Reference] = []
        for (segment, reference) in references.sorted(by: { $0.key < $1.key }) {
            if let value = settled.values[segment], value.reference == reference.reference {
                known.append(value.outcome)
            } else {
                fresh.append(reference)
            }
        }
        counter.expect(fresh.reduce(0) { $0 + $1.reference.fileByteCount })
        let found = try Lanes.map(below: fresh.count, laneCount: threadCount) { [fresh, level] index in
            let reference = fresh[index]
            let check = ValueSegmentCheck(identity: identity, reference: reference, level: level)
            let name = SegmentName(reference.reference.segment, .value)
            let outcome = try Self.guarding(name.fileName) { try check.run() }
            counter.advance(reference.reference.fileByteCount)
            return outcome
        }
        for (reference, outcome) in zip(fresh, found) where !outcome.isMissing {
            settled.values[reference.reference.segment] = (reference.reference, outcome)
        }
        return found + known
    }

    /// Turns an error of one file into a finding, so that the check of the others continues.
    private static func guarding(_ file: String, _ body: () throws -> CheckOutcome) throws -> CheckOutcome {
        var outcome = CheckOutcome()
        do {
            return try body()
        } catch let error as FileSystemError {
            outcome.isMissing = error.code == .noSuchFileOrDirectory
            outcome.add(LogVerifier.finding(CheckpointLogError(error), in: file))
        } catch let error as CheckpointLogError {
            outcome.isMissing = (error.cause as? FileSystemError)?.code == .noSuchFileOrDirectory
            outcome.add(LogVerifier.finding(error, in: file))
        }
        return outcome
    }

    /// The frames of log segments must ascend across segments too.
    private static func orderAcrossSegments(_ outcomes: [CheckOutcome]) -> [VerificationFinding] {
        var findings: [VerificationFinding] = []
        let ordered = outcomes.compactMap(\.appendNumbers).sorted { $0.segment < $1.segment }
        for (before, numbers) in zip(ordered, ordered.dropFirst()) where numbers.first <= before.last {
            findings.append(
                VerificationFinding(
                    .damage, SegmentName(numbers.segment, .log).fileName, offset: SegmentHeader.byteCount,
                    "append numbers do not ascend from segment \(before.segment)", expected: "over \(before.last)",
                    actual: "\(numbers.first)"))
        }
        return findings
    }

    /// Files that no record needs. Under an active writer they cannot be distinguished from unfinished work.
    private func orphans(
        _ files: LogDirectory, _ manifest: Manifest, _ outcomes: [CheckOutcome], isWritten: Bool
    ) -> [VerificationFinding] {
        guard !isWritten else { return [] }
        let listed = Set(manifest.segments.map(\.name))
        let referenced = outcomes.reduce(into: Set<SegmentNumber>()) { $0.formUnion($1.referencedSegments) }
            .subtracting(Self.freedSegments(outcomes))
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

    // MARK: Manifest and POSITION

    /// Nil if there is no readable manifest.
    private func readManifest() throws -> Manifest? {
        do {
            return try Manifest.read(in: directory)
        } catch let error as CheckpointLogError where error.code == .damaged {
            return nil
        }
    }

    private func missingManifest(_ report: inout VerificationReport) throws {
        let files = try wrapping { () throws(FileSystemError) in try LogDirectory(directory) }
        report.findings += files.foreign.map { VerificationFinding(.note, $0, "a foreign file") }
        if files.hasManifest {
            report.findings.append(VerificationFinding(.damage, FileName.manifest, "the manifest is damaged"))
        } else if !files.segments.isEmpty {
            report.findings.append(
                VerificationFinding(.damage, FileName.manifest, "the manifest is missing, and segments are there"))
        } else {
            throw CheckpointLogError.notALog(path: directory.path.string, "it has no \(FileName.manifest).")
        }
    }

    private func readPosition(
        _ manifest: Manifest, _ report: inout VerificationReport
    ) throws -> PositionStatement? {
        var position = try PositionStatement.read(identity(of: manifest))
        if !report.isWritten { position = position?.possible(in: manifest) }
        if position == nil {
            report.findings.append(
                VerificationFinding(.rebuildable, FileName.position, "the page is missing or damaged"))
        } else if position?.isSound == false {
            report.findings.append(
                VerificationFinding(
                    .rebuildable, FileName.position,
                    "a position is impossible or has wrong check bits, or a reserved byte is not zero"))
        }
        return position
    }
}
