import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The file of a large value that died before any sync stated its reference goes without a sync, once too much is
/// dead: nothing that a sync has stated needs it.
@Suite struct ValuesFreedAtOnceTests {
    let disk = SimulatedFileSystem(seed: 32)

    func open(_ disk: SimulatedFileSystem, _ change: (inout Configuration) -> Void = { _ in }) throws -> LogEngine {
        var configuration = FreedValueTests.configuration(disk)
        // Two values may be dead beside that.
        configuration.deadValueByteLimit = 0
        // Rolls would sync, too.
        configuration.segmentByteLimit = 4 << 20
        configuration.largeValueByteCount = 4 << 10
        change(&configuration)
        return try LogEngine.open(at: SpecimenLog.path, configuration)
    }

    func put(_ engine: LogEngine, _ key: String, _ number: Int) throws {
        try FreedValueTests.put(engine, key, number)
    }

    func number(_ engine: LogEngine, _ key: String) throws -> Int? { try FreedValueTests.number(engine, key) }

    func syncs(_ engine: LogEngine) throws -> Int { try engine.requireWriter().appender.counters.syncs }

    func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] { await FreedValueTests.findings(disk) }

    /// A process that ends has lost nothing; a power cut takes what no sync has stated.
    @Test func whatNoSyncHasStatedGoesWithoutOne() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try FreedValueTests.sync(engine)
        for number in 2...500 { try put(engine, "key", number) }
        // The one that the sync has stated, another that is dead, and the newest.
        let values = FreedValueTests.values(disk)
        #expect(values.count == 3)
        #expect(try syncs(engine) == 2)
        let afterKill = disk.crashImage(boot: .same)
        let afterCut = disk.crashImage(.everything, boot: .another)
        engine.abandon()
        #expect(await findings(afterKill).isEmpty)
        let killed = try open(afterKill)
        #expect(try number(killed, "key") == 500)
        try killed.close()
        // Without the newest two the log ends before all that they superseded.
        for value in values.dropFirst() {
            afterCut.removeFile(SpecimenLog.path.appending(SegmentName(value, .value).fileName))
        }
        #expect(await findings(afterCut).allSatisfy { $0.severity == .tornTail })
        let before = afterCut.callCount
        let cut = try open(afterCut)
        #expect(try number(cut, "key") == 1 && cut.report.tornTail != nil)
        // The log was not read anew for each value.
        #expect(afterCut.callCount - before < 4 * 500)
        try put(cut, "key", 501)
        try cut.close()
        #expect(await findings(afterCut).isEmpty)
    }

    /// At every call, power cut: what is found is a value that was taken, at least the newest that was synced.
    @Test func noPowerCutTakesWhatASyncHasStated() throws {
        var (call, isOver) = (0, false)
        while !isOver {
            let disk = SimulatedFileSystem(seed: UInt64(call))
            var synced: [String: Int] = [:]
            disk.cutPower(atCall: call)
            do {
                let engine = try open(disk)
                for number in 1...14 {
                    for key in ["first", "second"] { try put(engine, key, number) }
                    if number % 6 == 0 {
                        try FreedValueTests.sync(engine)
                        synced = ["first": number, "second": number]
                    }
                }
                isOver = !disk.isPowerCut
                engine.abandon()
            } catch {}
            for kind in [CrashImageKind.syncedOnly, .everything, .random(UInt64(call)), .random(UInt64(call) + 1)] {
                let again = try open(disk.crashImage(kind, boot: .another))
                for key in ["first", "second"] {
                    let (found, least) = (try number(again, key) ?? 0, synced[key] ?? 0)
                    #expect((least...14).contains(found), "\(key) at call \(call), \(kind): \(found), not \(least)")
                }
                try again.close()
            }
            call += takesSamples ? 3 : 1
        }
        #expect(call > 150)
    }

    /// What takes a value's place while a sync is under way may be behind the end that this sync states.
    @Test func aValueThatASyncIsAtWaits() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        let interruption = Interruption(turn: 1)
        let failure = Lock<(any Error)?>(nil)
        disk.observe { call in
            guard call.operation == .sync else { return }
            interruption.arrive {
                do {
                    for number in 2...5 { try put(engine, "key", number) }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        try FreedValueTests.sync(engine)
        #expect(interruption.isDone && failure.withLock { $0 } == nil)
        let image = disk.crashImage(.syncedOnly, boot: .another)
        engine.abandon()
        #expect(await findings(image).allSatisfy { $0.severity == .tornTail })
        let again = try open(image)
        #expect(try number(again, "key") == 1)
        try again.close()
    }

    /// While values go without a sync, the log is synced once a second, so that a power cut takes no more.
    @Test func theLogIsSyncedMeanwhile() throws {
        let time = Lock<Int64>(1_000_000)
        let engine = try open(disk) { configuration in
            configuration.now = { time.withLock { $0 } }
            // Those that a sync has stated wait for two more.
            configuration.deadValueByteLimit = 60_000
        }
        let syncs = Lock(0)
        disk.observe { call in
            if call.operation == .sync, call.path.extension == "log" { syncs.withLock { $0 += 1 } }
        }
        func put(_ count: Int, every microseconds: Int64) throws {
            for number in 0..<count {
                try self.put(engine, "key", number)
                time.withLock { $0 += microseconds }
            }
        }
        try put(100, every: 50_000)
        let count = syncs.withLock { $0 }
        #expect((3...5).contains(count), "\(count) syncs in five seconds")
        // A clock that was set back is no reason to wait.
        try put(15, every: 1_000)
        time.withLock { $0 -= 3_600_000_000 }
        try put(5, every: 1_000)
        #expect(syncs.withLock { $0 } == count + 1)
        try engine.close()
    }
}
