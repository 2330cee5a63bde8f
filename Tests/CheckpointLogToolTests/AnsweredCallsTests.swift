#if os(Linux)
import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Systems that interrupt calls, and that refuse some: what a sandbox, an old kernel or a file system does not have is
/// done without.
@Suite struct AnsweredCallsTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// The calls that answer as told, built once.
    static let library = Result {
        let place = try TemporaryDirectory()
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Answers/answers.c")
        let library = place.path.appending("answers.so").string
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = ["clang", "-O1", "-shared", "-fPIC", "-o", library, source.path, "-ldl"]
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        return (place, library)
    }

    /// What makes a process's call answer as told, and leave the marker once one did.
    private static func environment(
        call: String, _ error: Errno, every: Int, marker: String
    ) throws -> [String: String] {
        [
            "LD_PRELOAD": try library.get().1, "ANSWER": "\(call) \(error.rawValue) \(every)",
            "ANSWER_MARKER": marker,
        ]
    }

    /// Runs the tool while a call answers as told, and says whether any did.
    private func tool(
        _ arguments: [String], input: [UInt8] = [], call: String, _ error: Errno, every: Int = 1
    ) async throws -> (outcome: BuiltTool.Outcome, wasMet: Bool) {
        let marker = directory.path.appending(UUID().uuidString).string
        var tool = try BuiltTool("checkpoint-log")
        tool.environment = try Self.environment(call: call, error, every: every, marker: marker)
        let outcome = try await tool(arguments: arguments, input: input)
        return (outcome, FileManager.default.fileExists(atPath: marker))
    }

    /// Takes checkpoints, small and large, compacts, reads, and finds everything there.
    private func expectUse(call: String, _ error: Errno, every: Int) async throws {
        let log = directory.path.appending(UUID().uuidString).string
        let large = [UInt8](repeating: 7, count: 3 << 20)
        var isMet = false
        for (words, input) in [
            (["put", log, "small", "--level", "2"], [1]),
            // What is synced passes the page cache by.
            (["put", log, "large", "--level", call == "direct" ? "2" : "1"], large), (["put", log, "small"], [2]),
            (["compact", log], []), (["list", log], []),
        ] as [([String], [UInt8])] {
            let (outcome, wasMet) = try await tool(words, input: input, call: call, error, every: every)
            #expect(outcome.exitCode == 0, "\(call), \(error), \(words[0]): \(outcome.complaint)")
            isMet = isMet || wasMet
        }
        for (words, bytes) in [
            (["get", log, "small"], [2]), (["get", log, "small", "--level", "2"], [1]), (["get", log, "large"], large),
        ] as [([String], [UInt8])] {
            let (outcome, wasMet) = try await tool(words, call: call, error, every: every)
            #expect(outcome.exitCode == 0 && outcome.output == bytes, "\(call), \(error): \(outcome.complaint)")
            isMet = isMet || wasMet
        }
        // Not every file system's files are mapped.
        #expect(isMet || call == "mmap", "\(call) was never made")
        #expect(await LogVerifier(directory: log, level: .deep).verify().findings.isEmpty)
    }

    @Test(arguments: [
        "openat", "fsync", "fdatasync", "fallocate", "ftruncate", "mkdir", "unlinkat", "renameat", "pwrite", "lock",
    ])
    func whatASignalInterruptsIsCarriedOn(call: String) async throws {
        try await expectUse(call: call, .interrupted, every: 2)
    }

    @Test(
        arguments: ["fallocate", "fsync", "parent", "direct", "mmap"],
        [
            Errno.notPermitted, .noFunction, .invalidArgument, .notSupported,
        ])
    func whatTheSystemRefusesIsDoneWithout(call: String, error: Errno) async throws {
        try await expectUse(call: call, error, every: 1)
    }

    /// The tool reads on threads that may wait. A restore in a task asks for what is cached first, and where that
    /// cannot be asked for it waits too.
    @Test(arguments: [Errno.notPermitted, .noFunction, .invalidArgument, .notSupported])
    func whereTheCacheCannotBeAskedARestoreWaits(error: Errno) throws {
        let log = directory.path.appending("log").string
        let marker = directory.path.appending("marker").string
        let first = try TalkingProcess("KilledWriter", "write", log)
        let acknowledged = try #require(try number(after: "task 0 ", from: first))
        first.kill()
        #expect(first.end() == nil)
        let second = try TalkingProcess(
            "KilledWriter", "write", log,
            environment: Self.environment(call: "preadv2", error, every: 1, marker: marker))
        let resumed = try #require(try number(after: "resumed task 0 ", from: second))
        second.kill()
        #expect(second.end() == nil)
        #expect(resumed >= acknowledged)
        #expect(FileManager.default.fileExists(atPath: marker), "preadv2 was never made")
    }

    /// The number in the first line with a beginning; nil when the process ends before.
    private func number(after beginning: String, from process: TalkingProcess) throws -> Int? {
        while let lines = try process.hear() {
            for line in lines where line.hasPrefix(beginning) { return Int(line.dropFirst(beginning.count)) }
        }
        return nil
    }

    /// Nobody can list the directory above, and the log in it is its user's own.
    @Test func theDirectoryAboveNeedNotBeReadable() async throws {
        try await expectUse(call: "parent", .permissionDenied, every: 1)
    }

    /// Without a lock two could write at once: a writer is told what to do, and a reader goes on.
    @Test(arguments: [Errno.noLocks, .noFunction, .notSupported, .notPermitted])
    func withoutLocksALogIsReadAndNotWritten(error: Errno) async throws {
        let log = directory.path.appending("log").string
        _ = try await tool(["put", log, "key"], input: [1], call: "none", error)
        let (written, _) = try await tool(["put", log, "key"], input: [2], call: "lock", error)
        #expect(written.exitCode == 2 && written.complaint.contains("The file system of this path has no locks"))
        #expect(written.complaint.contains("local file system"))
        let (read, wasMet) = try await tool(["get", log, "key"], call: "lock", error)
        #expect(read.exitCode == 0 && read.output == [1] && wasMet, "\(read.complaint)")
    }
}
#endif
