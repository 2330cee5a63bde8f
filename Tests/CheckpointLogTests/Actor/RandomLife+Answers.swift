import CheckpointLog
import FoundationEssentials
import TestSupport

/// What the log answers, held against the oracle.
extension RandomLife {
    func chooseSlot() -> OracleSlot { OracleSlot(level: chooseLevel(), key: chooseKey()) }

    func held(_ slot: OracleSlot) -> [OracleState.Held] { oracle.current.versions[slot] ?? [] }

    func restoreNewest() async throws {
        let slot = chooseSlot()
        detail("\(slot)")
        try await expectNewest(of: slot, in: opened, "")
    }

    /// The log gives the newest version that is left.
    func expectNewest(of slot: OracleSlot, in log: CheckpointLog, _ who: String) async throws {
        let expected = oracle.newestChoices(slot)
        let value = try await restored(from: log, slot.key, level: slot.level)
        try expect(expected.contains(value), "\(who)\(slot) gives value \(value ?? 0), not \(expected)")
    }

    func restoreAnyLevel() async throws {
        let key = chooseKey()
        detail("\(key.prefix(12))")
        let value = try await restored(from: opened, key, level: nil)
        let choices = Self.levels.map { oracle.newestChoices(OracleSlot(level: $0, key: key)) }
        // The last choice of each level is the one that is there for certain.
        let least = choices.compactMap { $0.last ?? nil }.max()
        try expect(
            choices.joined().contains(value) && (value ?? 0) >= least ?? 0,
            "\(key) at any level gives value \(value ?? 0), not one of \(choices)")
    }

    /// One that may be held, or one that was taken lately and may be long gone.
    func restoreVersion() async throws {
        let chosen = chooseSlot()
        let candidates = held(chosen)
        let wanted =
            generator.isOne(in: 2) && !candidates.isEmpty
            ? candidates[generator.number(below: candidates.count)].value
            : oracle.lastValue - generator.number(below: min(oracle.lastValue, 400))
        guard let number = oracle.numbers[wanted], let slot = slots[wanted] else { return }
        detail("\(slot) value \(wanted)")
        let value = try await restored(
            from: opened, slot.key, level: slot.level, version: .sequence(SequenceNumber(rawValue: number)))
        let held = held(slot)
        guard let index = held.firstIndex(where: { $0.value == wanted }) else {
            return try expect(value == nil, "\(slot) gives value \(value ?? 0), which was removed or lost")
        }
        if value == nil {
            try expect(!oracle.mustHold(held, index, of: slot), "\(slot) does not give value \(wanted) any more")
        } else {
            try expect(value == wanted, "\(slot) gives value \(value ?? 0) for the number of \(wanted)")
            try expect(oracle.mayHold(held, index, of: slot), "\(slot) gives value \(wanted), which is too old")
        }
    }

    func restoreAsOf() async throws {
        let slot = chooseSlot()
        let held = held(slot)
        let dates = held.map { oracle.dates[$0.value] }
        guard let first = dates.randomElement(using: &generator) ?? oracle.now, !dates.contains(nil) else { return }
        let moment = first + Int64(generator.number(below: 5)) - 1
        detail("\(slot) at \(moment)")
        var allowed: [Int?] = []
        for index in held.indices where (dates[index] ?? 0) <= moment {
            if oracle.mayHold(held, index, of: slot) { allowed.append(held[index].value) }
            if oracle.mustHold(held, index, of: slot) { break }
        }
        if !held.indices.contains(where: { (dates[$0] ?? 0) <= moment && oracle.mustHold(held, $0, of: slot) }) {
            allowed.append(nil)
        }
        let date = Date(timeIntervalSince1970: Double(moment) / 1_000_000)
        let value = try await restored(from: opened, slot.key, level: slot.level, version: .asOf(date))
        try expect(allowed.contains(value), "\(slot) as of \(moment) gives value \(value ?? 0), not one of \(allowed)")
    }

    func restoreGroup() async throws {
        let level = [1, 2, 3, 9][generator.number(below: 4)]
        let group = OracleGroup(level: level, name: Self.groupNames[generator.number(below: Self.groupNames.count)])
        detail("\(group.level)/\(group.name)")
        try await compare(group, in: opened)
    }

    func compare(_ group: OracleGroup, in log: CheckpointLog) async throws {
        let newest = try await log.restoreGroup(CheckpointKey(group.name), level: group.level)
        let values = try await newest.asyncMap { try await members(of: $0, group) }
        let expected = oracle.newestChoices(group)
        try expect(
            expected.contains(values),
            "group \(group.level)/\(group.name) gives \(values ?? []), not one of \(expected)")
        let seen = try await seen(in: log, group)
        try expectNone(oracle.contradiction(seen, of: group, holding: oracle.current.groups(group)))
    }

    /// The values of the members of each group of that name, newest first.
    func seen(in log: CheckpointLog, _ name: OracleGroup) async throws -> [[Int]] {
        var seen: [[Int]] = []
        for version in try await log.groupHistory(of: CheckpointKey(name.name), level: name.level) {
            let found = try await log.restoreGroup(
                CheckpointKey(name.name), level: name.level, version: .sequence(version.sequenceNumber))
            guard let found, found.keys == version.keys else {
                throw Contradiction("group \(name.level)/\(name.name) is listed as \(version), and not given so")
            }
            seen.append(try await members(of: found, name))
        }
        return seen
    }

