/// What a log may show.
extension CheckpointOracle {
    private func isAged(_ value: Int, level: Int, at now: Int64, orEqual: Bool) -> Bool {
        guard let age = retention[level]?.age, let date = dates[value] else { return false }
        return orEqual ? now - date >= age : now - date > age
    }

    /// Whether the version at `index` of those held must be there.
    package func mustHold(_ held: [OracleState.Held], _ index: Int, of slot: OracleSlot) -> Bool {
        if held[index].isNewest || held[index].isLabelled { return true }
        return !held[index].isDispensable
            && !isAged(held[index].value, level: slot.level, at: greatestNow, orEqual: true)
    }

    /// Whether the version at `index` of those held may be there.
    package func mayHold(_ held: [OracleState.Held], _ index: Int, of slot: OracleSlot) -> Bool {
        held[index].isNewest || held[index].isLabelled
            || !isAged(held[index].value, level: slot.level, at: now, orEqual: false)
    }

    /// What the newest version of a slot may be: one that may be gone, or the next, or none.
    package func newestChoices(_ slot: OracleSlot) -> [Int?] {
        let held = current.versions[slot] ?? []
        var choices: [Int?] = []
        for index in held.indices {
            if mayHold(held, index, of: slot) { choices.append(held[index].value) }
            if mustHold(held, index, of: slot) { return choices }
        }
        return choices + [nil]
    }

    /// What is wrong with the versions seen of a slot, which holds `held`.
    ///
    /// - Parameter lost: values that may be gone, unless they are the newest.
    package func contradiction(
        _ seen: [Seen], of slot: OracleSlot, holding held: [OracleState.Held], butFor lost: Set<Int> = []
    ) -> String? {
        func mustHold(_ held: [OracleState.Held], _ index: Int, of slot: OracleSlot) -> Bool {
            if index > 0, lost.contains(held[index].value) { return false }
            return self.mustHold(held, index, of: slot)
        }
        var next = 0
        var last: Seen?
        for seen in seen {
            guard let index = held[next...].firstIndex(where: { $0.value == seen.value }) else {
                return "\(slot) shows value \(seen.value) (number \(seen.number)), which it must not hold, or not there"
            }
            if let missed = (next..<index).first(where: { mustHold(held, $0, of: slot) }) {
                return "\(slot) misses value \(held[missed].value)"
            }
            guard mayHold(held, index, of: slot) else { return "\(slot) shows value \(seen.value), which is too old" }
            if let known = numbers[seen.value], known != seen.number {
                return "\(slot) shows value \(seen.value) as number \(seen.number), not \(known)"
            }
            if let date = dates[seen.value], date != seen.date {
                return "\(slot) shows value \(seen.value) at \(seen.date), not \(date)"
            }
            guard seen.isPinned == held[index].isPinned, seen.isTagged == held[index].isTagged else {
                return "\(slot) shows value \(seen.value) with other labels"
            }
            if let last, seen.number >= last.number || seen.date > last.date {
                return "\(slot) shows value \(seen.value) after \(last.value): not newest first"
            }
            last = seen
            next = index + 1
        }
        if let missed = (next..<held.count).first(where: { mustHold(held, $0, of: slot) }) {
            return "\(slot) misses value \(held[missed].value)"
        }
        return nil
    }

    /// What is wrong with all that was seen, if the log holds `state`; the slots of the memory level left out.
    package func contradiction(
        _ observation: Observation, holding state: OracleState, butFor lost: Set<Int> = []
    ) -> String? {
        for slot in Set(observation.versions.keys).union(state.versions.keys).sorted()
        where !memoryLevels.contains(slot.level) {
            if let wrong = contradiction(
                observation.versions[slot] ?? [], of: slot, holding: state.versions[slot] ?? [], butFor: lost)
            {
                return wrong
            }
        }
        for group in Set(observation.groups.keys).union(state.groupNames) {
            let seen = observation.groups[group] ?? []
            if let wrong = contradiction(seen, of: group, holding: state.groups(group)) { return wrong }
        }
        return nil
    }

    private func mustHold(_ group: OracleState.HeldGroup, level: Int) -> Bool {
        if group.isNewest { return true }
        guard !group.isDispensable, let last = group.values.last else { return false }
        return !isAged(last, level: level, at: greatestNow, orEqual: true)
    }

