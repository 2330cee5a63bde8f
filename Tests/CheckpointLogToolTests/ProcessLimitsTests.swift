import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What the system lets a process have: a call over it is refused by name, the process goes on, and so does the log.
@Suite struct ProcessLimitsTests {
    let directory: TemporaryDirectory
    let log: String

    init() throws {
        directory = try TemporaryDirectory()
        log = directory.path.appending("log").string
    }

    private func tool(limit: String? = nil) throws -> BuiltTool {
        var tool = try BuiltTool("checkpoint-log")
        tool.limit = limit
        return tool
    }

    private func expectSound() async {
        #expect(await LogVerifier(directory: log, level: .deep).verify().findings.isEmpty)
    }

    /// The system ends a process that makes a file longer than it may.
    @Test func aFileIsNeverLongerThanItMayBe() async throws {
        let short = [UInt8](repeating: 1, count: 100_000)
        var generator = SeededGenerator(seed: 1)
        let long = generator.bytes(3 << 20)
        // In blocks of 1,024 bytes.
        let limited = try tool(limit: "ulimit -f 1024")
        #expect(try await limited("put", log, "before", input: short).exitCode == 0)
        let refused = try await limited("put", log, "long", input: long)
        #expect(refused.exitCode == 2 && refused.complaint.contains("`ulimit -f`"), "\(refused.complaint)")
        for number in 0..<4 {
            #expect(try await limited("put", log, "key \(number)", input: short).exitCode == 0)
        }
        #expect(try await limited("compact", log).exitCode == 0)
        #expect(try await limited("get", log, "before").output == short)
        // Without the limit it takes more.
        #expect(try await tool()("put", log, "long", input: long).exitCode == 0)
        #expect(try await tool()("get", log, "long").output == long)
        await expectSound()
    }

    @Test func aLogThatHasNoRoomInAnyFileIsRefusedByName() async throws {
        let outcome = try await tool(limit: "ulimit -f 100")("put", log, "key", input: [1])
        #expect(outcome.exitCode == 2 && outcome.complaint.contains("`ulimit -f`"), "\(outcome.complaint)")
        #expect(try await tool()("put", log, "key", input: [1]).exitCode == 0)
        await expectSound()
    }

    /// With fewer than it needs a call is refused; nothing is lost, and later ones find what there is.
    @Test func withFewDescriptorsNothingIsLost() async throws {
        #expect(try await tool()("put", log, "key", input: [1]).exitCode == 0)
        var expected: UInt8 = 1
        var refusals = 0
        for count in 5...24 {
            let value = UInt8(count)
            let limited = try tool(limit: "ulimit -n \(count)")
            let outcome = try await limited("put", log, "key", input: [value])
            if outcome.exitCode == 2 {
                refusals += 1
                #expect(outcome.complaint.contains("open files"), "\(count): \(outcome.complaint)")
            }
            _ = try await limited("compact", log)
            let found = try await tool()("get", log, "key").output
            // One that was refused when the log was closed may be there.
            #expect(found == [value] || (outcome.exitCode != 0 && found == [expected]), "\(count): \(found)")
            expected = found.first ?? 0
            await expectSound()
        }
        #expect(expected == 24 && refusals > 0)
    }
}
