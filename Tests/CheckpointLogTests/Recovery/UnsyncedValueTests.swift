import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A large value at a level that promises less than a sync is not synced before its reference: what a power cut leaves
/// of it decides where the log ends, and nothing is ever returned that was not taken.
@Suite struct UnsyncedValueTests {
    let disk = SimulatedFileSystem(seed: 31)

    func open(_ disk: SimulatedFileSystem, keep: Int = 1) throws -> LogEngine {
        try FreedValueTests.open(disk, keep: keep)
    }

    func put(_ engine: LogEngine, _ key: String, _ number: Int) throws {
        try FreedValueTests.put(engine, key, number)
    }

    func number(_ engine: LogEngine, _ key: String) throws -> Int? { try FreedValueTests.number(engine, key) }

    func syncs(_ engine: LogEngine) throws -> Int { try engine.requireWriter().appender.counters.syncs }

    /// The disk after a power cut that spared everything but the values of these numbers, counted from 0 in the order
    /// they were written.
    func image(_ disk: SimulatedFileSystem, losing lost: [Int], boot: CrashBoot = .another) -> SimulatedFileSystem {
        let image = disk.crashImage(.everything, boot: boot)
        let values = FreedValueTests.values(image)
        for (turn, index) in lost.enumerated() {
            let path = SpecimenLog.path.appending(SegmentName(values[index], .value).fileName)
            guard let bytes = image.contents(of: path) else { continue }
            // Not there, empty, without its end, of zeros, another by one bit.
            switch turn % 5 {
            case 0: image.removeFile(path)
            case 1: image.setContents([], of: path)
            case 2: image.setContents(Array(bytes.prefix(5_000)), of: path)
            case 3: image.setContents([UInt8](repeating: 0, count: bytes.count), of: path)
            default: _ = image.flipBit(300 * 8, of: path)
            }
        }
        return image
    }

