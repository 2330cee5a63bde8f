import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Every command of the guide "Command line", one after the other, as a reader would type them.
@Suite struct CommandLineGuideTests {
    @Test func everyCommandOfTheGuideSucceeds() async throws {
        let folder = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: folder.path.appending("walk.log").string)
        for step in 1...3 { try await log.checkpoint(["step": step], for: "walk") }
        try await log.close()
        let commands = try Self.commands()
        #expect(commands.count > 12)
        var outputs: [String: String] = [:]
        for command in commands {
            let (exitCode, output) = try await Self.run(command, in: folder.path.string)
            #expect(exitCode == 0, "\(command): \(output)")
            outputs[command] = output
        }
        #expect(outputs["checkpoint-log list walk.log"]?.contains("walk") == true)
        #expect(outputs["log-verify --level deep walk.log"]?.contains("intact (deep)") == true)
        #expect(outputs["log-verify copy.log"]?.contains("intact (full)") == true)
        #expect(outputs["checkpoint-log get walk.log note"]?.isEmpty == false)
        let state = try Data(contentsOf: URL(filePath: folder.path.appending("state.cbor").string))
        #expect(Array(state) == [0xA1, 0x64] + Array("step".utf8) + [3])
    }

    /// The exit codes of the guide are those that the tools state.
    @Test func theGuideHasEveryExitCode() async throws {
        for (tool, count) in [("log-verify", 8), ("checkpoint-log", 5)] {
            let help = try await BuiltTool(tool)("--help").text.replacing(#/\s+/#, with: " ")
            let section = try #require(help.firstMatch(of: /Exit codes: (.+?)(USAGE|Where several)/)).1
            let stated = section.split(separator: ";").compactMap { $0.firstMatch(of: /\d+/).map { String($0.0) } }
            #expect(stated.count == count, "\(tool): \(stated)")
            let table = try #require(
                Self.guide().split(separator: "\n## ").first { $0.contains("| exit code |") && $0.contains(tool) })
            let rows = table.matches(of: /\n\| (\d+) \|/).map { String($0.1) }
            #expect(rows == stated, "\(tool)")
        }
    }

    private static func guide() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        return try String(
            contentsOf: root.appending(path: "Sources/CheckpointLog/Documentation.docc/CommandLine.md"),
            encoding: .utf8)
    }

    /// What stands after a prompt.
    private static func commands() throws -> [String] {
        try guide().split(separator: "\n").filter { $0.hasPrefix("$ ") }.map { String($0.dropFirst(2)) }
    }

    private static func run(_ command: String, in folder: String) async throws -> (Int32, String) {
        let process = Process()
        let output = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data().write(to: output)
        defer { try? FileManager.default.removeItem(at: output) }
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", "PATH=\"$0:$PATH\"; \(command)", BuiltTool.builtProducts.path]
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = process.standardOutput
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return (process.terminationStatus, try String(contentsOf: output, encoding: .utf8))
    }
}
