import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A full disk refuses an append only when no compaction can make room for it.
@Suite struct RoomTests {
    /// A log whose appends are faster than its compaction, on a disk that has room for it many times over.
    static func open(_ disk: SimulatedFileSystem, _ change: (inout Configuration) -> Void = { _ in }) async throws
        -> CheckpointLog
    {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        change(&configuration)
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    static func disk(segments: Int) -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 40)
        disk.byteQuota = segments * 64 << 10
        return disk
    }

    static let value = {
        var generator = SeededGenerator(seed: 41)
        return generator.bytes(10_000)
    }()

    enum Way: CaseIterable { case checkpoint, bytes, submit, group, large }

    static func take(_ value: [UInt8], _ way: Way, _ log: CheckpointLog) async throws {
        switch way {
        case .checkpoint: try await log.checkpoint(value, for: "key")
        case .bytes: try await log.checkpoint(bytes: value, for: "key")
        case .submit: try log.submit(value, for: "key")
        case .group: try await log.commit("pair") { try $0.put(value, for: "key") }
        case .large: try await log.checkpoint(value + value, for: "key")
        }
    }

    @Test(arguments: Way.allCases) func appendsWaitForACompaction(way: Way) async throws {
        let disk = Self.disk(segments: 12)
        let log = try await Self.open(disk)
        for number in 0..<600 {
            let value = Self.value + [UInt8(truncatingIfNeeded: number)]
            try await Self.take(value, way, log)
        }
        let newest =
            way == .bytes
            ? try await log.restoreBytes(for: "key") : try await log.restore([UInt8].self, for: "key")
        #expect(newest?.last == UInt8(truncatingIfNeeded: 599))
        try await log.close()
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    /// A disk that is full of what is wanted has no room to win: the call is refused, and the log goes on.
    @Test func whatIsAllWantedIsRefusedAtOnce() async throws {
        let disk = Self.disk(segments: 12)
        let log = try await Self.open(disk)
        var refusals = 0
        for number in 0..<100 {
            do {
                try await log.checkpoint(bytes: Self.value, for: CheckpointKey("key \(number)"))
            } catch let error as CheckpointLogError {
                #expect(error.code == .diskFull)
                refusals += 1
            }
        }
        #expect(refusals > 10 && refusals < 90)
        #expect(throws: CheckpointLogError.self) { try log.submit(Self.value, for: "one more") }
        // Room again, and the log takes more.
        disk.byteQuota = nil
        try await log.checkpoint(bytes: [1], for: "small")
        try await log.close()
    }

    /// That no room can be made is believed for a while, but not once more is dead than by then.
    @Test func aRefusalIsForgottenOnceMoreIsDead() async throws {
        let disk = Self.disk(segments: 12)
        // No thread of the log's own wins room before an append asks for some.
        let log = try await Self.open(disk) { $0.runsInline = true }
        var keys: [CheckpointKey] = []
        var isFull = false
        while !isFull, keys.count < 200 {
            let key = CheckpointKey("key \(keys.count)")
            do {
                try log.submit(Self.value, for: key)
                keys.append(key)
            } catch let error as CheckpointLogError {
                #expect(error.code == .diskFull)
                isFull = true
            }
        }
        #expect(isFull && keys.count > 20)
        // Others give room back: for fewer values than are written now, each in place of another.
        disk.byteQuota = 18 * 64 << 10
        for turn in 0..<4 { for key in keys { try log.submit(Self.value + [UInt8(turn)], for: key) } }
        for key in keys { #expect(try await log.restore([UInt8].self, for: key)?.last == 3) }
        try await log.close()
    }

    /// What a snapshot reads takes its room until it is let go; then the log goes on by itself.
    @Test func aFullDiskGoesOnOnceASnapshotIsLetGo() async throws {
        let disk = Self.disk(segments: 14)
        let log = try await Self.open(disk)
        let keys = (0..<42).map { CheckpointKey("key \($0)") }
        for key in keys { try await log.checkpoint(bytes: Self.value, for: key) }
        let snapshot = try await log.snapshot()
        var refusals = 0
        for key in keys + keys {
            do {
                try await log.checkpoint(bytes: Self.value + [1], for: key)
            } catch let error as CheckpointLogError {
                #expect(error.code == .diskFull)
                refusals += 1
            }
        }
        #expect(refusals > 0 && refusals < 80)
        for key in keys { #expect(try await snapshot.restoreBytes(for: key) == Self.value) }
        try await snapshot.close()
        for round in UInt8(2)..<6 {
            for key in keys { try await log.checkpoint(bytes: Self.value + [round], for: key) }
        }
        for key in keys { #expect(try await log.restoreBytes(for: key)?.last == 5) }
        try await log.close()
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    /// That no room can be made is believed for a while, but not beyond the snapshot that was in the way.
    @Test func aRefusalIsForgottenOnceASnapshotIsLetGo() async throws {
        let disk = Self.disk(segments: 14)
        // No thread of the log's own compacts before the next append asks.
        let log = try await Self.open(disk) { $0.runsInline = true }
        let keys = (0..<42).map { CheckpointKey("key \($0)") }
        for key in keys { try await log.checkpoint(bytes: Self.value, for: key) }
        let snapshot = try await log.snapshot()
        var isRefused = false
        for key in keys + keys where !isRefused {
            do {
                try await log.checkpoint(bytes: Self.value + [1], for: key)
            } catch let error as CheckpointLogError where error.code == .diskFull {
                isRefused = true
            }
        }
        #expect(isRefused)
        try await snapshot.close()
        for key in keys { try await log.checkpoint(bytes: Self.value + [2], for: key) }
        for key in keys { #expect(try await log.restoreBytes(for: key)?.last == 2) }
        try await log.close()
    }

    /// Who compacts himself is not waited for.
    @Test func withoutCompactionNothingIsWaitedFor() async throws {
        let disk = Self.disk(segments: 8)
        let log = try await Self.open(disk) { $0.compactsAutomatically = false }
        var codes: Set<CheckpointLogError.Code> = []
        for _ in 0..<100 {
            do {
                try await log.checkpoint(bytes: Self.value, for: "key")
            } catch let error as CheckpointLogError {
                codes.insert(error.code)
            }
        }
        #expect(codes == [.diskFull])
        // A log that nobody has compacted yet has no reserve for it.
        disk.byteQuota = 9 * 64 << 10
        try await log.compact()
        try await log.checkpoint(bytes: Self.value, for: "key")
        try await log.close()
    }

    /// What is dead in the segment that is being written counts too, once somebody asks for all of it.
    @Test(arguments: [true, false]) func aFullCompactionEndsTheActiveSegment(runsInline: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 45)
        let log = try await Self.open(disk) {
            $0.segmentByteLimit = 1 << 20
            $0.runsInline = runsInline
        }
        for _ in 0..<40 { try await log.checkpoint(Self.value, for: "key") }
        let before = log.statistics
        #expect(before.segmentCount == 0)
        try await log.compact()
        let after = log.statistics
        #expect(after.segmentCount == 1 && after.sealedByteCount < 12_000)
        #expect(try await log.restore([UInt8].self, for: "key") == Self.value)
        // The new segment is empty, and synced: a reader beside the writer must know it as written, too.
        try await log.save()
        var configuration = Configuration()
        configuration.fileSystem = disk
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: configuration)
        #expect(try await reader.restore([UInt8].self, for: "key") == Self.value)
        try await reader.close()
        // All that is live is left where it is.
        for number in 0..<20 { try await log.checkpoint(Self.value, for: "key \(number)") }
        let rolls = log.statistics.rollCount
        try await log.compact()
        #expect(log.statistics.rollCount == rolls)
        try await log.close()
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    // MARK: A limit of the log's own

    static func bytes(_ disk: SimulatedFileSystem) -> Int {
        disk.fileNames(in: "/log").reduce(0) { $0 + (disk.contents(of: FilePath("/log").appending($1))?.count ?? 0) }
    }

    /// What is dead makes room for what comes, in the least that a limit can be.
    @Test(arguments: Way.allCases) func aLogGoesOnWithinItsLimit(way: Way) async throws {
        let disk = SimulatedFileSystem(seed: 42)
        let limit = 6 * 64 << 10
        let most = Lock(0)
        let log = try await Self.open(disk) { $0.spaceLimit = limit }
        for number in 0..<300 {
            let value = Self.value + [UInt8(truncatingIfNeeded: number)]
            try await Self.take(value, way, log)
            most.withLock { $0 = max($0, Self.bytes(disk)) }
        }
        #expect(most.withLock { $0 } <= limit)
        try await log.close()
    }

    /// The chain as it is long, all else, and a segment's length for a compaction.
    @Test func aGateKeepsToTheLimit() throws {
        let other = Lock(0)
        let gate = RoomGate(
            limit: .init(byteCount: 1_000, segmentByteCount: 100, otherByteCount: { other.withLock { $0 } }))
        func isRefused(_ byteCount: Int) -> Bool {
            do throws(FileSystemError) {
                try gate.takingRoom(byteCount, in: "/log") { () throws(FileSystemError) in }
                return false
            } catch {
                return error.operation == .limit && error.isDiskFull
            }
        }
        #expect(!isRefused(900) && isRefused(901))
        gate.noteChain(300)
        other.withLock { $0 = 250 }
        #expect(!isRefused(350) && isRefused(351))
        gate.noteChain(-100)
        #expect(!isRefused(450) && isRefused(451))
    }

    /// What is all wanted is refused with the limit's name; removing some of it, and compacting, makes room.
    @Test func theLimitIsNamed() async throws {
        let disk = SimulatedFileSystem(seed: 43)
        let log = try await Self.open(disk) { $0.spaceLimit = 8 * 64 << 10 }
        var refusal: CheckpointLogError?
        for number in 0..<100 where refusal == nil {
            do {
                try await log.checkpoint(Self.value, for: "key \(number)")
            } catch let error as CheckpointLogError {
                refusal = error
            }
        }
        #expect(refusal?.code == .diskFull)
        #expect(refusal?.message.contains("`spaceLimit`") == true)
        for number in 0..<20 { try await log.removeCheckpoint(for: "key \(number)") }
        try await log.checkpoint(Self.value, for: "again")
        #expect(try await log.restore([UInt8].self, for: "again") == Self.value)
        try await log.close()
        // Far over a lesser limit it opens, and gives all it has.
        let small = try await Self.open(disk) { $0.spaceLimit = 6 * 64 << 10 }
        #expect(try await small.restore([UInt8].self, for: "again") == Self.value)
        try await small.close()
    }

    @Test func aLimitThatIsTooSmallIsRefused() async {
        let error = await #expect(throws: CheckpointLogError.self) {
            _ = try await Self.open(SimulatedFileSystem(seed: 44)) { $0.spaceLimit = 6 * 64 << 10 - 1 }
        }
        #expect(error?.code == .invalidConfiguration)
    }
}
