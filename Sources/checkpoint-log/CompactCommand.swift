import ArgumentParser
import CheckpointLog

/// Drops superseded checkpoints.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Drops superseded checkpoints and gives their space back.",
        discussion: """
            What a level keeps belongs to the log and stays as it is. With --keep the log keeps that many versions of \
            each key from now on; where that is less, versions are gone for good.
            """)

    @OptionGroup var log: DirectoryArgument
    @OptionGroup var output: OutputOptions

    @Option(help: "Versions of each key to keep at every level from now on. (default: as the log does)")
    var keep: Int?

    /// What the compaction gained.
    private struct Outcome: Encodable {
        var byteCountBefore: Int
        var byteCountAfter: Int
        var segmentCountBefore: Int
        var segmentCountAfter: Int
    }

    func run() async throws {
        try await CommandFailure.reporting {
            // Opening for writing would create a log if there is none.
            try await CheckpointLog.openForReading(at: log.directory).close()
            var configuration = Configuration()
            configuration.compactsAutomatically = false
            if let keep {
                let reader = try await CheckpointLog.openForReading(at: log.directory)
                for level in reader.levels {
                    var policy = try reader.policy(for: level)
                    policy.retention = .newest(keep)
                    configuration.levels[level] = policy
                }
                try await reader.close()
                configuration.allowsDroppingVersions = true
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
