import ArgumentParser
import CheckpointLog
import Foundation
import Synchronization

/// A tree of checkpointing actors over several processes, which are killed one after another.
@main struct TreeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract:
            """
            Workers A1…A17 checkpoint to C1…C3, C4 takes over from C1 and C2, C5 from C3 and C4; all of them are \
            killed.
            """,
        subcommands: [DriveCommand.self, LeafCommand.self, ParentCommand.self])
}

/// C1, C2 or C3: a process with supervised workers and a log of its own.
struct LeafCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "leaf", abstract: "Runs workers until it is killed.")

    @Argument(help: "The directory of the whole tree.") var directory: String
    @Argument(help: "The leaf's name.") var name: String
    @Argument(help: "The numbers of its workers.") var workers: [Int]

    func run() async throws {
        let driver = Driver()
        driver.listen()
        try await Leaf(directory: directory, name: name, workers: workers).run()
    }
}

/// C4 or C5: a process that takes over from its children's directories.
struct ParentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parent", abstract: "Takes over from its children until it is killed.")

    @Argument(help: "The directory of the whole tree.") var directory: String
    @Argument(help: "The parent's name.") var name: String
    @Argument(help: "Its rank.") var rank: Int
    @Argument(help: "The names of its children.") var children: [String]

    func run() async throws {
        var configuration = Configuration(segmentByteLimit: 1 << 20)
        configuration.name = name
        configuration.rank = rank
        let log = try await CheckpointLog.open(at: "\(directory)/\(name)", configuration: configuration)
        for child in children { try await log.register(directory: "\(directory)/\(child)", name: child) }
        let driver = Driver()
        driver.listen()
        while true {
            // What is stored when a request comes is taken over by the round that begins after it.
            let request = driver.requestCount
            do {
                try await log.update()
                tell("updated \(request)")
            } catch let error as CheckpointLogError where error.code == .unavailable {
                // A child has not begun yet, or changes too quickly to be read. The next round tries again.
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Who started this process, and talks with it over standard input.
final class Driver: Sendable {
    private let requests = Mutex(0)

    /// Lines that it has written so far.
    var requestCount: Int { requests.withLock { $0 } }

    /// Reads what it writes. Ends the process when it is gone.
    func listen() {
        Thread.detachNewThread { [self] in
            while readLine() != nil { requests.withLock { $0 += 1 } }
            exit(0)
        }
    }
}
