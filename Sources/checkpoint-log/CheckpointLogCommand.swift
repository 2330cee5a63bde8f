import ArgumentParser

/// Makes a checkpoint log usable from a shell: a thin layer over the public interface of CheckpointLog.
@main
struct CheckpointLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint-log",
        abstract: "Lists, stores and fetches checkpoints of a log.",
        discussion: """
            Commands that only read open the log for reading: it may be written by another process meanwhile, and a \
            directory that does not exist is not made.

            Exit codes: 0 done; 1 there is no such checkpoint; 2 the log refused or failed, with the reason on \
            standard error; 64 wrong use; 74 a standard stream is closed, or what was to be said could not be written.
            """,
        subcommands: [
            ListCommand.self, PutCommand.self, GetCommand.self, StatsCommand.self, CompactCommand.self,
            BackupCommand.self,
        ])
}

/// The first argument of every command.
struct DirectoryArgument: ParsableArguments {
    @Argument(help: "The directory of the log.", completion: .directory)
    var directory: String
}

/// How a command prints what it found.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false
}