    func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] { await FreedValueTests.findings(disk) }

    // MARK: Syncs

    @Test func aLevelThatPromisesLessSyncsNothing() throws {
        let engine = try open(disk)
        for number in 1...20 { try put(engine, "key", number) }
        for key in 1...20 { try put(engine, "key \(key)", key) }
        #expect(try syncs(engine) == 0)
        // One log segment, and the values that are still wanted.
        try FreedValueTests.sync(engine)
        #expect(try syncs(engine) == 1 + 21)
        try FreedValueTests.sync(engine)
        #expect(try syncs(engine) == 22)
        try engine.close()
    }

    /// Each waits with a descriptor of its own.
    @Test func soManyValuesMayWait() throws {
        let engine = try open(disk)
        for key in 0..<UnsyncedValues.limit { try put(engine, "key \(key)", key) }
        #expect(try syncs(engine) == 0)
        try put(engine, "one more", 1)
        #expect(try syncs(engine) == 1 + UnsyncedValues.limit)
        // Those that are dead make room without.
        for number in 0..<2 * UnsyncedValues.limit { try put(engine, "same", number) }
        #expect(try syncs(engine) == 1 + UnsyncedValues.limit)
        try engine.close()
    }

    @Test func aSyncCoversTheValuesBeforeIt() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try put(engine, "other", 2)
        try FreedValueTests.sync(engine)
        let image = disk.crashImage(.syncedOnly, boot: .another)
        engine.abandon()
        #expect(await findings(image).isEmpty)
        let again = try open(image)
        #expect(try number(again, "key") == 1 && number(again, "other") == 2)
        #expect(again.report.tornTail == nil)
        try again.close()
    }

    /// A failed sync of a value is a failed sync of the log.
    @Test func aValueThatDoesNotSyncClosesTheLog() throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        let value = try #require(FreedValueTests.values(disk).first)
        disk.fail(
            .sync, where: { $0.lastComponent?.string == SegmentName(value, .value).fileName }, with: .ioError)
        #expect(throws: CheckpointLogError.self) { try FreedValueTests.sync(engine) }
        #expect(try engine.requireWriter().appender.failure != nil)
        #expect(throws: CheckpointLogError.self) { try put(engine, "key", 2) }
        engine.abandon()
    }

    /// A value may die, and its file be let go, while a sync of the log is at it.
    @Test func aValueThatDiesUnderASyncIsNoFailure() throws {
        let directory = try TemporaryDirectory()
        var configuration = SpecimenLog.configuration(SimulatedFileSystem())
        configuration.fileSystem = POSIXFileSystem.shared
        configuration.runsInline = false
        let engine = try LogEngine.open(at: directory.path.appending("log"), configuration)
        let values = try engine.requireWriter().appender.unsyncedValues
        let isOver = Lock(false)
        let thread = try #require(
            NamedThread(name: "syncs") {
                while !isOver.withLock({ $0 }) { try? FreedValueTests.sync(engine) }
            })
        for number in 0..<400 {
            try put(engine, "key", number)
            values.removeDead()
        }
        isOver.withLock { $0 = true }
        thread.join()
        #expect(try engine.requireWriter().appender.failure == nil)
        #expect(try number(engine, "key") == 399)
        try engine.close()
    }

    // MARK: After a power cut

    /// The first that is not there is the end of the log, whatever comes after.
    @Test(arguments: 0..<5) func theNewestThatIsLostIsTheEnd(way: Int) async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try FreedValueTests.sync(engine)
        try put(engine, "key", 2)
        try put(engine, "other", 3)
        try put(engine, "third", 4)
        // Ways to be lost go round: all but the last in the list are there.
        let image = image(disk, losing: Array(repeating: 1, count: way + 1))
        engine.abandon()
        let report = await LogVerifier(directory: SpecimenLog.path, level: .deep, fileSystem: image).verify()
        #expect(report.findings.contains { $0.severity == .tornTail })
        #expect(report.findings.allSatisfy { $0.severity == .tornTail || $0.severity == .note })
        let reader = try LogEngine.openForReading(
            at: SpecimenLog.path, SpecimenLog.configuration(image), isSalvage: false)
        #expect(try number(reader, "key") == 1 && number(reader, "other") == nil)
        try reader.close()
        let again = try open(image)
        #expect(try number(again, "key") == 1 && number(again, "other") == nil && number(again, "third") == nil)
        #expect(again.report.tornTail != nil && again.report.possiblyLost != nil)
        try put(again, "key", 5)
        try again.close()
        #expect(await findings(image).isEmpty)
        let last = try open(image)
        #expect(try number(last, "key") == 5)
        try last.close()
    }

    @Test func whatWasSupersededMayBeMissing() async throws {
        let engine = try open(disk)
        for number in 1...5 { try put(engine, "key", number) }
        try put(engine, "other", 6)
        let image = image(disk, losing: [0, 1, 2, 3])
        engine.abandon()
        #expect(await findings(image).isEmpty)
        let again = try open(image)
        #expect(try number(again, "key") == 5 && number(again, "other") == 6)
        #expect(again.report.tornTail == nil)
        try again.close()
        #expect(await findings(image).isEmpty)
    }

    /// Also where a recovery that was cut short has sealed their references.
    @Test func whatWasSupersededMayBeMissingInASealedSegment() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try FreedValueTests.sync(engine)
        try put(engine, "key", 2)
        _ = try engine.appendRemovalOfAll(Level(validating: 1))
        let lost = image(disk, losing: [1])
        engine.abandon()
        // Cut off once it has sealed the chain, before it can say that anything is freed.
        let again = try open(lost)
        let cut = lost.crashImage(.everything, boot: .another)
        again.abandon()
        #expect(await findings(cut).isEmpty)
        let last = try open(cut)
        #expect(try number(last, "key") == nil)
        try last.close()
        #expect(await findings(cut).isEmpty)
    }

    /// A cut takes what superseded others, and these are then the newest.
    @Test func aCutIsJudgedAgain() throws {
        let engine = try open(disk)
        try put(engine, "first", 1)
        try put(engine, "key", 2)
        try put(engine, "other", 3)
        try put(engine, "key", 4)
        // Of "key" the first is superseded by the second, which the end at "other" takes.
        let image = image(disk, losing: [1, 2])
        engine.abandon()
        let again = try open(image)
        #expect(try number(again, "first") == 1)
        #expect(try number(again, "key") == nil && number(again, "other") == nil)
        try again.close()
    }

    /// A removal ends it as a newer value does.
    @Test func whatWasRemovedMayBeMissing() throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        _ = try engine.appendRemoval(of: "key", Level(validating: 1))
        try put(engine, "other", 2)
        try put(engine, "third", 3)
        _ = try engine.appendRemovalOfAll(Level(validating: 1))
        try put(engine, "fourth", 4)
        let image = image(disk, losing: [0, 1, 2])
        engine.abandon()
        let again = try open(image)
        #expect(try number(again, "fourth") == 4 && number(again, "key") == nil && number(again, "other") == nil)
        #expect(again.report.tornTail == nil)
        try again.close()
    }

    /// An older version that is kept and lost is no reason to lose a newer one.
    @Test func anOlderVersionThatIsLostIsGivenUp() async throws {
        let engine = try open(disk, keep: 3)
        for number in 1...3 { try put(engine, "key", number) }
        let image = image(disk, losing: [1])
        engine.abandon()
        #expect(await findings(image).isEmpty)
        var again = try open(image, keep: 3)
        #expect(try number(again, "key") == 3)
        #expect(try FreedValueTests.versionCount(again, "key") == 2)
        try again.close()
        #expect(await findings(image).isEmpty)
        again = try open(image, keep: 3)
        #expect(try FreedValueTests.versionCount(again, "key") == 2)
        try again.close()
    }

    /// Wherever an opening is cut off that gives a version up, the next one knows that nothing had to keep its value.
    @Test(arguments: [false, true]) func whatWasGivenUpStaysSo(isRolled: Bool) async throws {
        // Without threads, so that nothing is sealed.
        var configuration = FreedValueTests.configuration(disk, keep: 3)
        configuration.runsInline = false
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        try engine.requireWriter().maintenance.stop()
        for number in 1...2 { try put(engine, "key", number) }
        try FreedValueTests.put(engine, "key", 3, count: 100)
        if isRolled { try engine.requireWriter().appender.roll() }
        let lost = image(disk, losing: [0, 1])
        engine.abandon()
        var (call, isOver) = (1, false)
        while !isOver {
            let turn = lost.copy()
            turn.cutPower(atCall: call)
            let again = try? open(turn, keep: 3)
            isOver = !turn.isPowerCut
            for kind in [CrashImageKind.syncedOnly, .everything, .random(UInt64(call))] {
                let cut = turn.crashImage(kind, boot: .another)
                let before = await findings(cut)
                #expect(before.allSatisfy { $0.severity == .tornTail }, "call \(call), \(kind): \(before)")
                let last = try open(cut, keep: 3)
                #expect(try number(last, "key") == 3)
                #expect(try FreedValueTests.versionCount(last, "key") == 1, "call \(call), \(kind)")
                try last.close()
                #expect(await findings(cut).isEmpty, "call \(call), \(kind), closed")
            }
            again?.abandon()
            call += 1
        }
        #expect(call > 15)
    }

    /// The frames that say so take the place of what was cut off: nothing behind it is read again, even where it fits.
    @Test func whatWasCutOffStaysSo() throws {
        let engine = try open(disk, keep: 3)
        for number in 1...2 { try put(engine, "key", number) }
        try FreedValueTests.put(engine, "key", 3, count: 100)
        // Its reference is as long as two of these frames.
        try put(engine, String(repeating: "k", count: 40), 4)
        try FreedValueTests.put(engine, "behind", 5, count: 100)
        let lost = image(disk, losing: [0, 1, 2])
        engine.abandon()
        var (call, isOver) = (1, false)
        while !isOver {
            let turn = lost.copy()
            turn.cutPower(atCall: call)
            let again = try? open(turn, keep: 3)
            isOver = !turn.isPowerCut
            let last = try open(turn.crashImage(.everything, boot: .another), keep: 3)
            #expect(try number(last, "key") == 3 && number(last, "behind") == nil, "call \(call)")
            try last.close()
            again?.abandon()
            call += 1
        }
        #expect(call > 15)
    }

    /// Values that nothing had to keep are not brought back by an opening that keeps more.
    @Test(arguments: [true, false]) func aGreaterRetentionBringsBackWhatIsThere(isSynced: Bool) throws {
        let engine = try open(disk)
        for number in 1...4 { try put(engine, "key", number) }
        if isSynced { try FreedValueTests.sync(engine) }
        let image = image(disk, losing: [0, 2])
        engine.abandon()
        let again = try open(image, keep: 10)
        let versions = try again.versions(RecordQuery(key: "key", level: 1))
        #expect(versions.count == 2)
        for version in versions {
            let bytes = try unsafe again.withContent(level: 1, key: "key", number: version.number) { unsafe Array($1) }
            #expect(bytes.flatMap(PowerLossTests.number) != nil)
        }
        try again.close()
    }

    // MARK: Damage

    /// What a sync has stated is there: anything else is damage, and told.
    @Test func belowTheSyncedPositionItIsDamage() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try FreedValueTests.sync(engine)
        try put(engine, "other", 2)
        let image = image(disk, losing: [0])
        engine.abandon()
        #expect(await findings(image).contains { $0.severity == .damage && !$0.isHarmless })
        let again = try open(image)
        #expect(throws: CheckpointLogError.self) { try number(again, "key") }
        #expect(try number(again, "other") == 2)
        try again.close()
    }

    /// The end of a process takes nothing that was written.
    @Test func underTheSameBootItIsDamage() async throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try put(engine, "other", 2)
        let image = image(disk, losing: [1], boot: .same)
        engine.abandon()
        #expect(await findings(image).contains { $0.severity == .damage && !$0.isHarmless })
        let error = #expect(throws: CheckpointLogError.self) { try open(image) }
        #expect(error?.code == .damaged)
    }

    /// What cannot be read is not missing.
    @Test func anIOErrorIsNoEnd() throws {
        let engine = try open(disk)
        try put(engine, "key", 1)
        try FreedValueTests.sync(engine)
        try put(engine, "key", 2)
        let whole = image(disk, losing: [])
        engine.abandon()
        var (call, failures) = (1, 0)
        while true {
            let image = whole.copy()
            image.fail(call: call, with: .ioError)
            do {
                let again = try open(image)
                #expect(try number(again, "key") == 2, "call \(call)")
                again.abandon()
                if image.callCount < call { break }
            } catch {
                failures += 1
                image.removeFaults()
                let again = try open(image)
                #expect(try number(again, "key") == 2, "after call \(call)")
                again.abandon()
            }
            call += 1
        }
        #expect(failures > 20)
    }

    /// An opening makes what it has found durable before it states anything: a second power cut takes nothing.
    @Test func aRecoveryMakesThemDurable() throws {
        let engine = try open(disk)
        for key in 1...3 { try put(engine, "key \(key)", key) }
        // The process ends, and then the power goes.
        let first = disk.crashImage(boot: .same)
        engine.abandon()
        let again = try open(first)
        let second = first.crashImage(.syncedOnly, boot: .another)
        again.abandon()
        let last = try open(second)
        for key in 1...3 { #expect(try number(last, "key \(key)") == key) }
        try last.close()
    }
}
