import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// An opening for reading takes many calls, and the writer may do anything between any two of them.
@Suite struct ReadingUnderWriterTests {
    static let path: FilePath = "/log"

    static func append(_ engine: LogEngine, _ count: Int) throws {
        for number in 0..<count {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1_900)
            _ = try engine.append(bytes, try engine.attributes(1).adding(.raw), key: "key \(number % 9)")
        }
    }

    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.levels[1] = LevelPolicy(durability: .written, compression: .none)
        return configuration
    }

    @Test(arguments: ["roll", "compact", "close"], [true, false])
    func aSoundLogOpensWhateverItsWriterDoesMeanwhile(change: String, isSalvage: Bool) throws {
        var interrupted = 0
        for turn in 1...100 {
            let disk = SimulatedFileSystem(seed: 3)
            let engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
            defer { engine.abandon() }
            try Self.append(engine, 80)
            let interruption = Interruption(turn: turn)
            disk.observe { _ in
                interruption.arrive {
                    switch change {
                    case "roll": try? Self.append(engine, 70)
                    case "compact": _ = try? engine.requireWriter().maintenance.compact(fully: true)
                    default: try? engine.close()
                    }
                }
            }
            #expect(throws: Never.self, "\(change) before call \(turn)") {
                let reader = try LogEngine.openForReading(
                    at: Self.path, Self.configuration(disk), isSalvage: isSalvage)
                #expect(reader.report.damage.isEmpty, "\(change) before call \(turn)")
                try reader.close()
            }
            disk.observe(nil)
            guard interruption.isDone else { break }
            interrupted += 1
        }
        #expect(interrupted > 8)
    }

    /// Also between the frame that ends a segment and the file of the next one.
    @Test func aReaderThatLooksBeforeAnyCallOfTheWriterSeesWhatFollows() throws {
        var interrupted = 0
        for turn in 1...200 {
            let disk = SimulatedFileSystem(seed: 8)
            let engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
            defer { engine.abandon() }
            try Self.append(engine, 20)
            let reader = try LogEngine.openForReading(at: Self.path, Self.configuration(disk), isSalvage: false)
            let interruption = Interruption(turn: turn)
            disk.observe { _ in interruption.arrive { try? reader.refresh(isForced: true) } }
            try Self.append(engine, 40)
            disk.observe(nil)
            for key in 0..<9 {
                let query = RecordQuery(key: "key \(key)", level: 1)
                #expect(
                    try reader.versions(query).map(\.number) == engine.versions(query).map(\.number),
                    "key \(key), looked before call \(turn)")
            }
            try reader.close()
            guard interruption.isDone else { break }
            interrupted += 1
        }
        #expect(interrupted > 40)
    }

    /// A member that was superseded is held by its group alone, and has a new place after a compaction.
    @Test func aReaderFindsAGroupsMembersWhereACompactionPutThem() async throws {
        let disk = SimulatedFileSystem(seed: 5)
        let log = try await CheckpointLog.open(at: "\(Self.path)", configuration: Self.configuration(disk))
        try await log.commit("pair") { group in
            try group.put(1, for: "a")
            try group.put(2, for: "b")
        }
        try await log.checkpoint(3, for: "a")
        try await log.close()
        let again = try await CheckpointLog.open(at: "\(Self.path)", configuration: Self.configuration(disk))
        let reader = try await CheckpointLog.openForReading(at: "\(Self.path)", configuration: Self.configuration(disk))
        #expect(try await reader.restoreGroup("pair")?.restore(Int.self, for: "a") == 1)
        try await again.compact()
        try await again.checkpoint(4, for: "a")
        #expect(try await reader.restoreGroup("pair")?.restore(Int.self, for: "a") == 1)
        #expect(try await reader.restoreGroup("pair")?.restore(Int.self, for: "b") == 2)
        try await reader.close()
        try await again.close()
    }

    /// The newer group of the name is ended by the removal, and the older one it replaced does not come back.
    @Test func aReaderDoesNotGoBackToAGroupThatWasReplaced() async throws {
        let disk = SimulatedFileSystem(seed: 6)
        let log = try await CheckpointLog.open(at: "\(Self.path)", configuration: Self.configuration(disk))
        try await log.commit("pair") { try $0.put(1, for: "a") }
        let reader = try await CheckpointLog.openForReading(at: "\(Self.path)", configuration: Self.configuration(disk))
        #expect(try await reader.restoreGroup("pair")?.keys == ["a"])
        try await log.commit("pair") { group in
            try group.put(2, for: "a")
            try group.put(3, for: "b")
        }
        try await log.removeCheckpoint(for: "b")
        #expect(try await log.restoreGroup("pair")?.keys == nil)
        #expect(try await reader.restoreGroup("pair")?.keys == nil)
        try await reader.close()
        try await log.close()
    }

    /// The reader saw the segment in the chain alone: by its next look the segment was sealed, and compacted away.
    @Test func aReaderForgetsASegmentThatItNeverSawInTheManifest() async throws {
        let disk = SimulatedFileSystem(seed: 7)
        let path = "\(Self.path)"
        let log = try await CheckpointLog.open(at: path, configuration: Self.configuration(disk))
        try await log.checkpoint(1, for: "a")
        let reader = try await CheckpointLog.openForReading(at: path, configuration: Self.configuration(disk))
        #expect(try await reader.restore(Int.self, for: "a") == 1)
        try await log.removeCheckpoint(for: "a")
        try await log.close()
        let again = try await CheckpointLog.open(at: path, configuration: Self.configuration(disk))
        try await again.compact()
        #expect(try await reader.restore(Int.self, for: "a") == nil)
        #expect(try await reader.keys().isEmpty)
        try await reader.close()
        try await again.close()
    }
}
