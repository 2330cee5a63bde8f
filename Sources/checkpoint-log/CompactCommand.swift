import ArgumentParser
import CheckpointLog

/// Drops superseded checkpoints.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Drops superseded checkpoints and gives their space back.",
        discussion: """
            How many versions a level keeps is set by the program that opens the log and is not stored in it. Give \
            --keep when that program keeps more than the default.
            """)

    @OptionGroup var log: DirectoryArgument
    @OptionGroup var output: OutputOptions

    @Option(help: "Versions of each key to keep at every level. (default: 1 at level 1, 2 above)")
    var keep: Int?

    /// What was won.
    private struct Outcome: Encodable {
        var byteCountBefore: Int
        var byteCountAfter: Int
        var segmentCountBefore: Int
        var segmentCountAfter: Int
    }

    func run() async throws {
        try await CommandFailure.reporting {
            // Opening for writing would make a log where there is none.
            try await CheckpointLog.openForReading(at: log.directory).close()
            var configuration = Configuration()
            configuration.compactsAutomatically = false
            if let keep {
                for level in 1...255 {
                    configuration.levels[level] = LevelPolicy(durability: .synced, retention: .newest(keep))
                }
            }
            let log = try await CheckpointLog.open(at: log.directory, configuration: configuration)
            let before = log.statistics
            try await log.compact()
            let after = log.statistics
            try await log.close()
            if output.json {
                try StandardStreams.writeJSON(
                    Outcome(
                        byteCountBefore: before.sealedByteCount, byteCountAfter: after.sealedByteCount,
                        segmentCountBefore: before.segmentCount, segmentCountAfter: after.segmentCount))
            } else {
                try StandardStreams.writeLine(
                    "\(before.sealedByteCount) bytes in \(before.segmentCount) segments before, "
                        + "\(after.sealedByteCount) in \(after.segmentCount) after")
            }
        }
    }
}
