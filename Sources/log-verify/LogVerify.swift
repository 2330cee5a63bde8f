import ArgumentParser
import CheckpointLog
import Foundation

/// `log-verify [--level quick|full|deep] [--json] DIRECTORY`: proves a log sound, or says exactly what is damaged.
@main struct LogVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-verify",
        abstract: "Proves a checkpoint log sound, or says exactly what is damaged. Changes nothing.",
        discussion: """
            Works on a log that is being written. Exit codes: 0 intact; 1 torn tail; 2 parts that the next opening makes anew; \
            3 damage; 4 unsupported format; 5 cannot be read, or no log there; 64 wrong use. Where several hold, the highest.
            """)

    @Option(
        help: ArgumentHelp(
            "How much is looked at: quick (manifest, files, lengths, headers), full (every checksum), deep (contents, CBOR, index).",
            valueName: "quick|full|deep"))
    var level = Depth.full

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @Argument(help: "The directory of the log.")
    var directory: String

    func run() async throws {
        let bar = ProgressBar()
        let report = await LogVerifier(directory: directory, level: level.level).verify { bar.show($0, of: $1) }
        bar.clear()
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            for finding in report.findings { print(finding) }
            print(Self.summary(report))
        }
        throw ExitCode(Int32(report.exitCode))
    }

    static func summary(_ report: VerificationReport) -> String {
        let verdicts = [
            "intact", "a torn tail", "parts to make anew", "damage", "unsupported format", "cannot be read",
        ]
        let verdict = verdicts.indices.contains(report.exitCode) ? verdicts[report.exitCode] : "\(report.exitCode)"
        let writing = report.isWritten ? ", while it was being written" : ""
        return "\(report.directory): \(verdict) (\(report.level.rawValue)): \(report.segmentCount) segments, "
            + "\(report.frameCount) frames, \(report.byteCount) bytes\(writing)"
    }
}

/// The levels, as an argument names them.
enum Depth: String, ExpressibleByArgument, CaseIterable {
    case quick
    case full
    case deep

    var level: VerificationLevel {
        switch self {
        case .quick: .quick
        case .full: .full
        case .deep: .deep
        }
    }
}
