import ArgumentParser
import CheckpointLog

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Prints the newest checkpoint of each key.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the newest checkpoint of each key, by level and key.",
        discussion:
            "Columns: level, number, time, encoded bytes before compression, key, metadata, tags as #NAME, `pinned`.")

    @OptionGroup var log: DirectoryArgument
    @OptionGroup var output: OutputOptions

    @Option(help: "List this level only.")
    var level: Int?

    /// One line of the listing.
    private struct Row: Encodable {
        var level: Int
        var key: String
        var sequenceNumber: UInt64
        var date: Date
        var byteCount: Int
        var metadata: CheckpointMetadata
        var tags: [String]
        var isPinned: Bool
    }

    func run() async throws {
        try await CommandFailure.reporting {
            let log = try await CheckpointLog.openForReading(at: log.directory)
            let versions = try await log.checkpoints(level: level)
            try await log.close()
            if output.json {
                try StandardStreams.writeJSON(
                    versions.map {
                        Row(
                            level: $0.level, key: $0.key.name, sequenceNumber: $0.sequenceNumber.rawValue,
                            date: $0.date, byteCount: $0.byteCount, metadata: $0.metadata,
                            tags: $0.tags, isPinned: $0.isPinned)
                    })
            } else {
                for version in versions { try StandardStreams.writeLine(Self.line(version)) }
            }
        }
    }

    private static func line(_ version: CheckpointVersion) -> String {
        var fields = [
            padded("\(version.level)", 3), padded("\(version.sequenceNumber)", 12),
            version.date.formatted(.iso8601), padded("\(version.byteCount)", 12), printable(version.key.name),
        ]
        fields += version.metadata.sorted { $0.key < $1.key }.map { "\(printable($0.key))=\(printable("\($0.value)"))" }
        fields += version.tags.map { "#\(printable($0))" } + (version.isPinned ? ["pinned"] : [])
        return fields.joined(separator: "  ")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// Keys and metadata may contain any text. Several lines or control codes must not look like more than one row.
    private static func printable(_ text: String) -> String {
        text.unicodeScalars.contains { $0.properties.generalCategory == .control } ? text.debugDescription : text
    }
}
