import CheckpointLog
import SystemPackage
import TestSupport

/// How the log ends and begins again, readers beside it, and damage.
extension RandomLife {
    /// Cuts the power at one of the next calls that change the disk.
    func cutSoon(within count: Int) {
        let call = disk.mutatingCallCount + 1 + generator.number(below: count)
        disk.cutPower(atCall: call, tearing: generator.isOne(in: 2) ? generator.next() : nil)
    }

    func open() async throws -> CheckpointLog {
        configuration.fileSystem = disk
        return try await CheckpointLog.open(at: Self.path.string, configuration: configuration)
    }

    func reopen() async throws {
        let log = try opened
        try await log.close()
        if disk.isPowerCut { return }
        oracle.acknowledgeSave()
        heldReceipt = nil
        moments = []
        try verify(Self.path, allowing: [])
        configure()
        self.log = try await open()
        if disk.isPowerCut { return }
        let observation = try await observe(opened)
        try expectNone(oracle.resume(from: observation, powerWasCut: false, inFlight: []))
    }

    /// Ends the process, or lets the power go, also while the log is opened again, until it is open.
    func crash() async throws {
        var powerWasCut = false
        var attempts = 0
        repeat {
            powerWasCut = try await reboot() || powerWasCut
            attempts += 1
            // The power may have gone before there was a log, or a POSITION.
            if disk.contents(of: Self.path.appending(FileName.manifest)) != nil {
                try verify(Self.path, allowing: [.tornTail, .rebuildable])
            }
            var observation: CheckpointOracle.Observation?
            if attempts < 4, generator.isOne(in: 4) { observation = try await observeForReading() }
            if attempts < 4, generator.isOne(in: 3) { cutSoon(within: 40) }
            do {
                let log = try await open()
                if disk.isPowerCut { continue }
                self.log = log
            } catch  where !disk.isPowerCut {
                throw Contradiction("The log does not open after a crash: \(error)")
            } catch {
                note("cut at opening")
                continue
            }
            let found = try await observe(opened)
            if disk.isPowerCut { continue }
            if let observation { try compare(observation, with: found) }
            try expectNone(oracle.resume(from: found, powerWasCut: powerWasCut, inFlight: inFlight + late))
            oracle.keep(oracle.retention)
        } while disk.isPowerCut
        inFlight = []
    }

    /// Puts the disk that a crash leaves in the place of the one before; tells whether the power went.
    private func reboot() async throws -> Bool {
        let boot: CrashBoot = generator.isOne(in: 2) ? .same : .another
        let kinds: [CrashImageKind] = [.syncedOnly, .everything, .random(generator.next()), .random(generator.next())]
        let kind = kinds[generator.number(below: kinds.count)]
        if boot == .same { note("process ends") } else { note("power cut, \(kind)") }
        log = nil
        reader = nil
        heldReceipt = nil
        moments = []
        disk = disk.crashImage(kind, boot: boot)
        return boot == .another
    }

    /// The verifier finds nothing where nothing was damaged, however groups, removals and compactions have met.
    func verify(_ path: FilePath, allowing severities: Set<VerificationFinding.Severity>) throws {
        let report = LogVerifier(directory: path, level: .deep, fileSystem: disk, threadCount: 1).run()
        // Leftovers and foreign files are notes.
        let findings = report.findings.filter { $0.severity != .note && !severities.contains($0.severity) }
        try expect(findings.isEmpty, "the verifier finds \(findings)")
    }

    private func observeForReading() async throws -> CheckpointOracle.Observation? {
        var configuration = configuration
        configuration.fileSystem = disk
        do {
            let reader = try await CheckpointLog.openForReading(at: Self.path.string, configuration: configuration)
            let observation = try await observe(reader)
            try await reader.close()
            return observation
        } catch let error as CheckpointLogError where error.code == .notALog {
            // The power went before the log was first made.
            return nil
        } catch let error as Contradiction {
            throw error
        } catch {
            throw Contradiction("The log does not open for reading after a crash: \(error)")
        }
    }

    private func compare(
        _ read: CheckpointOracle.Observation, with found: CheckpointOracle.Observation
    ) throws {
        for slot in Set(read.versions.keys).union(found.versions.keys) {
            let (before, after) = (read.versions[slot]?.first?.value, found.versions[slot]?.first?.value)
            try expect(
                before == after, "\(slot) was read as \(before ?? 0) after a crash, and recovered as \(after ?? 0)")
        }
        try expect(
            read.groups.mapValues(\.first) == found.groups.mapValues(\.first),
            "groups read after a crash are not those recovered")
    }

    // MARK: Readers

    /// A reader beside the writer sees what is written.
    func compareReader() async throws {
        if reader == nil || generator.isOne(in: 8) {
            detail("anew")
            reader = try await CheckpointLog.openForReading(at: Self.path.string, configuration: configuration)
        }
        guard let reader else { return }
        // A reader goes by what the log keeps, also when an opening has changed that since.
        for _ in 0..<4 {
            let slot = chooseSlot()
            guard slot.level != Self.memoryLevel else { continue }
            try await expectNewest(of: slot, in: reader, "the reader: ")
            try await compareLabels(of: slot, in: reader)
            let seen = try await seen(in: reader, slot)
            let held = oracle.current.versions[slot] ?? []
            try expectNone(oracle.contradiction(seen, of: slot, holding: held).map { "the reader: \($0)" })
        }
        try await compareKeys(in: reader, level: [1, 2, 3, 9][generator.number(below: 4)])
        let group = OracleGroup(
            level: [1, 2, 3, 9][generator.number(below: 4)], name: Self.groupNames[generator.number(below: 3)])
        try await compare(group, in: reader)
    }

    // MARK: Damage

    /// One bit of a copy is wrong: what the copy gives is right, or an error that names the place.
    func damageCopy() async throws {
        let copy = disk.copy()
        let names = copy.fileNames(in: Self.path)
        guard let name = names.randomElement(using: &generator),
            let byteCount = copy.contents(of: Self.path.appending(name))?.count, byteCount > 0
        else { return }
        let bit = generator.number(below: byteCount * 8)
        detail("\(name) bit \(bit) of \(byteCount) bytes")
        copy.flipBit(bit, of: Self.path.appending(name))
        var configuration = configuration
        configuration.fileSystem = copy
        let writes = generator.isOne(in: 3)
        guard
            let log = try await unlessDamaged({
                writes
                    ? try await CheckpointLog.open(at: Self.path.string, configuration: configuration)
                    : try await CheckpointLog.openForReading(at: Self.path.string, configuration: configuration)
            })
        else { return }
        for slot in oracle.current.versions.keys.sorted() where slot.level != Self.memoryLevel {
            try await unlessDamaged { [self] in try await expectNewest(of: slot, in: log, "damaged, ") }
        }
        for group in oracle.current.groupNames {
            try await unlessDamaged { [self] in try await compare(group, in: log) }
        }
        try await unlessDamaged { try await log.close() }
    }

    /// What `body` gives; nil where it says that something is damaged, and where.
    @discardableResult
    private func unlessDamaged<Result>(_ body: () async throws -> Result) async throws -> Result? {
        do {
            return try await body()
        } catch let error as CheckpointLogError where error.code == .damaged || error.code == .unsupportedFormat {
            try expect(error.location != nil, "damage without a place: \(error)")
            return nil
        }
    }
}
