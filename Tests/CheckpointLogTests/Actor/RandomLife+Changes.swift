import CheckpointLog
import TestSupport

/// What changes the log.
extension RandomLife {
    func isSynced(_ level: Int) -> Bool { configuration.levels[level]?.durability == .synced }

    func take(submitting: Bool) async throws {
        let log = try opened
        let key = chooseKey()
        let level = chooseLevel()
        let version = makeVersion(OracleSlot(level: level, key: key), count: chooseByteCount())
        let count = byteCounts[version.value] ?? 0
        detail("\(version.slot) value \(version.value), \(count) bytes")
        inFlight = [.take([version])]
        let receipt = try await take(version.value, count, for: key, level, log, submitting: submitting)
        if disk.isPowerCut { return }
        try expectNone(oracle.learnNewest(receipt.sequenceNumber.rawValue, of: version.value))
        oracle.acknowledge(
            inFlight, isDurable: !submitting && isSynced(level),
            areLarge: count > 15_000 && level != Self.memoryLevel)
        inFlight = []
        switch generator.number(below: 40) {
        case 0...4 where submitting: try await wait(receipt, version)
        case 5...8: heldReceipt = (receipt, version)
        default: break
        }
    }

    private func take(
        _ value: Int, _ count: Int, for key: String, _ level: Int, _ log: CheckpointLog, submitting: Bool
    ) async throws -> CheckpointReceipt {
        let name = CheckpointKey(key)
        let fill = NumberedBytes.fill(value, count: count)
        let metadata = Self.metadata(value)
        switch (Form(of: key), submitting) {
        case (.structure, false):
            return try await log.checkpoint(
                Payload(value: value, fill: fill), for: name, level: level, metadata: metadata)
        case (.structure, true):
            return try log.submit(Payload(value: value, fill: fill), for: name, level: level, metadata: metadata)
        case (.pair, false):
            return try await log.checkpoint(value, fill, for: name, level: level, metadata: metadata)
        case (.pair, true): return try log.submit(value, fill, for: name, level: level, metadata: metadata)
        // There is no synchronous form for bytes.
        case (.bytes, _):
            return try await log.checkpoint(
                bytes: Self.bytes(value, count: count), for: name, level: level, metadata: metadata)
        }
    }

    private func wait(_ receipt: CheckpointReceipt, _ version: OracleVersion) async throws {
        let isSynced = generator.isOne(in: 2)
        detail("wait for value \(version.value) \(isSynced ? "synced" : "written")")
        try await receipt.wait(for: isSynced ? .synced : .written)
        if disk.isPowerCut { return }
        if version.slot.level != Self.memoryLevel {
            if isSynced { oracle.acknowledgeSynced(version) }
        } else if oracle.current.versions[version.slot]?.first?.value == version.value {
            oracle.acknowledgeMemory(version.slot, isSynced: isSynced)
        }
    }

    func waitForHeldReceipt() async throws {
        guard let (receipt, version) = heldReceipt else { return }
        heldReceipt = nil
        try await wait(receipt, version)
    }

    func commit() async throws {
        let log = try opened
        let level = [1, 2, 3, 9][generator.number(below: 4)]
        let group = OracleGroup(level: level, name: Self.groupNames[generator.number(below: Self.groupNames.count)])
        let keys = Set((0...generator.number(below: 4)).map { _ in chooseKey() }).filter { Form(of: $0) != .bytes }
            .sorted()
        guard !keys.isEmpty else { return }
        let isLarge = generator.isOne(in: 12)
        let members = keys.map { key in
            makeVersion(
                OracleSlot(level: level, key: key), count: generator.number(below: isLarge ? 30_000 : 800))
        }
        detail("\(group.level)/\(group.name) values \(members.map(\.value))")
        inFlight = [.commit(group, members)]
        try await log.commit(CheckpointKey(group.name), level: level) { builder in
            for member in members {
                let fill = NumberedBytes.fill(member.value, count: byteCounts[member.value] ?? 0)
                let key = CheckpointKey(member.slot.key)
                let metadata = Self.metadata(member.value)
                if Form(of: member.slot.key) == .structure {
                    try builder.put(Payload(value: member.value, fill: fill), for: key, metadata: metadata)
                } else {
                    try builder.put(member.value, fill, for: key, metadata: metadata)
                }
            }
        }
        if disk.isPowerCut { return }
        oracle.acknowledge(inFlight, isDurable: isSynced(level))
        inFlight = []
        for member in members { _ = try await seen(in: log, member.slot) }
    }