    /// The values of the group's members in their order.
    private func members(of group: CheckpointGroup, _ name: OracleGroup) async throws -> [Int] {
        var values: [Int] = []
        for key in group.keys {
            guard let value = try await restored(key.name, of: group) else {
                throw Contradiction("group \(name.level)/\(name.name) does not give its member \(key)")
            }
            values.append(value)
        }
        return values
    }

    // MARK: Listings

    /// The versions that the log shows, newest first, by the values they were taken of.
    func seen(in log: CheckpointLog, _ slot: OracleSlot) async throws -> [CheckpointOracle.Seen] {
        var seen: [CheckpointOracle.Seen] = []
        for version in try await log.history(for: CheckpointKey(slot.key), level: slot.level) {
            try expect(
                version.key.name == slot.key && version.level == slot.level && version.origin == nil,
                "the history of \(slot) shows \(version)")
            seen.append(try await identify(version, in: log))
        }
        return seen
    }

    /// The value of a version; one that was never seen before is restored for that, and tells its number and date.
    func identify(_ version: CheckpointVersion, in log: CheckpointLog) async throws -> CheckpointOracle.Seen {
        let number = version.sequenceNumber.rawValue
        let date = Int64((version.date.timeIntervalSince1970 * 1_000_000).rounded())
        var value = oracle.values[number]
        if value == nil {
            value = try await restored(
                from: log, version.key.name, level: version.level, version: .sequence(version.sequenceNumber))
        }
        guard let value, slots[value]?.level == version.level, slots[value]?.key == version.key.name else {
            throw Contradiction("\(version.level)/\(version.key) has number \(number), which nothing was taken under")
        }
        try expect(
            version.metadata == (plain.contains(value) ? [:] : Self.metadata(value)),
            "value \(value) is listed with the metadata \(version.metadata)")
        try expectNone(oracle.learn(number, of: value))
        if oracle.dates[value] == nil { oracle.dates[value] = date }
        return CheckpointOracle.Seen(
            value: value, number: number, date: date, isPinned: version.isPinned, isTagged: version.tags == ["tag"])
    }

    func compareHistory() async throws {
        let slot = chooseSlot()
        detail("\(slot)")
        if generator.isOne(in: 5) { return try await compareHistoryOfAllLevels(slot.key) }
        if slot.level != Self.memoryLevel { try await compareLabels(of: slot, in: try opened) }
        try expectNone(oracle.contradiction(try await seen(in: opened, slot), of: slot, holding: held(slot)))
    }

    private func compareHistoryOfAllLevels(_ key: String) async throws {
        let log = try opened
        let history = try await log.history(for: CheckpointKey(key))
        try expect(
            zip(history, history.dropFirst()).allSatisfy { $0.sequenceNumber > $1.sequenceNumber },
            "the history of \(key) is not newest first")
        var seen: [Int: [CheckpointOracle.Seen]] = [:]
        for version in history {
            seen[version.level, default: []].append(try await identify(version, in: log))
        }
        for level in Self.levels {
            let slot = OracleSlot(level: level, key: key)
            try expectNone(oracle.contradiction(seen[level] ?? [], of: slot, holding: held(slot)))
        }
    }

    func compareLists() async throws {
        let log = try opened
        let level = generator.isOne(in: 3) ? nil : chooseLevel()
        try await compareKeys(in: log, level: level)
        let expected = oracle.current.versions.filter { slot, _ in level == nil || slot.level == level }
        var seen: [OracleSlot: Int] = [:]
        for version in try await log.checkpoints(level: level) {
            let slot = OracleSlot(level: version.level, key: version.key.name, origin: version.origin ?? "")
            try expect(seen[slot] == nil, "\(slot) is listed twice")
            seen[slot] = try await identify(version, in: log).value
        }
        for slot in Set(expected.keys).union(seen.keys) {
            let choices = oracle.newestChoices(slot)
            try expect(choices.contains(seen[slot]), "\(slot) is listed with value \(seen[slot] ?? 0), not \(choices)")
        }
    }

    func compareKeys(in log: CheckpointLog, level: Int?) async throws {
        let slots = oracle.current.versions.keys.filter { level == nil || $0.level == level }
        let possible = Set(slots.map(\.key))
        let certain = Set(slots.filter { !oracle.newestChoices($0).contains(nil) }.map(\.key))
        let keys = try await log.keys(level: level)
        let names = Set(keys.map(\.name))
        try expect(
            keys == keys.sorted() && names.count == keys.count && names.isSubset(of: possible)
                && names.isSuperset(of: certain),
            "the keys of level \(level ?? 0) are \(keys), not \(certain)")
    }

    /// Everything that `log` shows.
    func observe(_ log: CheckpointLog) async throws -> CheckpointOracle.Observation {
        var observation = CheckpointOracle.Observation()
        for level in Self.levels {
            for key in Self.keys {
                let slot = OracleSlot(level: level, key: key)
                let seen = try await seen(in: log, slot)
                guard let first = seen.first else { continue }
                observation.versions[slot] = seen
                for version in seen {
                    let number = SequenceNumber(rawValue: version.number)
                    let value = try await restored(from: log, key, level: level, version: .sequence(number))
                    try expect(value == version.value, "\(slot) gives \(value ?? 0) for the number of \(version.value)")
                }
                let newest = try await restored(from: log, key, level: level)
                try expect(
                    newest == first.value, "\(slot) gives \(newest ?? 0), its history begins with \(first.value)")
            }
            for name in Self.groupNames {
                let group = OracleGroup(level: level, name: name)
                let seen = try await seen(in: log, group)
                observation.groups[group] = seen.isEmpty ? nil : seen
            }
        }
        return observation
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ body: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let wrapped = self else { return nil }
        return try await body(wrapped)
    }
}
