import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A log that changes while it is looked at.
@Suite struct VerificationUnderWriterTests {
    /// Whatever the writer does between any two calls of the verifier, a sound log is intact.
    @Test(arguments: ["append", "roll", "compact", "close", "large", "large, often"])
    func aSoundLogIsIntactWhateverItsWriterDoesMeanwhile(change: String) throws {
        var interrupted = 0
        for turn in 1...60 {
            let disk = SimulatedFileSystem(seed: 3)
            var configuration = LogVerifierTests.configuration(disk)
            configuration.deadValueByteLimit = 0
            let engine = try LogEngine.open(at: LogVerifierTests.path, configuration)
            for number in 0..<150 { try LogVerifierTests.append(engine, "key \(number % 9)", number) }
            try LogVerifierTests.append(engine, "large", 1, count: 9_000)
            let interruption = Interruption(turn: turn)
            disk.observe { _ in
                interruption.arrive {
                    switch change {
                    case "append": try? LogVerifierTests.append(engine, "key 1", 1_000)
                    case "roll": for number in 0..<130 { try? LogVerifierTests.append(engine, "key 2", 1_000 + number) }
                    case "compact": _ = try? engine.requireWriter().maintenance.compact(fully: true)
                    case "close": try? engine.close()
                    case "large, often":
                        for number in 2..<6 { try? LogVerifierTests.append(engine, "large", number, count: 9_000) }
                    default: try? LogVerifierTests.append(engine, "large", 2, count: 12_000)
                    }
                }
            }
            let report = LogVerifier(
                directory: LogVerifierTests.path, level: .deep, fileSystem: disk, threadCount: 1
            ).run()
            disk.observe(nil)
            #expect(report.exitCode == 0, "\(change) before call \(turn): \(report.findings)")
            if interruption.isDone { interrupted += 1 }
            engine.abandon()
            if !interruption.isDone { break }
        }
        #expect(interrupted > 10)
    }
}
