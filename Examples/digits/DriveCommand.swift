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

    @Option(help: "The folder of log-verify and checkpoint-log. log-verify is then run over both logs.")
    var tools: String?

    @Option(help: "What the random moments of the kills are drawn from. Default: another one each time.")
    var seed = UInt64.random(in: 0..<1_000_000)

    func run() async throws {
        let tools = tools.map { Tools(folder: $0) }
        let digits = try HandwrittenDigits()
        let epochStepCount = TrainingState.stepCount(sampleCount: digits.training.count)
        let stepCount = epochs * epochStepCount
        print(
            "\(digits.training.count) digits to learn from, \(digits.test.count) to be tested on; "
                + "\(epochs) epochs, \(stepCount) steps; kills by seed \(seed).\n")
        let (calm, interrupted) = ("\(directory)/uninterrupted", "\(directory)/interrupted")
        for log in [calm, interrupted] where FileManager.default.fileExists(atPath: log) {
            try FileManager.default.removeItem(atPath: log)
        }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)

        let progress = StepProgress(stepCount: stepCount)
        print("the run without kills")
        let figures = try runUninterrupted(calm, progress)
        print("the run under kill -9")
        var generator = SeededGenerator(seed: seed)
        var run = InterruptedRun(
            directory: interrupted, epochCount: epochs,
            plan: KillMoment.plan(epochCount: epochs, stepCount: epochStepCount, using: &generator))
        try run.run(
            onRestart: { kill, count in
                print(
                    "  kill \(count) \(kill.moment.name): acknowledged step \(kill.acknowledged), resumed after step "
                        + "\(kill.resumed)"
                        + (kill.leftovers.isEmpty ? "" : "; unfinished: \(kill.leftovers.joined(separator: ", "))"))
            }, onStep: progress.tell)

        var claims = Claims()
        claims.check(run, stepCount: stepCount)
        let expected = try await FinishedRun(directory: calm)
        let finished = try await FinishedRun(directory: interrupted)
        claims.check(finished, equals: expected, stepCount: stepCount)
        let accuracy = finished.training.network.accuracy(on: digits.test)
        claims.add("accuracy \(percent(accuracy)) on digits never seen, 90 % or more expected", accuracy >= 0.9)
        if let tools {
            for log in [calm, interrupted] { try claims.verify(log, with: tools) }
        }
        let lines = try CheckpointingLines()
        claims.add(
            "\(lines.lines.count) lines of the training loop are about checkpoints, at most 5", lines.lines.count <= 5)

        print("\n" + figures.text)
        print("\n" + finished.text)
        print("\nThe lines that the training loop needed:\n\n" + lines.lines.joined(separator: "\n") + "\n")
        for claim in claims.all { print("\(claim.holds ? "holds" : "FAILS")  \(claim.text)") }
        guard claims.allHold else {
            print("\nWhat is marked FAILS does not hold. The same kills again: --seed \(seed)")
            throw ExitCode.failure
        }
        print(
            "\nThe interrupted and the uninterrupted run are identical: after \(run.kills.count) kills and "
                + "\(stepCount) steps, all \(expected.bytes.count) bytes of their last checkpoints are equal.")
        if let tools { print(tools.invitation(to: interrupted)) }
    }

    private func runUninterrupted(_ directory: String, _ progress: StepProgress) throws -> RunFigures {
        let worker = try WorkerProcess(directory: directory, epochCount: epochs)
        var figures: RunFigures?
        while let report = try worker.nextReport() {
            switch report {
            case .acknowledged(let step): progress.tell(step)
            case .finished(let found): figures = found
            default: break
            }
        }
        guard try !worker.wasKilled(), let figures else { throw DemoFailure("The uninterrupted run did not finish.") }
        return figures
    }
}

/// Says how far a run is, ten times on its way.
struct StepProgress {
    let stepCount: Int

    func tell(_ step: Int) {
        if step % max(1, stepCount / 10) == 0 { print("  step \(step) of \(stepCount)") }
    }
}

func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }
