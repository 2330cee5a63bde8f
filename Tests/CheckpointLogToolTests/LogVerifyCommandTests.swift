import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// `log-verify` from outside, as a process: what it prints, and its exit codes.
@Suite struct LogVerifyCommandTests {
    let tool: BuiltTool
    let directory: TemporaryDirectory

    init() throws {
        tool = try BuiltTool("log-verify")
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path.appending("log").string }

    /// A closed log of 50 keys, each written twice.
    private func writeLog() async throws {
        let log = try await CheckpointLog.open(at: path)
        for number in 0..<100 {
            try await log.checkpoint(
                bytes: [UInt8](repeating: UInt8(number), count: 200), for: CheckpointKey("key \(number % 50)"))
        }
        try await log.close()
    }

    private func change(_ name: String, in directory: String, _ change: (inout Data) throws -> Void) throws {
        let file = URL(filePath: directory).appending(path: name)
        var bytes = try Data(contentsOf: file)
        try change(&bytes)
        try bytes.write(to: file)
    }

    private func segmentName() throws -> String {
        try #require(try FileManager.default.contentsOfDirectory(atPath: path).first { $0.hasSuffix(".log") })
    }

    @Test(arguments: ["quick", "full", "deep"]) func aSoundLogIsExitCode0AndLeftAsItIs(level: String) async throws {
        try await writeLog()
        try Data([1, 2, 3]).write(to: URL(filePath: path).appending(path: "notes.txt"))
        let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        let before = try files.map { try Data(contentsOf: URL(filePath: path).appending(path: $0)) }
        let outcome = try await tool("--level", level, path)
        #expect(outcome.exitCode == 0 && outcome.complaint.isEmpty)
        #expect(outcome.text.hasPrefix("note: notes.txt: a foreign file\n\(path): intact (\(level)): 1 segments"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).sorted() == files)
        #expect(try files.map { try Data(contentsOf: URL(filePath: path).appending(path: $0)) } == before)
    }

    @Test(arguments: [[], ["--json"]]) func aVerdictThatCannotBeSaidIsExitCode74(options: [String]) async throws {
        try await writeLog()
        let full = try await tool(arguments: options + [path], redirection: ">/dev/full")
        #expect(full.exitCode == 74)
        #expect(full.complaint.contains("No space left on device") && full.complaint.contains(": intact (full)"))
        let closed = try await tool(arguments: options + [path], redirection: ">&-")
        #expect(closed.exitCode == 74 && closed.complaint.contains("standard output is closed"))
        // The number of the stream that is closed goes to no file of the log.
        #expect(try await tool(arguments: options + [path], redirection: "<&- 2>&-").exitCode == 0)
    }

    @Test func aLogThatIsBeingWrittenIsIntact() async throws {
        let log = try await CheckpointLog.open(at: path)
        for number in 0..<100 { try await log.checkpoint(number, for: CheckpointKey("key \(number)")) }
        let outcome = try await tool("--level", "deep", path)
        #expect(outcome.exitCode == 0 && outcome.text.contains("while it was being written"))
        try await log.close()
    }

    @Test func aFlippedBitIsExitCode3AndNamesTheKeyThatItCosts() async throws {
        try await writeLog()
        try change(try segmentName(), in: path) { bytes in
            // The key stands in both of its frames and in the footer: the second is the live one.
            let needle = Data("key 49".utf8)
            let dead = try #require(bytes.range(of: needle))
            let live = try #require(bytes.range(of: needle, in: dead.upperBound..<bytes.endIndex))
            bytes[live.upperBound] ^= 4
        }
        let text = try await tool(path)
        #expect(text.exitCode == 3)
        #expect(text.text.contains("level 1, key \"key 49\", number "))
        let json = try await tool("--json", path)
        let report = try JSONDecoder().decode(VerificationReport.self, from: Data(json.output))
        #expect(json.exitCode == 3 && report.exitCode == 3 && report.level == .full)
        #expect(report.findings.flatMap(\.lost).map(\.key) == ["key 49"])
    }

    @Test func theLastFrameCutInHalfIsATornTailAfterPowerLossAndDamageAfterAKill() async throws {
        var configuration = Configuration()
        configuration.runsInline = true
        let engine = try LogEngine.open(at: FilePath(path), configuration)
        var content = try engine.attributes(1).adding(.raw)
        content.policy.compression = .none
        _ = try engine.append([UInt8](repeating: 7, count: 500), content, key: "kept")
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        let end = writer.appender.writtenPosition
        _ = try engine.append([UInt8](repeating: 8, count: 500), content, key: "last")
        engine.abandon()
        // A directory that was renamed is the same; a copy of it is as of some moment, and may lack what was not
        // synced.
        let (renamed, copy) = (directory.path.appending("renamed").string, directory.path.appending("copy").string)
        try FileManager.default.moveItem(atPath: path, toPath: renamed)
        #expect(try await tool(renamed).exitCode == 0)
        try change(SegmentName(end.segment, .log).fileName, in: renamed) { bytes in
            bytes.resetBytes(in: bytes.startIndex + Int(end.offset) + 300..<bytes.endIndex)
        }
        let kill = try await tool(renamed)
        #expect(kill.exitCode == 3 && kill.text.contains("key \"last\""))
        try FileManager.default.copyItem(atPath: renamed, toPath: copy)
        // The boot that it was written under, which is never this one.
        try change("POSITION", in: renamed) { $0[$0.startIndex + 64] ^= 1 }
        for path in [renamed, copy] {
            let power = try await tool(path)
            #expect(power.exitCode == 1 && power.text.hasPrefix("tornTail: "))
            #expect(power.text.contains("checkpoints that were written and not synced may be lost"))
        }
    }

    @Test func partsThatAreMadeAnewAreExitCode2() async throws {
        try await writeLog()
        try FileManager.default.removeItem(atPath: path + "/POSITION")
        #expect(try await tool(path).exitCode == 2)
    }

    @Test func noLogThereIsExitCode5AndMakesNone() async throws {
        #expect(try await tool(path).exitCode == 5)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await tool(directory.path.string).exitCode == 5)
    }

    @Test(arguments: [[], ["--level", "deeper", "log"], ["log", "more"], ["--levle", "full", "log"]])
    func wrongUseIsExitCode64(arguments: [String]) async throws {
        let outcome = try await tool(arguments: arguments)
        #expect(outcome.exitCode == 64 && !outcome.complaint.isEmpty && outcome.output.isEmpty)
    }
}
