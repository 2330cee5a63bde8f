import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A backup that fails or is cut off at any call: the directory has the backup from before or the new one, and the next
/// call goes on.
@Suite(.timeLimit(.minutes(10))) struct BackupSweepTests {
    private typealias Log = BackupTests

    /// How a backup is made.
    struct Way: Sendable, CustomStringConvertible {
        var links = true
        /// Whether there is none yet in the directory.
        var isFirst = false
        var byReader = false

        var description: String {
            "\(links ? "linked" : "copied"), \(isFirst ? "first" : "later"), by a \(byReader ? "reader" : "writer")"
        }

        static let all = [
            Way(), Way(isFirst: true), Way(links: false), Way(byReader: true), Way(links: false, byReader: true),
            Way(isFirst: true, byReader: true),
        ]
    }

    private enum Fault {
        case none
        case cut(Int)
        case failure(Int, Bool)
    }

    private struct Outcome {
        /// How many calls the backup makes that change the disk, and how many in all.
        var counts: (mutating: Int, all: Int)
        /// What the log held at the earlier backup, and at this one.
        var contents: [[String]]
        var error: (any Error)?
    }

    private static func backUp(
        _ log: CheckpointLog, _ way: Way, _ disk: SimulatedFileSystem
    ) async throws {
        guard way.byReader else {
            try await log.backup(to: "/copy")
            return
        }
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: Log.configuration(disk))
        do {
            try await reader.backup(to: "/copy")
            try await reader.close()
        } catch {
            try await reader.close()
            throw error
        }
    }

    private static func run(_ disk: SimulatedFileSystem, _ way: Way, _ fault: Fault) async throws -> Outcome {
        if !way.links { disk.fail(.link, with: .improperLink, once: false) }
        var configuration = Log.configuration(disk)
        configuration.runsInline = true
        configuration.randomSeed = 3
        configuration.now = { 1_700_000_000_000_000 }
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await Log.fill(log, 1)
        if !way.isFirst {
            try await log.save()
            try await backUp(log, way, disk)
        }
        let before = way.isFirst ? [] : try await Log.content(log)
        try await Log.fill(log, 2)
        try await log.compact()
        // Some of it is to be in the chain.
        try await Log.fill(log, 3)
        try await log.save()
        let after = try await Log.content(log)
        let start = (mutating: disk.mutatingCallCount, all: disk.callCount)
        switch fault {
        case .none: break
        case .cut(let call): disk.cutPower(atCall: start.mutating + call, tearing: UInt64(call))
        case .failure(let call, let isFull): disk.fail(call: start.all + call, with: isFull ? .noSpace : .ioError)
        }
        var failure: (any Error)?
        do { try await backUp(log, way, disk) } catch { failure = error }
        let counts = (disk.mutatingCallCount - start.mutating, disk.callCount - start.all)
        log.engine.abandon()
        return Outcome(counts: counts, contents: [before, after], error: failure)
    }

    /// The calls that are tried: all of them in the release build.
    private static func tried(
        _ way: Way, _ count: (Outcome) -> Int
    ) async throws -> [Int] {
        let outcome = try await run(SimulatedFileSystem(seed: 7), way, .none)
        #expect(outcome.error == nil)
        let count = count(outcome)
        #expect(count > 20)
        let step = takesSamples ? max(1, count / 20) : 1
        return (1...count + 1).filter { $0 % step == 0 || takesSamples && $0 > count - 12 }
    }

    private static func check(
        _ disk: SimulatedFileSystem, _ way: Way, _ outcome: Outcome, _ label: String
    ) async throws -> Int? {
        guard disk.contents(of: "/copy/MANIFEST") != nil else {
            #expect(way.isFirst, "\(label)")
            return nil
        }
        await Log.check(disk, label)
        let copy = try await CheckpointLog.openForReading(at: "/copy", configuration: Log.configuration(disk))
        let content = try await Log.content(copy)
        #expect(copy.recoveryReport.possiblyLost == nil, "\(label)")
        try await copy.close()
        let place = outcome.contents.firstIndex(of: content)
        #expect(place != nil, "\(label)")
        return place
    }

    /// The next call goes on, and makes a log that can be opened for writing.
    private static func goOn(_ disk: SimulatedFileSystem, _ way: Way, _ label: String) async throws {
        let log = try await Log.open(disk)
        try await log.checkpoint(way.byReader, for: "next")
        try await log.save()
        try await backUp(log, way, disk)
        let content = try await Log.content(log)
        try await log.close()
        await Log.check(disk, "after \(label)")
        let copy = try await Log.open(disk, at: "/copy")
        #expect(try await Log.content(copy) == content, "after \(label)")
        try await copy.checkpoint(1, for: "its own")
        try await copy.close()
        await Log.check(disk, "after \(label), gone on")
    }

    @Test(arguments: Way.all) func cutOffAnywhereItIsTheEarlierOrTheNew(way: Way) async throws {
        var seen: Set<Int> = []
        for call in try await Self.tried(way, \.counts.mutating) {
            let disk = SimulatedFileSystem(seed: 7)
            let outcome = try await Self.run(disk, way, .cut(call))
            for kind in [CrashImageKind.everything, call % 2 == 0 ? .syncedOnly : .random(UInt64(call))] {
                let image = disk.crashImage(kind, boot: .another)
                let label = "\(way), cut \(call), \(kind)"
                if let place = try await Self.check(image, way, outcome, label) { seen.insert(place) }
                try await Self.goOn(image, way, label)
            }
        }
        #expect(seen == (way.isFirst ? [1] : [0, 1]))
    }

    /// A call that fails, or finds no room where the backup goes, is told; the log and the earlier backup are as they
    /// were.
    @Test(arguments: Way.all, [false, true]) func aFailureCostsThisBackupAlone(way: Way, isFull: Bool) async throws {
        var failures = 0
        for call in try await Self.tried(way, \.counts.all) {
            let disk = SimulatedFileSystem(seed: 7)
            let outcome = try await Self.run(disk, way, .failure(call, isFull))
            let label = "\(way), call \(call) fails\(isFull ? " for want of room" : "")"
            if let error = outcome.error {
                failures += 1
                let code = (error as? CheckpointLogError)?.code
                #expect(code == (isFull ? .diskFull : .ioFailure) || code == .writerFailed, "\(label): \(error)")
            }
            disk.removeFaults()
            if !way.links { disk.fail(.link, with: .improperLink, once: false) }
            let place = try await Self.check(disk, way, outcome, label)
            if outcome.error == nil { #expect(place == 1, "\(label)") }
            try await Self.goOn(disk, way, label)
        }
        #expect(failures > 5)
    }
}
