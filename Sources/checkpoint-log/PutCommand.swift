import ArgumentParser
import CheckpointLog

/// Takes a checkpoint of the bytes of standard input.
struct PutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Stores the bytes of standard input as a checkpoint.",
        discussion: "Makes the log when there is none. On return the checkpoint survives power loss at every level.")

    @OptionGroup var log: DirectoryArgument

    @Argument(help: "The key, 1 to 1,024 bytes of UTF-8.")
    var key: String

    @Option(help: "The level, 1 to 255.")
    var level = 1

    @OptionGroup var output: OutputOptions

    /// What was stored.
    private struct Stored: Encodable {
        var sequenceNumber: UInt64
        var storedByteCount: Int
    }

    func run() async throws {
        try await CommandFailure.reporting(prints: output.json) {
            try StandardStreams.requireInput()
            var configuration = Configuration()
            // This program does not know how many versions another one wants to keep, and must not drop any.
            configuration.compactsAutomatically = false
            // Read before the log is opened, so that the log is not locked while the bytes arrive.
            let bytes = try StandardStreams.readInput(limit: configuration.valueByteLimit)
            let log = try await CheckpointLog.open(at: log.directory, configuration: configuration)
            let receipt = try await log.checkpoint(bytes: bytes, for: CheckpointKey(key), level: level)
            try await log.close()
            guard output.json else { return }
            try StandardStreams.writeJSON(
                Stored(sequenceNumber: receipt.sequenceNumber.rawValue, storedByteCount: receipt.byteCount))
        }
    }
}
