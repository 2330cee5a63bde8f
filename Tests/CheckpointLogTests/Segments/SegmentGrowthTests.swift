import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A segment takes as much of the disk as its frames ask for, and a log as many threads as it has work for.
@Suite struct SegmentGrowthTests {
    static func open(_ disk: SimulatedFileSystem, segmentByteLimit: Int = 64 << 20) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = segmentByteLimit
        configuration.levels[1] = LevelPolicy(durability: .written, compression: .none)
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    static func segment(_ log: CheckpointLog) throws -> ActiveSegment {
        try log.engine.requireWriter().appender.activeSegment
    }

    static func length(of segment: ActiveSegment, _ disk: SimulatedFileSystem) -> Int? {
        disk.contents(of: FilePath("/log").appending(segment.name.fileName))?.count
    }

    /// Whatever the limit of a segment is.
    @Test func aLogWithLittleInItTakesLittle() async throws {
        let disk = SimulatedFileSystem(seed: 1)
        let log = try await Self.open(disk)
        let writer = try log.engine.requireWriter()
        #expect(!writer.sync.hasThread && writer.maintenance.threadCount == 0)
        try await log.checkpoint(17, for: "state")
        #expect(!writer.sync.hasThread && writer.maintenance.threadCount == 0)
        try await log.checkpoint(18, for: "state", level: 2)
        // It waits for the time of the promise.
        #expect(writer.maintenance.threadCount == 0)
        #expect(disk.usedByteCount <= 96 << 10)
        try await log.close()
        #expect(!writer.sync.hasThread)
        #expect(disk.usedByteCount <= 32 << 10)
    }

    /// Twice as much each time; what is after the last frame is never more than the frames, but for the beginning.
    @Test func aSegmentGrowsWithItsFrames() async throws {
        let disk = SimulatedFileSystem(seed: 2)
        let log = try await Self.open(disk, segmentByteLimit: 4 << 20)
        var lengths: [Int?] = []
        for number in 0..<300 {
            try await log.checkpoint(bytes: PowerLossTests.bytes(number, count: 10_000), for: "key \(number)")
            let segment = try Self.segment(log)
            let length = Self.length(of: segment, disk)
            #expect(length == segment.reservedByteCount)
            if lengths.last != length { lengths.append(length) }
        }
        let expected = (0...6).map { 64 << (10 + $0) }
        #expect(lengths == expected)
        try await log.close()
    }

