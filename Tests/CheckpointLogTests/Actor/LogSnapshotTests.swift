import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A log as it was at one moment, while it is written, compacted and rid of dead values.
@Suite(.timeLimit(.minutes(5))) struct LogSnapshotTests {
    private typealias Log = BackupTests

    /// Has the log do everything that a snapshot must not see.
    private static func goOn(_ log: CheckpointLog) async throws {
        for round in 5..<8 { try await Log.fill(log, round) }
        try await log.removeAllCheckpoints(level: 2)
        for key in ["k1", "k2", "large"] as [CheckpointKey] { try await log.removeCheckpoint(for: key) }
        try await Log.fill(log, 9)
        try await log.save()
        let writer = try log.engine.requireWriter()
        for _ in 0..<3 {
            try writer.maintenance.freeValues()
            try await log.compact()
        }
    }

    private static func names(_ disk: SimulatedFileSystem) -> Set<String> {
        Set(disk.fileNames(in: "/log").filter { $0.hasSuffix(".log") || $0.hasSuffix(".val") || $0.hasSuffix(".out") })
    }

    @Test func aSnapshotSeesOneMoment() async throws {
        let disk = SimulatedFileSystem(seed: 1)
        let log = try await Log.open(disk)
        for round in 0..<3 { try await Log.fill(log, round) }
        let expected = try await Log.content(log)
        let before = Self.names(disk)
        let snapshot = try await log.snapshot()
        #expect(log.statistics.openSnapshotCount == 1 && log.statistics.heldByteCount == 0)
        try await Self.goOn(log)
        #expect(try await Log.content(snapshot) == expected)
        #expect(try await Log.content(log) != expected)
        #expect(log.statistics.heldByteCount > 100_000)
        // Another one, of another moment, and its own snapshot is itself.
        let (second, later) = (try await log.snapshot(), try await Log.content(log))
        try await Log.fill(log, 10)
        try await log.removeAllCheckpoints()
        try await log.compact()
        #expect(try await Log.content(second) == later)
        #expect(try await second.snapshot() === second)
        #expect(try await Log.content(snapshot) == expected)
        // Let go, their files go.
        #expect(Self.names(disk).isSuperset(of: before))
        try await snapshot.close()
        #expect(log.statistics.openSnapshotCount == 1)
        #expect(!Self.names(disk).isSuperset(of: before))
        #expect(try await Log.content(second) == later)
        try await second.close()
        #expect(!Self.names(disk).contains { $0.hasSuffix(".val") })
        #expect(log.statistics.heldByteCount == 0 && log.statistics.openSnapshotCount == 0)
        await #expect(throws: CheckpointLogError.self) { try await second.restore(Int.self, for: "state") }
        await Log.check(disk, at: "/log")
        try await log.close()
    }

    /// Of a reader: files that the writer removes stay open.
    @Test func aReadersSnapshotSeesOneMoment() async throws {
        let disk = SimulatedFileSystem(seed: 2)
        let log = try await Log.open(disk)
        for round in 0..<3 { try await Log.fill(log, round) }
        try await log.save()
        let expected = try await Log.content(log)
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: Log.configuration(disk))
        let snapshot = try await reader.snapshot()
        try await Self.goOn(log)
        #expect(try await Log.content(snapshot) == expected)
        #expect(try await Log.content(reader) == Log.content(log))
        #expect(try await Log.content(snapshot) == expected)
        // One that is taken while the reader has not seen yet that files are gone.
        let next = try await reader.snapshot()
        #expect(try await Log.content(next) == Log.content(log))
        try await log.close()
        #expect(try await Log.content(snapshot) == expected)
        try await reader.close()
        await #expect(throws: CheckpointLogError.self) { try await snapshot.restore(Int.self, for: "state") }
    }

    @Test func aSnapshotOfMemoryStaysAsItIs() async throws {
        let log = try await CheckpointLog.inMemory()
        try await log.checkpoint(1, for: "a")
        try await log.commit("group") { try $0.put(1, for: "b") }
        let snapshot = try await log.snapshot()
        try await log.checkpoint(2, for: "a")
        try await log.commit("group") { try $0.put(2, for: "b") }
        try await log.removeCheckpoint(for: "b")
        #expect(try await snapshot.restore(Int.self, for: "a") == 1)
        #expect(try await snapshot.restoreGroup("group")?.restore(Int.self, for: "b") == 1)
        #expect(try await log.restoreGroup("group") == nil)
        #expect(log.statistics.openSnapshotCount == 1)
        try await snapshot.close()
        #expect(log.statistics.openSnapshotCount == 0)
        try await log.close()
    }

    /// Whatever a snapshot is of, nothing can be stored in it or taken from it.
    @Test(arguments: ["writer", "reader", "memory"]) func aSnapshotIsForReading(kind: String) async throws {
        let disk = SimulatedFileSystem(seed: 3)
        let writer = try await Log.open(disk)
        try await writer.checkpoint(1, for: "a", level: 2)
        try await writer.save()
        let log =
            switch kind {
            case "writer": writer
            case "reader":
                try await CheckpointLog.openForReading(at: "/log", configuration: Log.configuration(disk))
            default: try await CheckpointLog.inMemory()
            }
        if kind == "memory" { try await log.checkpoint(1, for: "a", level: 2) }
        let snapshot = try await log.snapshot()
        let version = try #require(try await snapshot.history(for: "a").first?.sequenceNumber)
        let attempts: [@Sendable () async throws -> Void] = [
            { try await snapshot.checkpoint(2, for: "a", level: 2) },
            { try await snapshot.checkpoint(2, for: "a", level: 3) },
            { try await snapshot.commit("group") { try $0.put(2, for: "b") } },
            { try await snapshot.removeCheckpoint(for: "a") },
            { _ = try await snapshot.removeVersion(version, of: "a", level: 2) },
            { try await snapshot.removeAllCheckpoints() },
            { _ = try await snapshot.removeCheckpoints(prefix: "a") },
        ]
        for (index, attempt) in attempts.enumerated() {
            let error = await #expect(throws: CheckpointLogError.self, "\(index)") { try await attempt() }
            #expect(error?.code == .readOnly, "\(index): \(String(describing: error))")
        }
        #expect(try await snapshot.restore(Int.self, for: "a") == 1)
        #expect(try await log.restore(Int.self, for: "a") == 1)
        try await log.close()
        if kind != "writer" { try await writer.close() }
    }

    /// What is over its level's age is so by the clock of the snapshot's moment.
    @Test func timeStandsStillInASnapshot() async throws {
        let clock = Lock(Int64(1_700_000_000_000_000))
        var configuration = Log.configuration(SimulatedFileSystem(seed: 4))
        configuration.now = { clock.withLock { $0 } }
        configuration.levels[2] = LevelPolicy(
            durability: .written, retention: .newest(100).younger(than: .seconds(60)))
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        for step in 0..<5 {
            try await log.checkpoint(step, for: "a", level: 2)
            clock.withLock { $0 += 20_000_000 }
        }
        let snapshot = try await log.snapshot()
        let before = try await snapshot.history(for: "a").map(\.sequenceNumber)
        #expect(before.count == 3)
        clock.withLock { $0 += 40_000_000 }
        #expect(log.statistics.oldestSnapshotAge == .seconds(40))
        try await log.compact()
        #expect(try await log.history(for: "a").count == 1)
        #expect(try await snapshot.history(for: "a").map(\.sequenceNumber) == before)
        #expect(try await snapshot.restore(Int.self, for: "a", version: .sequence(before[2])) == 2)
        try await log.close()
    }

    /// While several tasks store batches, groups and pairs in order, each snapshot has them whole and in order.
    @Test func aSnapshotIsNeverBetweenTwoRecordsOfABatch() async throws {
        let directory = try TemporaryDirectory()
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        configuration.levels[2] = LevelPolicy(durability: .written)
        configuration.levels[3] = LevelPolicy(durability: .memory)
        let log = try await CheckpointLog.open(
            at: directory.path.appending("log").string, configuration: configuration)
        for key in ["left", "right", "first", "second"] {
            try await log.checkpoint([0], for: CheckpointKey(key), level: 2)
        }
        try await log.checkpoint(0, for: "remembered", level: 3)
        try await log.checkpoint(0, for: "after", level: 2)
        let isDone = Lock(false)
        let large = [Int](repeating: .max, count: 3_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var round = 0
                while !isDone.withLock({ $0 }) {
                    round += 1
                    let value = round % 3 == 0 ? [round] + large : [round]
                    try await log.commit("pair", level: 2) { batch in
                        try batch.put(value, for: "left")
                        try batch.put(value, for: "right")
                    }
                }
            }
            group.addTask {
                var round = 0
                while !isDone.withLock({ $0 }) {
                    round += 1
                    try await log.checkpoint([round], for: "first", level: 2)
                    try await log.checkpoint([round], for: "second", level: 2)
                    try await log.checkpoint(round, for: "remembered", level: 3)
                    try await log.checkpoint(round, for: "after", level: 2)
                }
            }
            for _ in 0..<300 {
                let snapshot = try await log.snapshot()
                func value(_ key: CheckpointKey) async throws -> Int {
                    try await snapshot.restore([Int].self, for: key, level: 2)?.first ?? -1
                }
                let (second, first) = (try await value("second"), try await value("first"))
                #expect(first - second == 0 || first - second == 1)
                let left = try await value("left")
                let right = try await value("right")
                #expect(left == right)
                let pair = try await snapshot.restoreGroup("pair", level: 2)
                if let pair { #expect(try await pair.restore([Int].self, for: "right")?.first == right) }
                let after = try await snapshot.restore(Int.self, for: "after", level: 2) ?? -1
                let remembered = try await snapshot.restore(Int.self, for: "remembered", level: 3) ?? -1
                #expect(remembered - after == 0 || remembered - after == 1)
                try await snapshot.close()
            }
            isDone.withLock { $0 = true }
            try await group.waitForAll()
        }
        #expect(log.statistics.heldByteCount == 0)
        try await log.close()
    }

    /// A snapshot is let go by being forgotten, and ends with its log at the latest.
    @Test func aSnapshotEndsWithItsLog() async throws {
        let disk = SimulatedFileSystem(seed: 6)
        let log = try await Log.open(disk)
        try await log.checkpoint(1, for: "a")
        do { _ = try await log.snapshot() }
        #expect(log.statistics.openSnapshotCount == 0)
        let snapshot = try await log.snapshot()
        #expect("\(snapshot)" == "Snapshot of checkpoint log at /log.")
        for round in 0..<3 { try await Log.fill(log, round) }
        try await log.compact()
        try await log.close()
        let error = await #expect(throws: CheckpointLogError.self) { try await snapshot.restore(Int.self, for: "a") }
        #expect(error?.code == .closed)
        #expect("\(snapshot)" == "Snapshot of checkpoint log at /log, let go.")
        await #expect(throws: CheckpointLogError.self) { try await log.snapshot() }
        // One that nobody else refers to stays open for its snapshot.
        var again: CheckpointLog? = try await Log.open(disk)
        #expect(again?.recoveryReport.orphans.isEmpty == true)
        var last: CheckpointLog? = try await again?.snapshot()
        again = nil
        #expect(try await last?.restore(Int.self, for: "a") == 1)
        await #expect(throws: CheckpointLogError.self) { try await Log.open(disk) }
        last = nil
        // The thread that read for it may hold it for a moment longer.
        again = try await CheckpointLog.open(
            at: SpecimenLog.path.string, configuration: Log.configuration(disk), waitingForLock: .seconds(600))
        try await again?.close()
    }

    /// A log that has failed in the middle of an append gives what it holds, and hangs nobody.
    @Test func aLogThatHasFailedGivesASnapshot() async throws {
        let disk = SimulatedFileSystem(seed: 8)
        disk.mapping = .refused
        let log = try await Log.open(disk)
        try await log.checkpoint(1, for: "a")
        disk.fail(.write, where: { $0.lastComponent?.string == "POSITION" }, with: .ioError)
        await #expect(throws: CheckpointLogError.self) { try await log.checkpoint(2, for: "a") }
        let snapshot = try await log.snapshot()
        #expect(try await snapshot.restore(Int.self, for: "a") == 1)
        await #expect(throws: CheckpointLogError.self) { try await log.close() }
    }

    /// A crash with a snapshot open costs nothing: what it held are orphans.
    @Test func afterACrashTheHeldFilesGo() async throws {
        let disk = SimulatedFileSystem(seed: 7)
        let log = try await Log.open(disk)
        for round in 0..<3 { try await Log.fill(log, round) }
        let snapshot = try await log.snapshot()
        try await Self.goOn(log)
        #expect(log.statistics.heldByteCount > 0)
        let expected = try await Log.content(log)
        try await log.save()
        let image = disk.crashImage(boot: .another)
        _ = snapshot
        let again = try await Log.open(image)
        #expect(try await Log.content(again) == expected)
        #expect(again.recoveryReport.damage.isEmpty && !again.recoveryReport.orphans.isEmpty)
        await Log.check(image, at: "/log")
        try await again.close()
        try await log.close()
    }
}
