import ArgumentParser
import Foundation

/// Work that a workload needs a fresh process for.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", shouldDisplay: false, subcommands: [FillCommand.self, IndexMemoryCommand.self])

    struct FillCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "fill", shouldDisplay: false)

        @Option var store: String
        @Option var directory: String
        @Option var records: Int
        @Option var keys: Int
        @Flag var killed = false

        func run() async throws {
            try await Fill(store: store, directory: directory, records: records, keys: keys, isKilled: killed).run()
        }
    }

    struct IndexMemoryCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "index-memory", shouldDisplay: false)

        @Option var directory: String
        @Argument var keyCounts: [Int]

        func run() async throws {
            let byteCounts = try await IndexMemory.residentByteCounts(in: directory, keyCounts)
            print(byteCounts.map(String.init).joined(separator: " "))
        }
    }
}
