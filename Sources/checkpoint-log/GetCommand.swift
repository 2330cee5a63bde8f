import ArgumentParser
import CheckpointLog

/// Writes the newest checkpoint of a key as bytes.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Writes the newest checkpoint of a key, or one with a tag, to standard output.",
        discussion: """
            Bytes that were stored with `put` come back as they were; a checkpoint that a program took of its values \
            comes as CBOR (RFC 8949).
            """)

    @OptionGroup var log: DirectoryArgument

    @Argument(help: "The key.")
    var key: String

    @Option(help: "The level, 1 to 255; without it the newest checkpoint at any level.")
    var level: Int?

    @Option(help: "The version that has this tag, rather than the newest.")
    var tag: String?

    func run() async throws {
        try await CommandFailure.reporting {
            let log = try await CheckpointLog.openForReading(at: log.directory)
            let bytes = try await log.restoreBytes(
                for: CheckpointKey(key), level: level, version: tag.map { .tag($0) } ?? .newest)
            try await log.close()
            guard let bytes else {
                let place = level.map { "at level \($0)" } ?? "at any level"
                let name = tag.map { ", with the tag \($0.debugDescription)" } ?? ""
                StandardStreams.complain("there is no checkpoint of \(key.debugDescription) \(place)\(name)")
                throw CommandFailure.noSuchCheckpoint
            }
            try StandardStreams.write(bytes)
        }
    }
}
