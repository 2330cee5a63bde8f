/// Says what a checkpoint log may answer, from its interface alone: a dictionary of versions, what of it is known
/// durable, and what happened since.
///
/// After a crash a log holds what was durable, and of what happened since a beginning: everything, if only the process
/// ended, any beginning after a power cut. Of the memory level each slot may hold any of its states since it was
/// written last.
package struct CheckpointOracle: Sendable {
    /// One version as a log tells of it.
    package struct Seen: Sendable {
        package var value: Int
        package var number: UInt64
        /// In microseconds since 1970.
        package var date: Int64
        package var isPinned: Bool
        package var isTagged: Bool

        package init(value: Int, number: UInt64, date: Int64, isPinned: Bool, isTagged: Bool) {
            self.isPinned = isPinned
            self.isTagged = isTagged
            self.value = value
            self.number = number
            self.date = date
        }
    }

    /// All that a log answers.
    package struct Observation: Sendable {
        package var versions: [OracleSlot: [Seen]] = [:]
        /// The values of the members of each group, in their order; the groups of a name newest first.
        package var groups: [OracleGroup: [[Int]]] = [:]

        package init() {}
    }

    /// What one memory slot held since it was last known synced, and from which of it on it is known written.
    struct Trail: Sendable {
        var states: [[OracleState.Held]]
        var written = 0
    }

    package internal(set) var current = OracleState()
    var durable = OracleState()
    var pending: [OracleEvent] = []
    var trails: [OracleSlot: Trail] = [:]
    /// Large values that were taken and not synced: a power cut may take one that is not the newest of its slot, and
    /// leave what came after it.
    var fragile: Set<Int> = []

    package private(set) var retention: [Int: OracleRetention]
    package let memoryLevels: Set<Int>
    package private(set) var numbers: [Int: UInt64] = [:]
    package private(set) var values: [UInt64: Int] = [:]
    package var dates: [Int: Int64] = [:]
    private var greatestNumber: UInt64 = 0
    /// The log's clock, and the greatest that it ever showed.
    package var now: Int64 = 0 {
        didSet { greatestNow = max(greatestNow, now) }
    }
    package private(set) var greatestNow: Int64 = 0
    /// The number of the value that was made last.
    package private(set) var lastValue = 0

    package init(retention: [Int: OracleRetention], memoryLevels: Set<Int>) {
        self.retention = retention
        self.memoryLevels = memoryLevels
    }

    package mutating func makeValue() -> Int {
        lastValue += 1
        // A clock that went back says nothing about the date: what the log shows first is learnt.
        dates[lastValue] = now == greatestNow ? now : nil
        return lastValue
    }

    // MARK: What happened

    /// Takes in what the log acknowledged: written, or durable together with all that came before.
    ///
    /// - Parameter areLarge: whether the values have files of their own.
    package mutating func acknowledge(_ events: [OracleEvent], isDurable: Bool = false, areLarge: Bool = false) {
        if areLarge, !isDurable { fragile.formUnion(events.flatMap(Self.taken)) }
        for event in events {
            current.apply(event, keeping: retention)
            if isOfMemory(event) == false { pending.append(event) }
            followTrails(event)
        }
        if isDurable {
            for event in pending { durable.apply(event, keeping: retention) }
            fragile = []
            pending = []
        }
    }

    /// Takes in that `version` is durable, or a newer one of its slot, and with it all that came before.
    package mutating func acknowledgeSynced(_ version: OracleVersion) {
        guard
            let index = pending.firstIndex(where: { event in
                if case .take(let taken) = event { taken.contains(version) } else { false }
            })
        else { return }
        for event in pending[...index] {
            durable.apply(event, keeping: retention)
            fragile.subtract(Self.taken(event))
        }
        pending.removeFirst(index + 1)
    }

    /// Takes in that everything is durable, that of the memory level too.
    package mutating func acknowledgeSave() {
        durable = current
        pending = []
        fragile = []
        trails = [:]
    }

    /// Takes in that a slot of the memory level is written, or synced.
    package mutating func acknowledgeMemory(_ slot: OracleSlot, isSynced: Bool) {
        guard let trail = trails[slot] else { return }
        if isSynced {
            trails[slot] = nil
            durable.set(current.versions[slot] ?? [], of: slot)
        } else {
            trails[slot]?.written = trail.states.count - 1
        }
    }

    /// Learns the number of a version, which no other ever had and is greater than those before.
    package mutating func learn(_ number: UInt64, of value: Int) -> String? {
        if let known = numbers[value] {
            return known == number ? nil : "value \(value) has number \(number), had \(known)"
        }
        if let other = values[number] { return "value \(value) has number \(number) of value \(other)" }
        numbers[value] = number
        values[number] = value
        greatestNumber = max(greatestNumber, number)
        return nil
    }

    /// Learns the number of a version that was taken this moment.
    package mutating func learnNewest(_ number: UInt64, of value: Int) -> String? {
        guard number > greatestNumber else { return "the new number \(number) is not over \(greatestNumber)" }
        return learn(number, of: value)
    }

    private static func taken(_ event: OracleEvent) -> [Int] {
        if case .take(let versions) = event { versions.map(\.value) } else { [] }
    }

    private func isOfMemory(_ event: OracleEvent) -> Bool {
        switch event {
        case .take(let taken): taken.allSatisfy { memoryLevels.contains($0.slot.level) }
        case .commit: false
        case .remove(let slot): memoryLevels.contains(slot.level)
        case .removeAll(let level): level.map { memoryLevels.contains($0) } ?? false
        case .removeVersion(let version), .label(let version, _, _): memoryLevels.contains(version.slot.level)
        }
    }

    /// Goes on with another retention.
    package mutating func keep(_ retention: [Int: OracleRetention]) {
        self.retention = retention
        current.shorten(to: retention)
        durable.shorten(to: retention)
    }

    private mutating func followTrails(_ event: OracleEvent) {
        guard !memoryLevels.isEmpty else { return }
        let slots: [OracleSlot] =
            switch event {
            case .take(let taken): taken.map(\.slot)
            case .commit: []
            case .remove(let slot): [slot]
            case .removeAll: Array(Set(trails.keys).union(durable.versions.keys))
            case .removeVersion(let version), .label(let version, _, _): [version.slot]
            }
        for slot in slots where memoryLevels.contains(slot.level) {
            if trails[slot] == nil { trails[slot] = Trail(states: [durable.versions[slot] ?? []]) }
            trails[slot]?.states.append(current.versions[slot] ?? [])
        }
    }
}
