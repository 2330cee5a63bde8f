#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import ArgumentParser
import CheckpointLog
import Foundation
import SystemPackage

/// `log-verify [--level quick|full|deep] [--json] DIRECTORY`: proves a log sound, or says exactly what is damaged.
@main struct LogVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-verify",
        abstract: "Proves a checkpoint log sound, or says exactly what is damaged. Changes nothing.",
        discussion: """
            Works on a log that is being written. Exit codes: 0 intact; 1 torn tail; 2 parts that the next opening \
            makes anew; 3 damage; 4 unsupported format; 5 cannot be read, or no log there; 64 wrong use; 74 the \
            verdict could not be written. Where several hold, the highest.
            """)

    @Option(
        help: ArgumentHelp(
            """
            How much is looked at: quick (manifest, files, lengths, headers), full (every checksum), deep (contents, \
            CBOR, index).
            """,
            valueName: "quick|full|deep"))
    var level = Depth.full

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    @Argument(help: "The directory of the log.")
    var directory: String

    func run() async throws {
        // Checked before any file is opened, which would get the stream's number.
        guard isOpen(.standardOutput) else {
            throw Self.unsaid("standard output is closed; nothing was verified. Open it, if only on /dev/null.")
        }
        let bar = ProgressBar()
        let report = await LogVerifier(directory: directory, level: level.level).verify { bar.show($0, of: $1) }
        bar.clear()
        do {
            try FileDescriptor.standardOutput.writeAll(Self.text(of: report, json: json).utf8)
            // Some file systems report only now that the output could not be stored.
            try FileDescriptor.standardOutput.close()
        } catch {
            throw Self.unsaid("standard output: \(error). Unsaid was: \(Self.summary(report))")
        }
        throw ExitCode(Int32(report.exitCode))
    }

    private static func text(of report: VerificationReport, json: Bool) throws -> String {
        guard json else {
            return (report.findings.map { "\($0)\n" } + [summary(report) + "\n"]).joined()
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }

    /// A verdict that could not be printed is none. The exit code is then EX_IOERR of sysexits.h, whatever was found.
    private static func unsaid(_ reason: String) -> ExitCode {
        _ = try? FileDescriptor.standardError.writeAll("log-verify: \(reason)\n".utf8)
        return ExitCode(74)
    }

    private func isOpen(_ stream: FileDescriptor) -> Bool {
        var status = stat()
        // Files that the runtime opens for itself can get the number of a closed stream; such files have no type.
        return unsafe fstat(stream.rawValue, &status) == 0 && status.st_mode & S_IFMT != 0
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
