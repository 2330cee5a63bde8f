import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Readers beside writers that die and recover.
extension UnderWayTests {
    /// A record after the position that its writer stated last is there once the writer is dead, for a reader that
    /// looked before, too.
    @Test func aReaderLooksAgainAtWhatADeadWriterLeft() throws {
        let disk = SimulatedFileSystem(seed: 25)
        disk.mapping = .refused
        var configuration = Self.configuration(disk)
        configuration.usesMapping = false
        let engine = try LogEngine.open(at: Self.path, configuration)
        try Self.put(engine, "key", 1)
        let reader = try LogEngine.openForReading(at: Self.path, configuration, isSalvage: false)
        #expect(try Self.value(reader, "key") == 1)
        disk.fail(.write, where: { $0.lastComponent?.string == FileName.position }, with: .ioError)
        #expect(throws: CheckpointLogError.self) { try Self.put(engine, "key", 2) }
        #expect(try Self.value(reader, "key") == 1)
        engine.abandon()
        let fresh = try LogEngine.openForReading(at: Self.path, configuration, isSalvage: false)
        #expect(try Self.value(fresh, "key") == 2)
        #expect(try Self.value(reader, "key") == 2)
        try fresh.close()
        try reader.close()
    }

    /// Wherever a writer is killed, also at a roll, what is there for a reader stays there, for it and for a new one,
    /// at every call of the recovery that follows: the next writer holds the lock by then, and has not stated a
    /// position of its own.
    @Test func whatOneReaderSawNoOtherMissesWhileAWriterRecovers() throws {
        var (cut, isOver, turnCount) = (0, false, 0)
        while !isOver {
            cut += 1
            let image = try Self.killed(atStore: cut, &isOver)
            @Sendable func read(_ disk: SimulatedFileSystem) throws -> UInt8? {
                let reader = try LogEngine.openForReading(at: Self.path, Self.configuration(disk), isSalvage: false)
                defer { reader.abandon() }
                return try Self.value(reader, "key")
            }
            let least = try read(image) ?? 0
            var (turn, isTurnOver) = (0, false)
            while !isTurnOver {
                turn += 1
                let copy = image.copy()
                let before = try LogEngine.openForReading(at: Self.path, Self.configuration(copy), isSalvage: false)
                let interruption = Interruption(turn: turn)
                let found = Lock<[Result<UInt8?, any Error>]>([])
                copy.observe { call in
                    interruption.arrive {
                        // By force, as if the recovery had sealed an earlier segment before.
                        let seen = [
                            Result {
                                try before.refresh(isForced: true)
                                return try Self.value(before, "key")
                            },
                            Result { try read(copy) },
                        ]
                        found.withLock { $0 = seen }
                    }
                }
                let next = try Self.open(copy)
                copy.observe(nil)
                next.abandon()
                isTurnOver = !interruption.isDone
                for found in found.withLock({ $0 }) {
                    #expect(try found.get() ?? 0 == least, "killed at store \(cut), before call \(turn)")
                }
                before.abandon()
            }
            turnCount += turn
        }
        #expect(cut > 10 && turnCount > 10 * cut)
    }

    /// What a writer leaves that is killed at the `number`th of the stores of a life with one roll.
    private static func killed(atStore number: Int, _ isOver: inout Bool) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 24)
        let engine = try open(disk)
        try put(engine, "filler", 0, count: 4_000)
        for byte in UInt8(1)...14 { try put(engine, "filler", byte, count: 4_000) }
        let interruption = Interruption(turn: number)
        disk.observe { call in
            guard call.operation == .storeWord || call.operation == .store else { return }
            interruption.arrive { disk.cutPower() }
        }
        for byte in UInt8(1)...6 {
            try? put(engine, "key", byte)
            try? put(engine, "filler", byte, count: 1_000)
        }
        disk.observe(nil)
        isOver = !interruption.isDone
        return disk.crashImage(.everything, boot: .same)
    }

    /// An older version whose header is damaged is found by reading it, and hides none of the others.
    @Test func aDamagedHeaderHidesNoOtherVersion() throws {
        let disk = SimulatedFileSystem(seed: 22)
        var configuration = Self.configuration(disk)
        configuration.levels[1]?.retention = .newest(3).younger(than: .seconds(3_600))
        let engine = try LogEngine.open(at: Self.path, configuration)
        for byte in UInt8(1)...3 { try Self.put(engine, "key", byte) }
        let found = try engine.versions(RecordQuery(key: "key", level: 1))
        guard found.count == 3, case .frame(let entry, _, _) = found[1] else {
            Issue.record("There are three versions in the log.")
            return
        }
        #expect(disk.flipBit((entry.location.offset + 9) * 8, of: engine.files.path(of: entry.location.segment)))
        #expect(try Self.value(engine, "key") == 3)
        let reports = Lock(0)
        for version in [RestoreVersion.newest, .asOf(Date(timeIntervalSince1970: 2e9))] {
            let value = unsafe try engine.withIntactContent(
                RecordQuery(key: "key", level: 1, version: version), .lastIntact { _ in reports.withLock { $0 += 1 } }
            ) { unsafe $1.first }
            #expect(value == 3)
        }
        #expect(reports.withLock { $0 } == 0)
        // Its own number is refused by name.
        let query = RecordQuery(key: "key", level: 1, version: .sequence(entry.sequenceNumber))
        let error = #expect(throws: CheckpointLogError.self) { try Self.firstByte(engine, query) }
        #expect(error?.code == .damaged)
        engine.abandon()
    }
}
