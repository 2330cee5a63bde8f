import ArgumentParser
import CheckpointLog
import Foundation

/// Runs the training twice, once in peace and once under kills, and checks every claim that it prints.
struct DriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drive", abstract: "Kills the training again and again, and shows that nothing is lost.",
        discussion: "Exit codes: 0 every claim holds; 1 one does not; 64 wrong use.")

    @Argument(help: "A directory for the two logs. What an earlier run left there is removed.")
    var directory: String

    @Option(help: "Epochs to train.")
    var epochs = 40

    @Option(help: "The path of log-verify, which is then run over both logs.")
    var verifier: String?

    func run() async throws {
        let digits = try HandwrittenDigits()
        let stepCount = TrainingState.stepCount(epochCount: epochs, sampleCount: digits.training.count)
        print(
            "\(digits.training.count) digits to learn from, \(digits.test.count) to be tested on; "
                + "\(epochs) epochs, \(stepCount) steps.\n")
        let (calm, interrupted) = ("\(directory)/uninterrupted", "\(directory)/interrupted")
        for log in [calm, interrupted] where FileManager.default.fileExists(atPath: log) {
            try FileManager.default.removeItem(atPath: log)
        }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)

        let figures = try runUninterrupted(calm)
        var run = InterruptedRun(
            directory: interrupted, epochCount: epochs, plan: KillMoment.plan(stepCount: stepCount))
        try run.run { kill, count in
            print(
                "kill \(count) \(kill.moment.name): acknowledged step \(kill.acknowledged), resumed after step "
                    + "\(kill.resumed)"
                    + (kill.leftovers.isEmpty ? "" : "; unfinished: \(kill.leftovers.joined(separator: ", "))"))
        }

        var claims = Claims()
        claims.check(run, stepCount: stepCount)
        let expected = try await FinishedRun(directory: calm)
        let finished = try await FinishedRun(directory: interrupted)
        claims.check(finished, equals: expected, stepCount: stepCount)
        let accuracy = finished.training.network.accuracy(on: digits.test)
        claims.add("accuracy \(percent(accuracy)) on digits never seen, 90 % or more expected", accuracy >= 0.9)
        if let verifier {
            for log in [calm, interrupted] { try claims.verify(log, with: verifier) }
        }
        let lines = try CheckpointingLines()
        claims.add(
            "\(lines.lines.count) lines of the training loop are about checkpoints, at most 5", lines.lines.count <= 5)

        print("\n" + figures.text)
        print("\n" + finished.text)
        print("\nThe lines that the training loop needed:\n\n" + lines.lines.joined(separator: "\n") + "\n")
        for claim in claims.all { print("\(claim.holds ? "holds" : "FAILS")  \(claim.text)") }
        guard claims.allHold else { throw ExitCode.failure }
    }

    private func runUninterrupted(_ directory: String) throws -> RunFigures {
        let worker = try WorkerProcess(directory: directory, epochCount: epochs)
        var figures: RunFigures?
        while let report = try worker.nextReport() {
            if case .finished(let found) = report { figures = found }
        }
        guard try !worker.wasKilled(), let figures else { throw DemoFailure("The uninterrupted run did not finish.") }
        return figures
    }
}

func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }
