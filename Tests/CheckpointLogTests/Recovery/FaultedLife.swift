import CheckpointLog
import SystemPackage
import TestSupport

/// A scripted life of a log on a disk that may fail, and what the log said of each step.
final class FaultedLife {
    let disk = SimulatedFileSystem(seed: 9)
    private let mapping: Bool
    /// What went against a promise.
    private(set) var problems: [String] = []
    /// What the log refused, with its reason: allowed when a call failed.
    private(set) var refusals: [String] = []
    private(set) var rollCount = 0
    private(set) var compactionCount = 0

    /// What was tried for a key, in order: a value's number, or nil for a removal; and how much of it was acknowledged.
    private struct History {
        var tried: [Int?] = [nil]
        var written = 0
        var synced = 0

        mutating func acknowledge() { written = tried.count - 1 }

        mutating func noteSynced() { synced = written }
    }

    private var histories: [String: History] = [:]
    private var number = 0
    /// Members of groups, which stand or fall together: small ones, so many bytes that they get segments of their own,
    /// and one with a value in a file of its own.
    private static let groups: [(keys: [String], byteCounts: [Int])] = [
        (["left", "right"], [200, 200]), (["wide 1", "wide 2"], [10_000, 10_000]),
        (["deep 1", "deep 2"], [100, 20_000]),
    ]

    init(mapping: Bool, failedSync: FailedSyncBehavior) {
        self.mapping = mapping
        if !mapping { disk.mapping = .refused }
        disk.failedSyncBehavior = failedSync
        disk.isTracing = true
    }

    private func configuration(_ disk: SimulatedFileSystem, snapshots: Bool = true) -> Configuration {
        var configuration = SpecimenLog.configuration(disk, mapping: mapping)
        configuration.largeValueByteCount = 16 << 10
        if !snapshots { configuration.snapshotByteCount = .max }
        return configuration
    }

    // MARK: The life

    func run() {
        for opening in 0..<2 {
            guard let engine = open() else { return }
            for step in 0..<9 {
                put(engine, "small \(step % 3)", 100)
                // Three of these fill a segment.
                put(engine, "roll", 15_000)
                if step == 3 { put(engine, "large", 20_000) }
                if step == 4 { group(engine, 0) }
                if step == 5 { group(engine, 1) }
                if step == 7 { group(engine, 2) }
                if step == 5 { remove(engine, "small 1") }
                if step % 4 == 2 { sync(engine) }
                if step == 6 { compact(engine) }
            }
            rollCount += engine.writer?.appender.counters.rolls ?? 0
            compactionCount += engine.writer?.maintenance.compactionCount ?? 0
            close(engine, opening)
        }
    }

    /// Opens the log; a failure of one call must not stand in the way of a second attempt.
    private func open() -> LogEngine? {
        for attempt in 0..<2 {
            do {
                return try LogEngine.open(at: SpecimenLog.path, configuration(disk))
            } catch {
                refusals.append("open: \(error)")
                guard let error = error as? CheckpointLogError else {
                    problems.append("an error of another kind: \(error)")
                    return nil
                }
                if error.code == .damaged { problems.append("attempt \(attempt) to open: \(error)") }
            }
        }
        return nil
    }

    private func attempt(
        _ what: String, _ engine: LogEngine, _ keys: [String], _ value: Int?, _ body: () throws -> Void
    ) {
        let wasPoisoned = engine.writer?.appender.failure != nil
        let callsBefore = disk.trace.count
        let filesBefore = disk.fileNames(in: SpecimenLog.path)
        for key in keys { histories[key, default: History()].tried.append(value) }
        do {
            try body()
            // Waiting for what is synced already is no write.
            if wasPoisoned, !keys.isEmpty { problems.append("\(what) was taken by a log that had failed") }
            for key in keys { histories[key]?.acknowledge() }
            let failed = failures(since: callsBefore)
            if !wasPoisoned, engine.writer?.appender.failure != nil, !failed.isEmpty,
                failed.allSatisfy(Self.isLackOfRoom), !Self.isNotTakenBack(failed)
            {
                problems.append("\(what): a full disk closed the log behind the caller's back: \(failed)")
            }
        } catch {
            refuse(what, engine, error, since: callsBefore, wasPoisoned: wasPoisoned)
            findLeftovers(of: what, engine, since: callsBefore, filesBefore)
        }
    }

    private func refuse(_ what: String, _ engine: LogEngine, _ error: any Error, since: Int, wasPoisoned: Bool) {
        refusals.append("\(what): \(error)")
        guard let error = error as? CheckpointLogError else {
            return problems.append("\(what): an error of another kind: \(error)")
        }
        let isPoisoned = engine.writer?.appender.failure != nil
        let failed = failures(since: since)
        if wasPoisoned {
            if error.code != .writerFailed { problems.append("\(what): a failed log says \(error)") }
            return
        }
        for call in failed where call.operation == .sync && call.path.string.hasSuffix(".log") {
            if !isPoisoned, call.failure != .interrupted { problems.append("\(what): goes on after a failed sync") }
        }
        guard error.code == .diskFull, isPoisoned, let first = failed.first else { return }
        // A sync that fails for want of room has failed, the position is stated when the frame is in place already, and
        // what cannot be taken back must not be followed by anything; that the log is in its place has to be known, and
        // looking takes no room on a real disk; all else has only found no room.
        let closing: [SimulatedCall.Operation] = [.sync, .syncDirectory, .isInPlace]
        if !closing.contains(first.operation), ![.truncate, .remove].contains(failed.last?.operation),
            !first.path.string.hasSuffix("POSITION")
        {
            problems.append("\(what): a full disk closed the log: \(first)")
        }
    }

    /// A refused call gives back the room it took, unless it is not known whether it counts, or what failed was the
    /// giving back.
    private func findLeftovers(of what: String, _ engine: LogEngine, since: Int, _ filesBefore: [String]) {
        let isInDoubt = failures(since: since).contains {
            [.remove, .syncDirectory].contains($0.operation) || $0.operation == .rename && $0.failure != .noSpace
        }
        guard let writer = engine.writer, !isInDoubt else { return }
        let listed = writer.manifest.current.segments.map(\.name.fileName)
        for name in Set(disk.fileNames(in: SpecimenLog.path)).subtracting(filesBefore + listed) {
            // A frame that refers to a value may be found again by the next opening of a log that has failed.
            if name.hasSuffix(".val"), writer.appender.failure != nil { continue }
            if [".out", ".val", ".out.tmp"].contains(where: { name.hasSuffix($0) }) {
                problems.append("\(what) was refused and left \(name) \(failures(since: since))")
            }
        }
    }

    /// Whether only room was missing, which no read and no sync answers; a position is stated when the bytes are in
    /// place.
    private static func isLackOfRoom(_ call: SimulatedCall) -> Bool {
        let needsRoom: [SimulatedCall.Operation] = [.create, .write, .reserve, .rename, .truncate]
        return call.failure == .noSpace && needsRoom.contains(call.operation) && !call.path.string.hasSuffix("POSITION")
    }

    /// Whether a frame found no room, and what was written of it could not be taken back: nothing must follow it,
    /// whoever appended it.
    private static func isNotTakenBack(_ failed: [SimulatedCall]) -> Bool {
        guard let last = failed.last, last.operation == .truncate, let before = failed.dropLast().last else {
            return false
        }
        return before.operation == .write && before.path == last.path && before.offset == last.byteCount
    }

    private func failures(since: Int) -> [SimulatedCall] {
        disk.trace[since...].filter { $0.failure != nil && $0.failure != .noSuchFileOrDirectory }
    }

    private func put(_ engine: LogEngine, _ key: String, _ count: Int) {
        number += 1
        let bytes = PowerLossTests.bytes(number, count: count)
        attempt("put \(number)", engine, [key], number) {
            _ = try engine.append(bytes, PowerLossTests.content(), key: CheckpointKey(key))
        }
    }

    private func group(_ engine: LogEngine, _ index: Int) {
        number += 1
        let (keys, byteCounts) = Self.groups[index]
        let members = zip(keys, byteCounts).map { key, count in
            (CheckpointKey(key), PowerLossTests.bytes(number, count: count), FrameHeader.Flags.raw)
        }
        attempt("group \(number)", engine, keys, number) {
            _ = try engine.appendGroup(CheckpointKey("group \(index)"), members, Level(validating: 1))
        }
    }

    private func remove(_ engine: LogEngine, _ key: String) {
        attempt("remove \(key)", engine, [key], nil) {
            _ = try engine.appendRemoval(of: CheckpointKey(key), Level(validating: 1))
        }
    }

    private func sync(_ engine: LogEngine) {
        attempt("sync", engine, [], nil) {
            let writer = try engine.requireWriter()
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            noteSynced()
        }
    }

    private func noteSynced() {
        for key in histories.keys { histories[key]?.noteSynced() }
    }

    private func compact(_ engine: LogEngine) {
        let (callsBefore, filesBefore) = (disk.trace.count, disk.fileNames(in: SpecimenLog.path))
        do {
            try engine.requireWriter().maintenance.compact(fully: true)
        } catch {
            refusals.append("compact: \(error)")
            findLeftovers(of: "compact", engine, since: callsBefore, filesBefore)
        }
    }

    private func close(_ engine: LogEngine, _ opening: Int) {
        do {
            try engine.close()
            noteSynced()
        } catch {
            refusals.append("close \(opening): \(error)")
        }
    }

    // MARK: The end

    /// Opens the log on a disk that is well again: after a power cut, at once, and after a power cut then.
    func checkAfterwards() {
        disk.removeFaults()
        check(disk.crashImage(.syncedOnly, boot: .another), "after a power cut", \.synced)
        check(disk.crashImage(.random(UInt64(disk.callCount)), boot: .another), "after a power cut", \.synced)
        check(disk, "in the same process", \.written)
        // What an opening found must be durable by the time it is closed, whatever earlier syncs did.
        check(disk.crashImage(.syncedOnly, boot: .another), "after a power cut that follows", \.written)
    }

    /// Reads everything on a disk that is still full, which asks for no room.
    func checkFull() {
        // A log that could not even be begun is none.
        guard disk.contents(of: SpecimenLog.path.appending(FileName.manifest)) != nil else { return }
        check(disk, "on the full disk", \.written, isReading: true)
    }

    private func check(
        _ disk: SimulatedFileSystem, _ label: String, _ least: KeyPath<History, Int>, isReading: Bool = false
    ) {
        let engine: LogEngine
        do {
            let configuration = configuration(disk, snapshots: false)
            engine =
                isReading
                ? try LogEngine.openForReading(at: SpecimenLog.path, configuration, isSalvage: false)
                : try LogEngine.open(at: SpecimenLog.path, configuration)
        } catch {
            return problems.append("\(label) the log does not open: \(error)")
        }
        var found: [String: Int?] = [:]
        for (key, history) in histories.sorted(by: { $0.key < $1.key }) {
            do {
                let bytes = unsafe try engine.withContent(level: 1, key: CheckpointKey(key)) { unsafe Array($1) }
                let value = bytes.flatMap(PowerLossTests.number)
                if bytes != nil, value == nil { problems.append("\(label) \(key) is a value that was never taken") }
                if !history.tried[history[keyPath: least]...].contains(value) {
                    problems.append(
                        "\(label) \(key) is \(value ?? 0), acknowledged \(history.tried[history[keyPath: least]] ?? 0)")
                }
                found[key] = value
            } catch {
                problems.append("\(label) \(key): \(error)")
            }
        }
        for (keys, _) in Self.groups {
            let members = keys.compactMap { found[$0] }
            if Set(members).count > 1 { problems.append("\(label) the group of \(keys) is split: \(members)") }
        }
        do {
            try engine.close()
        } catch {
            problems.append("\(label) the log does not close: \(error)")
        }
    }
}
