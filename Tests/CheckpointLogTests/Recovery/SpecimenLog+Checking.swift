import CheckpointLog
import SystemPackage
import TestSupport

/// How a damaged copy of a specimen is judged.
extension SpecimenLog {
    enum Access: String, CaseIterable, Sendable {
        case writing, reading
    }

    enum Outcome: Hashable, Sendable {
        case intact
        /// Opened, with so many records or groups of the active segment.
        case cut(to: Int)
        /// Opened, and some checkpoints answer that they are damaged.
        case restoreDamaged
        /// Not opened, with an error that names what is lost.
        case refused
        /// Anything else, in words: what must never be.
        case wrong(String)

        var isWrong: Bool { if case .wrong = self { true } else { false } }
    }

    /// Opens a damaged copy and compares everything in it with what was put there.
    func judge(
        _ copy: SimulatedFileSystem, damaged file: File, _ access: Access, boot: CrashBoot, mapping: Bool = true,
        namesAnyFile: Bool = false
    ) -> Outcome {
        let configuration = Self.configuration(copy, mapping: mapping)
        let engine: LogEngine
        do {
            engine =
                switch access {
                case .writing: try LogEngine.open(at: Self.path, configuration)
                case .reading: try LogEngine.openForReading(at: Self.path, configuration, isSalvage: false)
                }
        } catch let error as CheckpointLogError {
            return judge(error, damaged: file, namesAnyFile: namesAnyFile)
        } catch {
            return .wrong("an error of another kind: \(error)")
        }
        defer { engine.abandon() }
        let least = boot == .same ? states.count - 1 : syncedCount
        let found = stateNumbers(engine)
        guard let count = states.lastIndex(of: found) else { return .wrong("a state that never was: \(found)") }
        guard count >= least else { return .wrong("\(count) of the active records, acknowledged \(least)") }
        let damage = contents(engine)
        if case .wrong = damage { return damage }
        if damage == .restoreDamaged { return damage }
        return count == states.count - 1 ? .intact : .cut(to: count)
    }

    /// What must hold after an opening with `outcome`: a refusal and a reader have changed nothing, and the power can
    /// go at once without taking back what a writer found.
    func judgeAfterwards(
        _ outcome: Outcome, _ copy: SimulatedFileSystem, _ before: SimulatedFileSystem, damaged file: File
    ) -> Outcome {
        if outcome == .refused {
            for name in Set(before.fileNames(in: Self.path) + copy.fileNames(in: Self.path)) where name != "LOCK" {
                let path = Self.path.appending(name)
                if before.contents(of: path) != copy.contents(of: path) { return .wrong("a refusal changed \(name)") }
            }
            return outcome
        }
        let again = judge(copy.crashImage(.syncedOnly, boot: .another), damaged: file, .writing, boot: .another)
        return again == outcome ? outcome : .wrong("\(outcome) at first, \(again) when opened again")
    }

    /// What is wrong with what a salvage gives: a wrong value, or something missing that is not reported. Nil when
    /// nothing is.
    func salvageProblem(_ copy: SimulatedFileSystem, boot: CrashBoot) -> String? {
        let engine: LogEngine
        do {
            engine = try LogEngine.openForReading(at: Self.path, Self.configuration(copy), isSalvage: true)
        } catch let error as CheckpointLogError {
            // Without a manifest nothing says which files belong to the log.
            return error.code == .damaged ? nil : "not told as damage: \(error)"
        } catch {
            return "an error of another kind: \(error)"
        }
        defer { engine.abandon() }
        if case .wrong(let what) = contents(engine) { return what }
        let least = boot == .same ? states.count - 1 : syncedCount
        let isWhole = states.lastIndex(of: stateNumbers(engine)).map { $0 >= least } ?? false
        return isWhole || !engine.report.damage.isEmpty ? nil : "what is missing is not reported"
    }

    private func judge(_ error: CheckpointLogError, damaged file: File, namesAnyFile: Bool) -> Outcome {
        guard error.code == .damaged else { return .wrong("not told as damage: \(error)") }
        guard let path = error.location?.path, namesAnyFile || path == self.path(file).string else {
            return .wrong("the wrong file is named: \(error)")
        }
        if file != .manifest, error.lost.isEmpty { return .wrong("no record is named: \(error)") }
        return .refused
    }

    private static func hash(_ engine: LogEngine, _ address: Address, isGroup: Bool = false) -> KeyHash {
        unsafe Array(address.key.utf8).withUnsafeBytes { key in
            unsafe KeyHash(
                engine.identity.hashSecret, level: address.level, origin: .empty, key: key,
                space: isGroup ? .group : .key)
        }
    }

    static let addresses: [Address] =
        ["a", "b", "c", "d", "e", "gone", "old", "large"].map { Address(level: 1, key: $0) }
        + ["kept", "left", "right"].map { Address(level: 2, key: $0) } + [Address(level: 3, key: "packed")]

    static let groupAddresses = ["early", "pair", "late"].map { Address(level: 2, key: $0) }

    func stateNumbers(_ engine: LogEngine) -> State {
        var state = State()
        for address in Self.addresses {
            let versions = engine.catalog.index.versions(Self.hash(engine, address)).map(\.sequenceNumber)
            if !versions.isEmpty { state.versions[address] = versions }
        }
        for address in Self.groupAddresses {
            guard let group = engine.catalog.groups.group(Self.hash(engine, address, isGroup: true)) else { continue }
            state.groups[address] = group.sequenceNumber
        }
        return state
    }

    /// Reads everything that the index offers.
    private func contents(_ engine: LogEngine) -> Outcome {
        var outcome = Outcome.intact
        func check(_ address: Address, _ number: SequenceNumber, _ read: () throws -> [UInt8]?) {
            do {
                let isRight = NumberedBytes.areSame(try read(), values[number])
                if !isRight { outcome = .wrong("\(address) \(number) gives a wrong value") }
            } catch let error as CheckpointLogError where error.code == .damaged {
                let named = error.lost.contains {
                    $0.level == Int(address.level) && $0.key == CheckpointKey(address.key)
                        && $0.sequenceNumbers == number...number
                }
                if !named { outcome = .wrong("\(address) \(number) is not named: \(error)") }
                if outcome == .intact { outcome = .restoreDamaged }
            } catch {
                outcome = .wrong("\(address) \(number): \(error)")
            }
        }
        for address in Self.addresses {
            for entry in engine.catalog.index.versions(Self.hash(engine, address)) {
                check(address, entry.sequenceNumber) {
                    unsafe try engine.withContent(
                        level: address.level, key: CheckpointKey(address.key), number: entry.sequenceNumber
                    ) { unsafe Array($1) }
                }
            }
        }
        let groups = Self.groupAddresses.flatMap { address in
            engine.catalog.groups.groups(Self.hash(engine, address, isGroup: true)).map { (address, $0) }
        }
        for (address, group) in groups {
            if group.damage != nil {
                if outcome == .intact { outcome = .restoreDamaged }
                continue
            }
            if group.members.map(\.sequenceNumber) != members[group.sequenceNumber] {
                outcome = .wrong("\(address) has other members")
            }
            for member in group.members {
                let key = String(decoding: member.key, as: UTF8.self)
                check(Address(level: address.level, key: key), member.sequenceNumber) {
                    unsafe try member.key.withUnsafeBytes { bytes in
                        let record = unsafe FrameReader.Record(
                            at: member.location, number: member.sequenceNumber, level: address.level, key: bytes)
                        return unsafe try engine.frames.withContent(of: record) { unsafe Array($1) }
                    }
                }
            }
        }
        return outcome
    }
}
