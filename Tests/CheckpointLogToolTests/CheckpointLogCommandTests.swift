import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The tool from outside, as a process.
@Suite struct CheckpointLogCommandTests {
    let tool: BuiltTool
    let directory: TemporaryDirectory

    init() throws {
        tool = try BuiltTool("checkpoint-log")
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path.appending("log").string }

    static let contents: [String: [UInt8]] = [
        "none": [], "a zero": [0], "text": Array("text\n".utf8),
        "100,000 bytes": (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
        "2 MiB of zeros": [UInt8](repeating: 0, count: 2 << 20),
    ]

    @Test(arguments: contents.keys.sorted()) func bytesComeBackAsTheyWere(name: String) async throws {
        let bytes = try #require(Self.contents[name])
        let put = try await tool("put", path, "key", input: bytes)
        #expect(put.exitCode == 0 && put.output.isEmpty && put.complaint.isEmpty)
        let get = try await tool("get", path, "key")
        #expect(get.exitCode == 0 && get.complaint.isEmpty)
        #expect(get.output == bytes)
    }

    @Test func theNewestOfAllLevelsIsTheAnswerWithoutALevel() async throws {
        _ = try await tool("put", path, "key", "--level", "7", input: [7])
        _ = try await tool("put", path, "key", input: [1])
        #expect(try await tool("get", path, "key").output == [1])
        #expect(try await tool("get", path, "key", "--level", "7").output == [7])
        _ = try await tool("put", path, "key", "--level", "7", input: [8])
        #expect(try await tool("get", path, "key").output == [8])
    }

    @Test func aKeyOrLevelWithoutACheckpointIsExitCode1() async throws {
        _ = try await tool("put", path, "key", input: [1])
        let key = try await tool("get", path, "other")
        #expect(key.exitCode == 1 && key.output.isEmpty)
        #expect(key.complaint == "checkpoint-log: there is no checkpoint of \"other\" at any level\n")
        let level = try await tool("get", path, "key", "--level", "2")
        #expect(level.exitCode == 1 && level.output.isEmpty)
        #expect(level.complaint == "checkpoint-log: there is no checkpoint of \"key\" at level 2\n")
    }

    @Test(arguments: [
        ["put"], ["get", "key", "more"], ["get", "key", "--level", "two"], ["get", "key", "--levle", "2"],
    ])
    func wrongUseIsExitCode64AndMakesNothing(words: [String]) async throws {
        let outcome = try await tool(arguments: [words[0], path] + words.dropFirst())
        #expect(outcome.exitCode == 64)
        #expect(!outcome.complaint.isEmpty && outcome.output.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(arguments: ["0", "256"]) func aLevelThatDoesNotExistIsExitCode64(level: String) async throws {
        _ = try await tool("put", path, "key", input: [1])
        for command in ["put", "get"] {
            let outcome = try await tool(command, path, "key", "--level", level)
            #expect(outcome.exitCode == 64)
            #expect(outcome.complaint.contains("There is no level \(level)"))
        }
        #expect(try await tool("put", path, "").exitCode == 64)
        #expect(try await tool("get", path, "key").output == [1])
    }

    @Test(arguments: [["list"], ["stats"], ["compact"], ["get", "key"], ["put", "key", "--json"]])
    func whatCannotBeSaidIsExitCode74(words: [String]) async throws {
        _ = try await tool("put", path, "key", input: [1])
        let arguments = [words[0], path] + words.dropFirst()
        let closed = try await tool(arguments: arguments, input: [2], redirection: ">&-")
        #expect(closed.exitCode == 74)
        #expect(closed.complaint.contains("standard output is closed; nothing was done"))
        #expect(try await tool("get", path, "key").output == [1])
        let full = try await tool(arguments: arguments, input: [2], redirection: ">/dev/full")
        #expect(full.exitCode == 74)
        #expect(full.complaint == "checkpoint-log: standard output: No space left on device\n")
    }

    @Test func inputThatIsClosedIsExitCode74AndNoEmptyCheckpoint() async throws {
        let outcome = try await tool("put", path, "key", redirection: "<&-")
        #expect(outcome.exitCode == 74 && outcome.complaint.contains("standard input is closed"))
        #expect(!FileManager.default.fileExists(atPath: path))
        // Nothing is said by a command that stores, so it needs no output.
        #expect(try await tool("put", path, "key", input: [3], redirection: ">&-").exitCode == 0)
        #expect(try await tool("get", path, "key").output == [3])
    }

    @Test(arguments: ["list", "stats", "compact", "get"])
    func commandsThatReadMakeNoDirectory(command: String) async throws {
        for name in [path, directory.path.string] {
            let outcome = command == "get" ? try await tool(command, name, "key") : try await tool(command, name)
            #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
            #expect(outcome.complaint.contains("notALog") && outcome.complaint.contains(name))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path.string).isEmpty)
    }

    @Test func aLogThatIsOpenElsewhereCanBeReadAndNotWritten() async throws {
        let log = try await CheckpointLog.open(at: path)
        try await log.checkpoint(bytes: [1, 2, 3], for: "key")
        #expect(try await tool("get", path, "key").output == [1, 2, 3])
        #expect(try await tool("list", path).exitCode == 0)
        #expect(try await tool("backup", path, path + ".copy").exitCode == 0)
        #expect(try await tool("get", path + ".copy", "key").output == [1, 2, 3])
        for words in [["put", path, "key"], ["compact", path]] {
            let outcome = try await tool(arguments: words)
            #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
            #expect(outcome.complaint.contains("locked"))
            #expect(outcome.complaint.contains("\(ProcessInfo.processInfo.processIdentifier)"))
        }
        try await log.close()
        #expect(try await tool("put", path, "key").exitCode == 0)
    }

    @Test func metadataAndLabelsAreListedAndTagsAreTaken() async throws {
        let log = try await CheckpointLog.open(at: path)
        let first = try await log.checkpoint(
            bytes: [1], for: "key", metadata: ["step": 7, "note": "two\nlines", "loss": 0.5])
        try await log.tag(first.sequenceNumber, of: "key", as: "best")
        try await log.pin(first.sequenceNumber, of: "key")
        let line = try await tool("list", path).text
        #expect(line.hasSuffix("  key  loss=0.5  note=\"two\\nlines\"  step=7  #best  pinned\n"), "\(line)")
        let json = try await tool("list", path, "--json").text
        #expect(json.contains(#""tags" : ["#) && json.contains(#""isPinned" : true"#) && json.contains(#""step" : 7"#))
        try await log.checkpoint(bytes: [2], for: "key")
        try await log.close()
        #expect(try await tool("get", path, "key").output == [2])
        #expect(try await tool("get", path, "key", "--tag", "best", "--level", "1").output == [1])
        let missing = try await tool("get", path, "key", "--tag", "worst")
        #expect(missing.exitCode == 1 && missing.complaint.contains("with the tag \"worst\""))
    }

    @Test func theListNamesKeysLevelsAndSizes() async throws {
        for (key, level) in [("b", 1), ("a", 1), ("two\nlines", 2)] {
            _ = try await tool("put", path, key, "--level", "\(level)", input: [1, 2, 3])
        }
        let text = try await tool("list", path).text
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.map { String($0[0]) } == ["1", "1", "2"])
        #expect(lines.map { String($0[3]) } == ["3", "3", "3"])
        #expect(lines[0].last == "a" && lines[1].last == "b" && lines[2].last == "\"two\\nlines\"")

        struct Row: Decodable {
            var level: Int
            var key: String
            var sequenceNumber: UInt64
            var byteCount: Int
        }
        let json = try await tool("list", path, "--json", "--level", "2").output
        let rows = try JSONDecoder().decode([Row].self, from: Data(json))
        #expect(rows.count == 1 && rows[0].key == "two\nlines" && rows[0].level == 2 && rows[0].byteCount == 3)
    }

    @Test func aBackupIsMadeAndBroughtUpToDate() async throws {
        struct Outcome: Decodable {
            var copiedFileCount: Int
            var linkedFileCount: Int
            var keptFileCount: Int
        }
        let copy = directory.path.appending("copy").string
        #expect(try await tool("backup", path, copy).exitCode == 2)
        _ = try await tool("put", path, "first", input: [1])
        let first = try await tool("backup", path, copy)
        #expect(first.exitCode == 0 && first.complaint.isEmpty && first.text.hasPrefix("The backup has "))
        _ = try await tool("put", path, "second", input: [2])
        let json = try await tool("backup", path, copy, "--json").output
        let second = try JSONDecoder().decode(Outcome.self, from: Data(json))
        #expect(second.keptFileCount > 0 && second.copiedFileCount + second.linkedFileCount > 0)
        #expect(try await tool("get", copy, "first").output == [1])
        #expect(try await tool("get", copy, "second").output == [2])
        let refused = try await tool("backup", path, directory.path.string)
        #expect(refused.exitCode == 2 && refused.complaint.contains("invalidArgument"))
    }

    @Test func compactionGivesSpaceBackAndKeepsWhatIsAskedFor() async throws {
        var configuration = Configuration()
        configuration.compactsAutomatically = false
        let log = try await CheckpointLog.open(at: path, configuration: configuration)
        for value in 0..<2_000 { try log.submit(value, [UInt8](repeating: 1, count: 50), for: "key", level: 3) }
        let newest = try await log.history(for: "key", level: 3).map(\.sequenceNumber)
        try await log.close()

        struct Outcome: Decodable {
            var byteCountBefore: Int
            var byteCountAfter: Int
        }
        let kept = try await tool("compact", path, "--keep", "5", "--json")
        let outcome = try JSONDecoder().decode(Outcome.self, from: Data(kept.output))
        #expect(outcome.byteCountAfter < outcome.byteCountBefore / 20)
        let reader = try await CheckpointLog.openForReading(at: path)
        let history = try await reader.history(for: "key", level: 3).map(\.sequenceNumber)
        try await reader.close()
        #expect(history.count == 5 && Array(history.prefix(2)) == newest)

        let stats = try await tool("stats", path, "--json").output
        let figures = try #require(try JSONSerialization.jsonObject(with: Data(stats)) as? [String: Any])
        #expect(figures["keyCount"] as? Int == 1)
        #expect(figures["sealedByteCount"] as? Int == outcome.byteCountAfter)
        #expect(try await tool("stats", path).text.contains("keys, each level by itself     1\n"))
    }

    @Test func damageIsToldAndNotPassedOn() async throws {
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        _ = try await tool("put", path, "key", input: bytes)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        let segment = URL(filePath: path).appending(path: try #require(names.first { $0.hasSuffix(".log") }))
        var contents = try Data(contentsOf: segment)
        contents[contents.startIndex + 2_000] ^= 1
        try contents.write(to: segment)
        let outcome = try await tool("get", path, "key")
        #expect(outcome.exitCode == 2 && outcome.output.isEmpty)
        #expect(outcome.complaint.contains("damaged") && outcome.complaint.contains("key \"key\""))
    }
}
