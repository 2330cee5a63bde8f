import Foundation

/// What the demo says of itself, and whether it is so.
struct Claims {
    struct Claim {
        var text: String
        var holds: Bool
    }

    private(set) var all: [Claim] = []

    var allHold: Bool { all.allSatisfy(\.holds) }

    mutating func add(_ text: String, _ holds: Bool) {
        all.append(Claim(text: text, holds: holds))
    }

    /// Nothing acknowledged was lost, and no more than the step under way was done twice.
    mutating func check(_ run: InterruptedRun, stepCount: Int) {
        let kills = run.kills
        add(
            "after each of \(kills.count) kills the resumed step was the acknowledged one or a later one",
            !kills.isEmpty && kills.allSatisfy { $0.resumed >= $0.acknowledged })
        add(
            "\(run.begunStepCount) steps begun in all, at most \(stepCount) and one for each kill",
            (stepCount...stepCount + kills.count).contains(run.begunStepCount))
        add(
            "the kill in a compaction left an output that no manifest named, and the next opening removed it",
            kills.contains { $0.moment.cutsACompactionShort && $0.leftAnOutput })
    }

    mutating func check(_ finished: FinishedRun, equals expected: FinishedRun, stepCount: Int) {
        add(
            "the finished run made \(finished.training.step) steps of \(stepCount)", finished.training.step == stepCount
        )
        add(
            "its state equals that of the uninterrupted run, all \(expected.bytes.count) bytes of it",
            finished.bytes == expected.bytes && !expected.bytes.isEmpty)
    }

    /// Runs `log-verify`, which prints what it finds.
    mutating func verify(_ log: String, with tools: Tools) throws {
        let process = Process()
        process.executableURL = URL(filePath: tools.verifier)
        process.arguments = ["--level", "deep", log]
        print("\n$ log-verify --level deep \(log)")
        // Otherwise what the tool prints would overtake what was printed before.
        fflush(nil)
        try process.run()
        process.waitUntilExit()
        add("log-verify finds \(log) intact", process.terminationReason == .exit && process.terminationStatus == 0)
    }
}