    func remove() async throws {
        let log = try opened
        let key = chooseKey()
        let level = generator.isOne(in: 3) ? nil : chooseLevel()
        let levels =
            level.map { [$0] }
            ?? Self.levels.filter { oracle.current.versions[OracleSlot(level: $0, key: key)] != nil }
        detail("\(key) at \(level.map(String.init) ?? "all levels")")
        // The order in which a removal reaches several levels is not told: what is synced last counts last.
        inFlight = levels.filter { isSynced($0) }.map { .remove(OracleSlot(level: $0, key: key)) }
        let syncedCount = inFlight.count
        inFlight += levels.filter { !isSynced($0) }.map { .remove(OracleSlot(level: $0, key: key)) }
        try await log.removeCheckpoint(for: CheckpointKey(key), level: level)
        if disk.isPowerCut { return }
        oracle.acknowledge(Array(inFlight.prefix(syncedCount)), isDurable: syncedCount > 0)
        oracle.acknowledge(Array(inFlight.dropFirst(syncedCount)))
        inFlight = []
    }

    /// One of those that are kept, or one that may be gone.
    func removeVersion() async throws {
        let slot = chooseSlot()
        let held = held(slot)
        guard slot.level != Self.memoryLevel, !held.isEmpty else { return }
        let version = OracleVersion(slot, held[generator.number(below: held.count)].value)
        guard let number = oracle.numbers[version.value] else { return }
        detail("\(slot) value \(version.value)")
        inFlight = [.removeVersion(version)]
        let level = generator.isOne(in: 2) ? slot.level : nil
        let wasThere = try await opened.removeVersion(
            SequenceNumber(rawValue: number), of: CheckpointKey(slot.key), level: level)
        if disk.isPowerCut { return }
        let mustBeThere = held.contains { $0.value == version.value && !$0.isDispensable }
        try expect(wasThere || !mustBeThere || clockMayHide(version), "\(slot) has no value \(version.value) to remove")
        // One that its key has no more may live on in a group.
        if wasThere { oracle.acknowledge(inFlight, isDurable: isSynced(slot.level)) }
        inFlight = []
    }

    /// Pins one of those that are kept, or one that may be gone, or gives it the tag that its key has; or takes that
    /// away.
    func label() async throws {
        let slot = chooseSlot()
        let held = held(slot)
        guard slot.level != Self.memoryLevel, !held.isEmpty else { return }
        let chosen = held[generator.number(below: held.count)]
        let version = OracleVersion(slot, chosen.value)
        guard let raw = oracle.numbers[version.value] else { return }
        let (number, key) = (SequenceNumber(rawValue: raw), CheckpointKey(slot.key))
        let (isTag, isSet) = (generator.isOne(in: 2), generator.number(below: 3) > 0)
        detail("\(slot) value \(version.value) \(isSet ? "gets" : "loses") \(isTag ? "the tag" : "the pin")")
        inFlight = [.label(version, isTag: isTag, isSet: isSet)]
        let (log, level) = (try opened, generator.isOne(in: 2) ? slot.level : nil)
        let hasChanged =
            switch (isTag, isSet) {
            case (true, true): try await log.tag(number, of: key, as: "tag", level: level)
            case (true, false): try await log.removeTag("tag", of: key, level: slot.level)
            case (false, true): try await log.pin(number, of: key, level: level)
            case (false, false): try await log.unpin(number, of: key, level: level)
            }
        if disk.isPowerCut { return }
        let index = held.firstIndex { $0.value == version.value } ?? 0
        let wasLabelled = isTag ? held.contains { $0.isTagged } : chosen.isPinned
        try expect(
            isSet ? hasChanged || !oracle.mustHold(held, index, of: slot) : hasChanged == wasLabelled,
            "labels of \(slot) have changed: \(hasChanged)")
        if hasChanged { oracle.acknowledge(inFlight, isDurable: isSynced(slot.level)) }
        inFlight = []
        try await compareLabels(of: slot, in: log)
    }

    /// What the log says of pins and tags.
    func compareLabels(of slot: OracleSlot, in log: CheckpointLog) async throws {
        let held = held(slot)
        let tagged = held.first { $0.isTagged }?.value
        let value = try await restored(from: log, slot.key, level: slot.level, version: .tag("tag"))
        try expect(value == tagged, "\(slot) gives value \(value ?? 0) for the tag, not \(tagged ?? 0)")
        try expectNone(oracle.contradiction(try await seen(in: log, slot), of: slot, holding: held))
    }

    /// Whether the version may be over its level's age by now.
    private func clockMayHide(_ version: OracleVersion) -> Bool {
        configuration.levels[version.slot.level]?.retention?.age != nil
    }

    func removeAll() async throws {
        let level = generator.isOne(in: 3) ? nil : chooseLevel()
        detail(level.map(String.init) ?? "all levels")
        inFlight = [.removeAll(level)]
        try await opened.removeAllCheckpoints(level: level)
        if disk.isPowerCut { return }
        oracle.acknowledge(inFlight, isDurable: level.map { isSynced($0) } ?? true)
        inFlight = []
    }
}
