import ArgumentParser

@main struct CheckpointBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint-bench",
        abstract: "Measures CheckpointLog beside other stores, in turn and in one run; ratios count, not times.",
        subcommands: [MeasureCommand.self, ExpectationsCommand.self, ContendCommand.self, ProbeCommand.self],
        defaultSubcommand: MeasureCommand.self)
}