    /// What one frame or one batch needs is taken at once.
    @Test func aLongFrameIsGivenRoomForItself() async throws {
        let disk = SimulatedFileSystem(seed: 3)
        let log = try await Self.open(disk)
        try await log.checkpoint(bytes: PowerLossTests.bytes(1, count: 700_000), for: "long")
        try await log.commit("group") { group in
            for member in 0..<20 {
                try group.put(PowerLossTests.bytes(member, count: 90_000), for: CheckpointKey("member \(member)"))
            }
        }
        let length = try Self.segment(log).reservedByteCount
        #expect(length < 4 << 20)
        #expect(try await log.restoreBytes(for: "long") == PowerLossTests.bytes(1, count: 700_000))
        try await log.close()
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    /// A segment that was not prepared begins small, and what made the log roll may not fit into that.
    @Test func whatMakesTheLogRollHasRoom() throws { try Self.roll(mapping: false) }

    /// A store after the end of the file would end the process.
    @Test func aMappedLogThatRollsHasRoom() throws { try Self.roll(mapping: true) }

    static func roll(mapping: Bool) throws {
        let disk = SimulatedFileSystem(seed: 7)
        var configuration = SpecimenLog.configuration(disk, mapping: mapping)
        configuration.largeValueByteCount = 1 << 20
        configuration.segmentByteLimit = 1 << 20
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        let appender = try engine.requireWriter().appender
        for round in 0..<24 {
            let members = try (0..<700).map { number in
                BatchMember(
                    key: CheckpointKey("key \(number)"), attributes: try PowerLossTests.content(),
                    bytes: PowerLossTests.bytes(round, count: 120))
            }
            _ = try engine.appendBatch(members)
            #expect(appender.writtenPosition.offset <= appender.activeSegment.usableByteCount)
            _ = try engine.append(
                PowerLossTests.bytes(round, count: 5_000), PowerLossTests.content(), key: "long")
        }
        #expect(appender.counters.rolls >= 2)
        try engine.close()
        let again = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        for number in 0..<70 { #expect(try DurabilityTests.number(again, "key \(number)") == 23) }
        #expect(try DurabilityTests.number(again, "long") == 23)
        try again.close()
    }

    /// Where the system has no thread to give, whoever waits does the work.
    @Test(.timeLimit(.minutes(5))) func withoutThreadsEverythingIsDoneAllTheSame() async throws {
        let disk = SimulatedFileSystem(seed: 9)
        try await NamedThread.$areNoneLeft.withValue(true) {
            let log = try await Self.open(disk, segmentByteLimit: 64 << 10)
            let writer = try log.engine.requireWriter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for number in 0..<30 {
                            let bytes = PowerLossTests.bytes(number, count: 1_000)
                            let before = writer.appender.writtenPosition
                            try await log.checkpoint(
                                bytes: bytes, for: CheckpointKey("key \(task)"), level: number % 2 + 1)
                            if number % 2 == 1 { #expect(writer.appender.syncedPosition > before) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await log.keys().count == 8)
            #expect(!writer.sync.hasThread && writer.maintenance.threadCount == 0)
            #expect(writer.appender.unsealedCount > 0)
            try await log.compact()
            #expect(writer.appender.unsealedCount == 0)
            for task in 0..<8 {
                let newest = try await log.restoreBytes(for: CheckpointKey("key \(task)"), level: 2)
                #expect(newest == PowerLossTests.bytes(29, count: 1_000))
            }
            try await log.close()
        }
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    /// With less than twice as much on the disk, a log goes on in steps; when there is nothing left it refuses what
    /// does not fit, and the slack of its segment is what sealing it and the next opening live on.
    @Test func aDiskThatBecomesFullIsUsedToItsEnd() async throws {
        for spare in [0, 4 << 10, 40 << 10, 100 << 10, 300 << 10] {
            let disk = SimulatedFileSystem(seed: 4)
            var log = try await Self.open(disk)
            try await log.checkpoint(bytes: [0], for: "key")
            disk.byteQuota = disk.usedByteCount + spare
            var taken: [Int] = []
            var refusals = 0
            for number in 0..<200 {
                do {
                    try await log.checkpoint(
                        bytes: PowerLossTests.bytes(number, count: 5_000), for: CheckpointKey("key \(number)"))
                    taken.append(number)
                } catch let error as CheckpointLogError {
                    #expect(error.code == .diskFull)
                    refusals += 1
                }
            }
            #expect(refusals > 0 && taken.count >= (48 << 10) / 5_200)
            // The reserve, which is made once the segment grows, may have taken the spare.
            try await log.close()
            #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
            log = try await Self.open(disk)
            for number in taken {
                let bytes = try await log.restoreBytes(for: CheckpointKey("key \(number)"))
                #expect(bytes == PowerLossTests.bytes(number, count: 5_000), "\(number) with \(spare) to spare")
            }
            disk.byteQuota = nil
            try await log.checkpoint(bytes: [1], for: "after")
            try await log.close()
        }
    }

    /// What takes something away need not wait for the room that it makes.
    @Test(arguments: [true, false]) func onAFullDiskARemovalFindsRoom(removesVersions: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 8)
        let log = try await Self.open(disk)
        try await log.checkpoint(bytes: [0], for: "key")
        disk.byteQuota = disk.usedByteCount
        var numbers: [SequenceNumber] = []
        for byteCount in [1_000, 1] {
            await #expect(throws: CheckpointLogError.self) {
                while numbers.count < 2_000 {
                    let (key, bytes) = (CheckpointKey("key \(numbers.count)"), [UInt8](repeating: 1, count: byteCount))
                    numbers.append(try await log.checkpoint(bytes: bytes, for: key).sequenceNumber)
                }
            }
        }
        for place in 0..<20 {
            let key = CheckpointKey("key \(place)")
            if removesVersions {
                #expect(try await log.removeVersion(numbers[place], of: key))
            } else {
                try await log.removeCheckpoint(for: key)
            }
            #expect(try await log.restoreBytes(for: key) == nil)
        }
        try await log.close()
        #expect(await LogVerifier(directory: "/log", level: .deep, fileSystem: disk).verify().exitCode == 0)
    }

    /// Growth that the disk refuses on the way leaves the segment as long as it was.
    @Test func aGrowthThatFailsGivesBackWhatItGot() async throws {
        let disk = SimulatedFileSystem(seed: 5)
        let log = try await Self.open(disk, segmentByteLimit: 1 << 20)
        try await log.checkpoint(bytes: [0], for: "key")
        let length = try Self.segment(log).reservedByteCount
        disk.byteQuota = disk.usedByteCount + 20_000
        await #expect(throws: CheckpointLogError.self) {
            try await log.checkpoint(bytes: PowerLossTests.bytes(1, count: 100_000), for: "long")
        }
        let segment = try Self.segment(log)
        #expect(Self.length(of: segment, disk) == length)
        #expect(segment.reservedByteCount == length)
        try await log.close()
    }

    /// The empty frame that tells a torn tail from damage is not left out for want of room that there is.
    @Test func aPromiseFindsRoom() throws {
        let disk = SimulatedFileSystem(seed: 6)
        var configuration = SpecimenLog.configuration(disk)
        configuration.segmentByteLimit = 1 << 20
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        let appender = try engine.requireWriter().appender
        let before = appender.activeSegment.reservedByteCount
        for count in 1...2_000 {
            try appender.appendPromise()
            #expect(appender.counters.promises == count)
        }
        #expect(appender.activeSegment.reservedByteCount > before)
        try engine.close()
    }
}
