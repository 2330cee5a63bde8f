import ArgumentParser
import CheckpointLog

/// Prints what a log contains and how much room it takes.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Prints what the log holds and what it weighs.")

    @OptionGroup var log: DirectoryArgument
    @OptionGroup var output: OutputOptions

    /// The figures, in the order in which they are printed.
    private struct Figures: Encodable {
        var keyCount: Int
        var recordCount: Int
        var segmentCount: Int
        var sealedByteCount: Int
        var liveByteCount: Int
        var amplification: Double
        var indexByteCount: Int
        var foreignFiles: [String]
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let log = try await CheckpointLog.openForReading(at: log.directory)
            let statistics = log.statistics
            let report = log.recoveryReport
            try await log.close()
            let figures = Figures(
                keyCount: statistics.keyCount, recordCount: report.recordCount, segmentCount: statistics.segmentCount,
                sealedByteCount: statistics.sealedByteCount, liveByteCount: statistics.liveByteCount,
                amplification: statistics.amplification, indexByteCount: statistics.indexByteCount,
                foreignFiles: report.foreignFiles)
            if output.json {
                try StandardStreams.writeJSON(figures)
            } else {
                try StandardStreams.writeLine(Self.text(figures))
            }
        }
    }

    private static func text(_ figures: Figures) -> String {
        let hundredths = Int((figures.amplification * 100).rounded())
        var lines = [
            "keys, each level by itself     \(figures.keyCount)",
            "records, superseded included   \(figures.recordCount)",
            "sealed segments                \(figures.segmentCount)",
            "bytes of sealed segments       \(figures.sealedByteCount)",
            "bytes that can be restored     \(figures.liveByteCount)",
            "bytes on disk for a live one   \(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)",
            "bytes of memory for the index  \(figures.indexByteCount)",
        ]
        if !figures.foreignFiles.isEmpty {
            lines.append("foreign files                  " + figures.foreignFiles.joined(separator: ", "))
        }
        return lines.joined(separator: "\n")
    }
}
