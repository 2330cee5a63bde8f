import CheckpointLog
import SystemPackage
import TestSupport

/// The log as it was: snapshots that stay, copies that are made while it goes on, and sources that answer late.
extension RandomLife {
    static let copyPath: FilePath = "/copy"

    /// A snapshot, and what may be found in it.
    struct Moment {
        var log: CheckpointLog
        var oracle: CheckpointOracle
        var isOfReader: Bool
    }

    // MARK: Snapshots

    /// Takes a snapshot of the log, or of the reader, and keeps it beside others.
    func takeSnapshot() async throws {
        if moments.count == 3 { try await letGo(generator.number(below: 3)) }
        let ofReader = reader != nil && generator.isOne(in: 3)
        detail(ofReader ? "of the reader" : "")
        let source = try ofReader ? reader ?? opened : opened
        moments.append(Moment(log: try await source.snapshot(), oracle: oracle, isOfReader: ofReader))
    }

    private func letGo(_ index: Int) async throws {
        let moment = moments.remove(at: index)
        // One is closed, another forgotten.
        if generator.isOne(in: 2) { try await moment.log.close() }
    }

    /// What a snapshot shows is what was there when it was taken.
    func compareSnapshot() async throws {
        guard !moments.isEmpty else { return }
        let index = generator.number(below: moments.count)
        let moment = moments[index]
        detail("\(index)\(moment.isOfReader ? ", of a reader" : "")")
        let now = oracle
        oracle = moment.oracle
        defer {
            moments[index].oracle = oracle
            oracle = now
        }
        let who = "snapshot \(index): "
        for _ in 0..<5 {
            let slot = chooseSlot()
            if moment.isOfReader, slot.level == Self.memoryLevel { continue }
            try await expectNewest(of: slot, in: moment.log, who)
            let seen = try await seen(in: moment.log, slot)
            try expectNone(oracle.contradiction(seen, of: slot, holding: held(slot)).map { who + $0 })
            if slot.level != Self.memoryLevel { try await compareLabels(of: slot, in: moment.log) }
        }
        try await compareKeys(in: moment.log, level: [1, 2, 3, 9][generator.number(below: 4)])
        let group = OracleGroup(
            level: [1, 2, 3, 9][generator.number(below: 4)], name: Self.groupNames[generator.number(below: 3)])
        try await compare(group, in: moment.log)
        if disk.isPowerCut { return }
        try expect(try opened.statistics.openSnapshotCount <= moments.count, "more snapshots are open than were taken")
    }

    // MARK: Copies

    /// A copy of the log, made by the log or by a reader, has all that was there.
    func backUp() async throws {
        let byReader = generator.isOne(in: 2)
        detail(byReader ? "by a reader" : "by the log")
        if !byReader {
            try await opened.backup(to: Self.copyPath.string)
            if disk.isPowerCut { return }
            oracle.acknowledgeSave()
        } else {
            let reader = try await CheckpointLog.openForReading(at: Self.path.string, configuration: configuration)
            try await reader.backup(to: Self.copyPath.string)
            try await reader.close()
            if disk.isPowerCut { return }
        }
        try verify(Self.copyPath, allowing: [])
        let copy = try await CheckpointLog.openForReading(
            at: Self.copyPath.string, configuration: configuration)
        let observation = try await observe(copy)
        try await copy.close()
        if disk.isPowerCut { return }
        try expectNone(oracle.contradiction(observation, holding: oracle.current).map { "the copy: \($0)" })
    }

    // MARK: Sources

    /// A source is asked, and answers when other things have happened.
    func takeLate() async throws {
        let log = try opened
        let key = Self.keys.filter { Form(of: $0) == .structure }[generator.number(below: 4)]
        let level = chooseLevel()
        let slot = OracleSlot(level: level, key: key)
        let version = makeVersion(slot, count: generator.number(below: 500))
        detail("\(slot) value \(version.value), late")
        late = [.take([version])]
        plain.insert(version.value)
        let payload = Payload(
            value: version.value, fill: NumberedBytes.fill(version.value, count: byteCounts[version.value] ?? 0))
        let gate = Gate()
        try await log.register(source: CheckpointKey(key), level: level) {
            await gate.pass()
            return payload
        }
        let update = Task { try await log.update() }
        await gate.waitForArrivals(1)
        var ends = false
        do {
            for _ in 0..<generator.number(below: 4) where !disk.isPowerCut {
                ends = try await meanwhile(slot) || ends
            }
        } catch {
            gate.open()
            _ = try? await update.value
            throw error
        }
        if disk.isPowerCut || generator.isOne(in: 4) {
            // Whoever takes a source away is not met by what it answers then.
            detail("taken away")
            let removal = Task { await log.deregister(source: CheckpointKey(key), level: level) }
            while await log.hasUpdates { await Task.yield() }
            gate.open()
            await removal.value
            ends = true
        }
        gate.open()
        do { try await update.value } catch { if !disk.isPowerCut { throw error } }
        await log.deregister(source: CheckpointKey(key), level: level)
        if ends { late = [] }
        if disk.isPowerCut { return }
        oracle.acknowledge(late, isDurable: isSynced(level) && !late.isEmpty)
        late = []
        try expectNone(oracle.contradiction(try await seen(in: log, slot), of: slot, holding: held(slot)))
    }

    /// Something happens to the slot of a source that was asked, or to another.
    ///
    /// - Returns: whether that ends what the source was asked for.
    private func meanwhile(_ slot: OracleSlot) async throws -> Bool {
        let log = try opened
        switch generator.number(below: 8) {
        case 0...4:
            let isSame = generator.isOne(in: 2)
            let version = makeVersion(
                isSame ? slot : OracleSlot(level: slot.level, key: Self.keys[0]), count: generator.number(below: 300))
            detail("meanwhile \(version.slot) value \(version.value)")
            let event = OracleEvent.take([version])
            inFlight = [event]
            let fill = NumberedBytes.fill(version.value, count: byteCounts[version.value] ?? 0)
            try await log.checkpoint(
                Payload(value: version.value, fill: fill), for: CheckpointKey(version.slot.key), level: slot.level,
                metadata: Self.metadata(version.value))
            if disk.isPowerCut { return false }
            oracle.acknowledge([event], isDurable: isSynced(slot.level))
            inFlight = []
            return false
        case 5:
            detail("meanwhile removed")
            inFlight = [.remove(slot)]
            try await log.removeCheckpoint(for: CheckpointKey(slot.key), level: slot.level)
            if disk.isPowerCut { return false }
            oracle.acknowledge(inFlight, isDurable: isSynced(slot.level))
            inFlight = []
            return true
        case 6:
            detail("meanwhile compacted")
            try await log.compact()
            return false
        default:
            try await takeSnapshot()
            return false
        }
    }
}
