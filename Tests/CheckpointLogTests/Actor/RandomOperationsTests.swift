import CheckpointLog
import TestSupport
import Testing

/// R9: random operations against a dictionary of versions that was written from the interface alone.
///
/// A life is one log on one simulated disk: checkpoints, groups, removals and restores of every kind, among them rolls,
/// compactions, closings, ends of the process, power cuts also inside an opening, readers beside the writer, and
/// damaged copies, snapshots that stay, copies of the live log, and sources that answer late. A failure prints the seed
/// of its life and the shortest script found that still fails. 10,000 operations in a debug build, 200,000 in release,
/// 10⁸ in the long run.
@Suite struct RandomOperationsTests {
    static let lifeLength = 2_500

    /// Two rows, which run side by side.
    @Test(arguments: [0, 1]) func everyAnswerIsOneThatTheOracleAllows(row: UInt64) async throws {
        let seed = testSeed(9)
        let operationCount = isLongRun ? 100_000_000 : takesSamples ? 10_000 : 200_000
        let lives = operationCount / Self.lifeLength / 2
        var counts: [RandomLife.Operation: Int] = [:]
        for number in 0..<UInt64(lives) {
            let life = RandomLife(seed: seed &+ 2 * number &+ row)
            do {
                try await life.run(0..<Self.lifeLength)
            } catch {
                try await report(error, life)
                return
            }
            counts.merge(life.counts, uniquingKeysWith: +)
        }
        for operation in RandomLife.Operation.allCases {
            #expect(counts[operation, default: 0] > 0, "\(operation) was never drawn")
        }
        let cuts = counts[.crash, default: 0] + counts[.cutSoon, default: 0]
        tellCounts("RandomOperations", ["operations": counts.values.reduce(0, +), "cuts": cuts])
    }

    private func report(_ error: any Error, _ life: RandomLife) async throws {
        let (script, last) = await Self.shortened(life)
        Issue.record(
            """
            CHECKPOINT_LOG_SEED=\(life.seed), first life: \(error)
            last operations:
              \(life.trace.suffix(20).joined(separator: "\n  "))
            \(script.count) operations are enough: \(script)
              \(last.trace.joined(separator: "\n  "))
            """)
    }

    /// Leaves operations out, ever smaller parts of the script at a time, as long as what is left fails.
    private static func shortened(_ failed: RandomLife) async -> ([Int], RandomLife) {
        var script = Array(0..<failed.counts.values.reduce(0, +))
        var last = failed
        var part = script.count / 2
        while part > 0 {
            var start = 0
            while start < script.count {
                var shorter = script
                shorter.removeSubrange(start..<min(start + part, script.count))
                let life = RandomLife(seed: failed.seed)
                if (try? await life.run(shorter)) == nil {
                    (script, last) = (shorter, life)
                } else {
                    start += part
                }
            }
            part /= 2
        }
        return (script, last)
    }
}
