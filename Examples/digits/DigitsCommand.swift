import ArgumentParser

/// Trains a network that reads handwritten digits, kills the training again and again, and shows that nothing is lost.
@main
struct DigitsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digits", abstract: "Trains on handwritten digits, and survives kill -9 on the way.",
        subcommands: [DriveCommand.self, WorkerCommand.self])
}

/// Trains, and tells on standard output how far it is.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Trains with a checkpoint after every step; goes on where an earlier run ended.")

    @Argument(help: "The directory of the log.")
    var directory: String

    @Option(help: "Epochs to train.")
    var epochs = 40

    @Option(help: "Where to stop and wait to be killed: step, sealing or compaction.")
    var stopAt: StopPoint.Place?

    @Option(help: "The step after which it stops there.")
    var afterStep = 0

    func run() async throws {
        let worker = StoppingWorker(stopAt.map { StopPoint(place: $0, step: afterStep) })
        try await TrainingLoop(
            directory: directory, epochCount: epochs, digits: HandwrittenDigits(), worker: worker
        ).run()
    }
}