    private func mayHold(_ group: OracleState.HeldGroup, level: Int) -> Bool {
        guard !group.isNewest, let last = group.values.last else { return true }
        return !isAged(last, level: level, at: now, orEqual: false)
    }

    /// What the newest group of a name may be: one that may be gone, or the next, or none.
    package func newestChoices(_ name: OracleGroup) -> [[Int]?] {
        var choices: [[Int]?] = []
        for group in current.groups(name) {
            if mayHold(group, level: name.level) { choices.append(group.values) }
            if mustHold(group, level: name.level) { return choices }
        }
        return choices + [nil]
    }

    /// What is wrong with the groups seen of a name, which holds `held`.
    package func contradiction(
        _ seen: [[Int]], of name: OracleGroup, holding held: [OracleState.HeldGroup]
    ) -> String? {
        var next = 0
        func missed(before end: Int) -> String? {
            held[next..<end].first { mustHold($0, level: name.level) }.map {
                "group \(name.level)/\(name.name) misses \($0.values)"
            }
        }
        for values in seen {
            guard let index = held[next...].firstIndex(where: { $0.values == values }) else {
                return "group \(name.level)/\(name.name) shows \(values), which it must not hold, or not there"
            }
            if let missed = missed(before: index) { return missed }
            guard mayHold(held[index], level: name.level) else {
                return "group \(name.level)/\(name.name) shows \(values), which is too old"
            }
            next = index + 1
        }
        return missed(before: held.count)
    }

    /// Finds what a log holds after a crash, from what it shows, and goes on from there.
    ///
    /// - Parameters:
    ///   - powerWasCut: whether what was not synced may be gone.
    ///   - inFlight: what the log was doing; each of it happened or did not.
    /// - Returns: what is wrong if nothing that may have happened explains what is seen.
    package mutating func resume(
        from observation: Observation, powerWasCut: Bool, inFlight: [OracleEvent]
    ) -> String? {
        var found: OracleState?
        var wrong = ""
        var state = powerWasCut ? durable : current
        let lost = powerWasCut ? fragile : []
        for count in 0...(powerWasCut ? pending.count : 0) {
            if count > 0 { state.apply(pending[count - 1], keeping: retention) }
            guard let reason = contradiction(observation, holding: state, butFor: lost) else {
                found = state
                break
            }
            wrong += "\n    with \(count) of \(pending.count) since the last sync: \(reason)"
        }
        for choice in 0..<(1 << min(inFlight.count, 8)) where found == nil {
            var last = state
            for (index, event) in inFlight.enumerated() where choice >> index & 1 == 1 {
                last.apply(event, keeping: retention)
            }
            guard let reason = contradiction(observation, holding: last, butFor: lost) else {
                found = last
                break
            }
            wrong += "\n    with choice \(choice) of what was under way: \(reason)"
        }
        guard var found else { return "no beginning of what happened explains what is there:\(wrong)" }
        for slot in Set(observation.versions.keys).union(current.versions.keys).union(trails.keys)
        where memoryLevels.contains(slot.level) {
            let trail = trails[slot] ?? Trail(states: [current.versions[slot] ?? []])
            var states = Array(trail.states[(powerWasCut ? 0 : trail.written)...])
            for event in inFlight {
                var next = current
                next.apply(event, keeping: retention)
                states.append(next.versions[slot] ?? [])
            }
            let seen = observation.versions[slot] ?? []
            guard let held = states.last(where: { contradiction(seen, of: slot, holding: $0) == nil }) else {
                let values = states.map { $0.map(\.value) }
                return "\(slot) of the memory level shows \(seen.map(\.value)), not one of its states \(values)"
            }
            found.set(held, of: slot)
        }
        for slot in found.versions.keys where memoryLevels.contains(slot.level) && observation.versions[slot] == nil {
            found.set([], of: slot)
        }
        for value in lost {
            for (slot, held) in found.versions where held.contains(where: { $0.value == value }) {
                let isSeen = observation.versions[slot]?.contains { $0.value == value } == true
                if !isSeen { found.apply(.removeVersion(OracleVersion(slot, value)), keeping: retention) }
            }
        }
        current = found
        acknowledgeSave()
        return nil
    }
}
