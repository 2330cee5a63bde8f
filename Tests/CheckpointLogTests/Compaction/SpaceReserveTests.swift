import CheckpointLog
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// What the log keeps of the disk is there when the disk is full.
@Suite struct SpaceReserveTests {
    static let path = SpecimenLog.path
    static let reserve = path.appending(FileName.reserve)

    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.levels[1] = LevelPolicy(durability: .written, compression: .none)
        configuration.snapshotByteCount = .max
        return configuration
    }

    /// 1.9 KB under each of 20 keys, over and over.
    static func append(_ engine: LogEngine, _ numbers: Range<Int>) throws {
        for number in numbers {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1_900)
            _ = try engine.append(bytes, try engine.attributes(1).adding(.raw), key: "key \(number % 20)")
        }
    }

    static func value(_ engine: LogEngine, _ key: Int) throws -> UInt8? {
        unsafe try engine.withContent(level: 1, key: "key \(key)", number: nil) { unsafe $1.first ?? 0 }
    }

    /// A log with a reserve, and many dead bytes; then not a block is free.
    static func fullDisk() throws -> (SimulatedFileSystem, LogEngine) {
        let disk = SimulatedFileSystem(seed: 2)
        let engine = try LogEngine.open(at: path, configuration(disk))
        try append(engine, 0..<120)
        try engine.requireWriter().maintenance.compact()
        try append(engine, 120..<400)
        disk.byteQuota = disk.usedByteCount
        return (disk, engine)
    }

    @Test func aCompactionOnAFullDiskWritesIntoTheReserve() throws {
        let (disk, engine) = try Self.fullDisk()
        defer { engine.abandon() }
        #expect(disk.contents(of: Self.reserve) != nil)
        let before = disk.usedByteCount
        let outcome = try engine.requireWriter().maintenance.compact(fully: true)
        #expect(try #require(outcome).recordCount > 0)
        #expect(disk.usedByteCount < before / 2)
        // What was won pays for the next reserve, and the appends go on.
        #expect(disk.contents(of: Self.reserve) != nil)
        try Self.append(engine, 400..<440)
        for key in 0..<20 { #expect(try Self.value(engine, key) == UInt8(truncatingIfNeeded: 420 + key)) }
    }

    @Test func withoutAReserveACompactionOnAFullDiskFailsAndNothingIsLost() throws {
        let (disk, engine) = try Self.fullDisk()
        defer { engine.abandon() }
        try disk.remove(Self.reserve)
        disk.byteQuota = disk.usedByteCount
        let error = #expect(throws: CheckpointLogError.self) {
            try engine.requireWriter().maintenance.compact(fully: true)
        }
        #expect(error?.code == .diskFull)
        for key in 0..<20 { #expect(try Self.value(engine, key) == UInt8(truncatingIfNeeded: 380 + key)) }
        disk.byteQuota = nil
        #expect(try engine.requireWriter().maintenance.compact(fully: true) != nil)
    }

    @Test(arguments: [false, true]) func aLogOpensOnAFullDiskAndCanBeMadeSmaller(isClosed: Bool) throws {
        var (disk, engine) = try Self.fullDisk()
        disk.byteQuota = nil
        if isClosed {
            try engine.close()
        } else {
            engine.abandon()
            disk = disk.crashImage(boot: .same)
        }
        #expect(disk.contents(of: Self.reserve) != nil)
        disk.byteQuota = disk.usedByteCount
        engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        for key in 0..<20 { #expect(try Self.value(engine, key) == UInt8(truncatingIfNeeded: 380 + key)) }
        #expect(try engine.requireWriter().maintenance.compact(fully: true) != nil)
        try Self.append(engine, 400..<440)
        try engine.close()
    }

    /// A log on a loaded machine fills a small disk before a thread of its own has run once.
    @Test func aDiskThatIsFullBeforeAnythingIsSealedCanBeMadeEmpty() throws {
        let disk = SimulatedFileSystem(seed: 4)
        let engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        defer { engine.abandon() }
        disk.byteQuota = disk.usedByteCount + 300 << 10
        let writer = try engine.requireWriter()
        let error = #expect(throws: CheckpointLogError.self) {
            for _ in 0..<1_000 {
                try unsafe [UInt8](repeating: 1, count: 1_900).withUnsafeBytes { payload in
                    var header = FrameHeader(kind: .value)
                    header.level = 1
                    header.flags = .raw
                    unsafe header.setPayload(payload)
                    let key = unsafe UnsafeRawBufferPointer(rebasing: payload.prefix(3))
                    let frame = unsafe try writer.appender.append(
                        FrameDraft(header: header, key: key, payload: payload))
                    frame.indexed()
                }
            }
        }
        #expect(error?.code == .diskFull)
        #expect(writer.appender.unsealedCount > 1)
        #expect(disk.contents(of: Self.reserve) != nil)
        try writer.maintenance.sealAll()
        #expect(try writer.maintenance.compact(fully: true) != nil)
        try Self.append(engine, 0..<20)
    }

    @Test func aReserveThatDoesNotFitIsNotKept() throws {
        let disk = SimulatedFileSystem(seed: 3)
        let directory = FilePath("/log")
        try disk.createDirectory(directory)
        let reserve = SpaceReserve(try disk.openDirectory(directory))
        disk.byteQuota = disk.usedByteCount + 16 << 10
        reserve.keep(byteCount: 64 << 10)
        #expect(disk.fileNames(in: directory).isEmpty)
        reserve.keep(byteCount: 8 << 10)
        #expect(disk.contents(of: Self.reserve)?.count == 8 << 10)
        #expect(reserve.giveUp())
        #expect(!reserve.giveUp())
    }

    @Test func aReserveIsAsLargeAsTheNextOutputMayBe() {
        let segment = 64 << 20
        #expect(SpaceReserve.byteCount(sealedByteCount: 0, segmentByteCount: segment) == 256 << 10)
        #expect(SpaceReserve.byteCount(sealedByteCount: 256 << 10, segmentByteCount: segment) == 512 << 10)
        #expect(SpaceReserve.byteCount(sealedByteCount: 1 << 40, segmentByteCount: segment) == segment)
        #expect(SpaceReserve.byteCount(sealedByteCount: 0, segmentByteCount: 64 << 10) == 64 << 10)
    }

    /// One thread finds that the reserve is there while another one gives it up: the gate knows in the end.
    @Test func theGateKnowsWhetherThereIsAReserve() throws {
        let disk = SimulatedFileSystem(seed: 12)
        try disk.createDirectory("/log")
        let reserve = SpaceReserve(try disk.openDirectory("/log"))
        let gate = RoomGate()
        let full = CheckpointLogError(FileSystemError(.reserve, "/log", .noSpace))
        for round in 0..<5_000 {
            reserve.keep(byteCount: 4_096, for: gate)
            try Lanes.forEach(below: 2, laneCount: 2) { lane in
                guard lane == 1 else {
                    reserve.keep(byteCount: 4_096, for: gate)
                    return
                }
                let isFull = Atomic(true)
                try reserve.spending(gate) {
                    if isFull.exchange(false, ordering: .relaxed) { throw full }
                }
            }
            #expect(gate.isOpen == (disk.contents(of: "/log/RESERVE") != nil), "round \(round)")
        }
    }

    /// A compaction that makes the reserve again must not take what a seal has just given up for itself.
    @Test func whatIsGivenUpIsLeftToWhoNeedsIt() throws {
        let disk = SimulatedFileSystem(seed: 14)
        try disk.createDirectory("/log")
        let directory = try disk.openDirectory("/log")
        let reserve = SpaceReserve(directory)
        let gate = RoomGate()
        reserve.keep(byteCount: 4_096, for: gate)
        disk.byteQuota = disk.usedByteCount
        var attempts = 0
        try reserve.spending(gate) {
            attempts += 1
            if attempts == 2 { reserve.keep(byteCount: 4_096, for: gate) }
            let file = try wrapping { () throws(FileSystemError) in
                try directory.openFile("output \(attempts)", .create)
            }
            defer { file.close() }
            try wrapping { () throws(FileSystemError) in _ = try file.reserve(byteCount: 4_096) }
        }
        #expect(attempts == 2 && !gate.isOpen)
        disk.byteQuota = nil
        reserve.keep(byteCount: 4_096, for: gate)
        #expect(gate.isOpen && disk.contents(of: Self.reserve) != nil)
    }

    /// Making it larger gives it up first. If there is no room any more for the former one, the gate knows.
    @Test func aReserveThatIsLostWhileItGrowsClosesTheGate() throws {
        let disk = SimulatedFileSystem(seed: 13)
        try disk.createDirectory("/log")
        let reserve = SpaceReserve(try disk.openDirectory("/log"))
        let gate = RoomGate()
        disk.byteQuota = disk.usedByteCount
        reserve.keep(byteCount: 4_096, for: gate)
        #expect(gate.isOpen, "a log that never had one does without")
        disk.byteQuota = nil
        reserve.keep(byteCount: 4_096, for: gate)
        disk.byteQuota = disk.usedByteCount - 4_096
        reserve.keep(byteCount: 64 << 10, for: gate)
        #expect(disk.contents(of: "/log/RESERVE") == nil && !gate.isOpen)
        disk.byteQuota = nil
        reserve.keep(byteCount: 64 << 10, for: gate)
        #expect(gate.isOpen)
    }
}
