import Foundation
import SystemPackage
import TestSupport

/// The tool as the build made it, run as a process.
struct BuiltTool {
    struct Outcome {
        var exitCode: Int32
        var output: [UInt8]
        var complaint: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    let name: String
    /// Where the streams of the processes go: files cannot fill up as pipes do.
    let directory: TemporaryDirectory
    /// What its processes are told beside what this one was.
    var environment: [String: String] = [:]
    /// What a shell limits before it becomes the tool, as in `ulimit -f 2048`.
    var limit: String?

    init(_ name: String) throws {
        self.name = name
        directory = try TemporaryDirectory()
    }

    /// The folder that holds what was built: the one of the test bundle.
    static var builtProducts: URL {
        #if os(macOS)
        for bundle in Bundle.allBundles where bundle.bundlePath.hasSuffix(".xctest") {
            return bundle.bundleURL.deletingLastPathComponent()
        }
        #endif
        return URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    }

    func callAsFunction(
        _ arguments: String..., input: [UInt8] = [], redirection: String? = nil
    ) async throws -> Outcome {
        try await self(arguments: arguments, input: input, redirection: redirection)
    }

    /// - Parameter redirection: what a shell is to do with the standard streams, as in `>&-`.
    func callAsFunction(
        arguments: [String], input: [UInt8] = [], redirection: String? = nil
    ) async throws -> Outcome {
        let run = directory.path.appending(UUID().uuidString).string
        let (inputPath, outputPath, complaintPath) = (run + ".in", run + ".out", run + ".err")
        try Data(input).write(to: URL(filePath: inputPath))
        for path in [outputPath, complaintPath] { try Data().write(to: URL(filePath: path)) }
        let process = Process()
        let program = Self.builtProducts.appending(path: name)
        if redirection != nil || limit != nil {
            let command = (limit.map { "\($0) && " } ?? "") + "exec \"$0\" \"$@\" \(redirection ?? "")"
            process.executableURL = URL(filePath: "/bin/bash")
            process.arguments = ["-c", command, program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: inputPath))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: outputPath))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: complaintPath))
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Outcome(
            exitCode: process.terminationStatus, output: Array(try Data(contentsOf: URL(filePath: outputPath))),
            complaint: String(decoding: try Data(contentsOf: URL(filePath: complaintPath)), as: UTF8.self))
    }
}
