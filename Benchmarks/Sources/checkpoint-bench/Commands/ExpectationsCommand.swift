import ArgumentParser
import Foundation

/// Compares what the engine counts with what is kept in files, or writes them anew.
struct ExpectationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expectations",
        abstract: "Compares deterministic counters of the engine with files: times prove nothing in CI, counters do.")

    enum Mode: String, ExpressibleByArgument, CaseIterable { case check, write }

    @Argument(help: "check, or write.")
    var mode: Mode

    @Option(help: "The directory of the files.")
    var files = "Benchmarks/Expectations"

    @Option(help: "The directory for the logs; the counters are complete where segments are mapped (ext4, XFS, tmpfs).")
    var directory = ".build-bench-expectations"

    private static let runLimit = 3

    func run() async throws {
        var failures = 0
        // Known from the first script on, which stores its frames.
        var isMapped = false
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for script in OperationScript.all {
            let path = "\(directory)/\(script.name)"
            func count() async throws -> Expectation {
                try? FileManager.default.removeItem(atPath: path)
                return Expectation(try await script.run(path))
            }
            let file = "\(files)/\(script.name).json"
            switch mode {
            case .write:
                try await count().write(to: file)
                print("\(file) written")
            case .check:
                let expected = try Expectation(contentsOf: file)
                var differences: [String] = []
                // A busy machine may hold the script up until the empty frame of a quiet log shares a sync with the
                // next checkpoint. A change of the engine shows in every run.
                for _ in 0..<Self.runLimit {
                    let found = try await count()
                    isMapped = isMapped || found.isMapped
                    differences = found.differences(from: expected, isMapped: isMapped)
                    if differences.isEmpty { break }
                }
                failures += differences.isEmpty ? 0 : 1
                print("\(script.name): \(differences.isEmpty ? "as expected" : "not as expected")")
                for difference in differences { print("    \(difference)") }
            }
        }
        guard failures == 0 else {
            print("If the change is wanted: checkpoint-bench expectations write, and say why in the commit.")
            throw ExitCode.failure
        }
    }
}
