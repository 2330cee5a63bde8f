import Foundation
import Testing

/// Every Swift sample of a guide is code that a test compiles and runs.
///
/// A sample counts as run if its lines, without their indentation, stand one after the other in a test of this target,
/// or in the tests of the macro. A path below `/var/lib`, and `simulation.log`, stand for the test's own directory.
/// `Scripts/test-client` takes the package of "Getting started" from the article, builds it, and kills it.
@Suite struct GuideSamplesTests {
    static let guides =
        [
            "CheckpointLog", "GettingStarted", "LevelsAndRetention", "EvolvingYourTypes", "SeveralKeysAtOnce",
            "SynchronousCode", "ShuttingDown", "ChoosingAnInterval", "ComingFromActorsJL",
        ].map { "Sources/CheckpointLog/Documentation.docc/\($0).md" } + ["README.md"]

    @Test(arguments: guides) func everySampleIsCompiledAndRun(_ guide: String) throws {
        let tests = try Self.tests()
        let samples = try Self.samples(of: guide).filter { !Self.isPartOfPackage($0) }
        #expect(!samples.isEmpty)
        for sample in samples.map({ $0.filter { $0 != "import CheckpointLog" } }) {
            #expect(tests.contains { Self.contains($0, sample) }, "\(sample.joined(separator: "\n"))")
        }
    }

    /// The two programs that `Scripts/test-client` takes from the article, the first and the second sample.
    @Test func thePackageOfGettingStartedIsWhole() throws {
        let programs = try Self.samples(of: Self.guides[1]).prefix(2)
        #expect(programs.map(\.first) == ["// swift-tools-version: 6.2", "import CheckpointLog"])
    }

    /// A sample that no test has is found out.
    @Test func aSampleThatIsNotRunIsNotFound() throws {
        #expect(try !Self.tests().contains { Self.contains($0, ["try await log.neverRun()"]) })
        #expect(!Self.contains(["let a = 1", "let c = 3"], ["let a = 1", "let b = 2"]))
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A package, or the program of "Getting started".
    private static func isPartOfPackage(_ sample: [String]) -> Bool {
        sample.first == "// swift-tools-version: 6.2" || sample.contains { $0.contains("open(at: \"walk.log\")") }
    }

    /// The lines of each block of Swift.
    private static func samples(of guide: String) throws -> [[String]] {
        let text = try String(contentsOf: root.appending(path: guide), encoding: .utf8)
        var samples: [[String]] = []
        var sample: [String]?
        for line in lines(of: text) {
            if line == "```swift" {
                sample = []
            } else if line.hasPrefix("```") {
                if let sample { samples.append(sample) }
                sample = nil
            } else {
                sample?.append(line.replacing(/"(\/var\/lib\/[a-z0-9-]+|simulation\.log)"/, with: "directory"))
            }
        }
        return samples
    }

    private static func tests() throws -> [[String]] {
        try ["Tests/GuideTests", "Tests/CheckpointKeysTests"].flatMap { folder in
            try FileManager.default
                .contentsOfDirectory(at: root.appending(path: folder), includingPropertiesForKeys: nil)
                .filter { $0.pathExtension == "swift" && $0.lastPathComponent != "GuideSamplesTests.swift" }
                .map { lines(of: try String(contentsOf: $0, encoding: .utf8)) }
        }
    }

    /// Without indentation, empty lines, and what stands beside the code to align comments.
    private static func lines(of text: String) -> [String] {
        text.split(separator: "\n").map {
            $0.trimmingCharacters(in: .whitespaces).replacing(#/\s+//\s/#, with: "  // ")
        }
        .filter { !$0.isEmpty }
    }

    private static func contains(_ lines: [String], _ sample: [String]) -> Bool {
        guard let first = sample.first else { return true }
        return lines.indices.contains { lines[$0] == first && lines[$0...].starts(with: sample) }
    }
}
