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
            _ = try engine.append(bytes, try engine.content(1).adding(.raw), key: "key \(number % 9)")
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
}
