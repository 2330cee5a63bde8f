import CheckpointLog
import TestSupport

/// One of the tasks: it takes checkpoints of its one key at three levels in turn, and at times restores one.
struct LoadTask: Sendable {
    static let levels = [1: LevelPolicy.Durability.written, 2: .synced, 3: .memory]
    /// Milliseconds between two checkpoints.
    private static let pause = 5..<100

    let key: String
    /// The last numbers that were acknowledged, by level.
    private(set) var acknowledged: [Int: Int] = [:]
    private var number = 0
    private var generator: SeededGenerator

    init(_ index: Int, seed: UInt64) {
        key = "task \(index)"
        generator = SeededGenerator(seed: seed &+ UInt64(index))
    }

    /// Goes on until the tally says to stop.
    mutating func run(_ log: CheckpointLog, _ tally: LoadTally) async {
        while !tally.isStopping {
            number += 1
            let level = 1 + number % Self.levels.count
            do {
                try await log.checkpoint(CountedValue(number, of: key), for: CheckpointKey(key), level: level)
                acknowledged[level] = number
                tally.count(\.operations)
                if generator.isOne(in: 8) {
                    try await check(log, level: 1 + generator.number(below: Self.levels.count), tally)
                    tally.count(\.restores)
                }
            } catch {
                tally.take(error, from: "\(key), level \(level), number \(number)")
            }
            let pause = Self.pause.lowerBound + generator.number(below: Self.pause.count)
            // Nobody cancels a task.
            try? await Task.sleep(for: .milliseconds(pause))
        }
    }

    /// The log must give the last that was acknowledged, or what was refused or under way since.
    func check(_ log: CheckpointLog, level: Int, _ tally: LoadTally) async throws {
        let value = try await log.restore(CountedValue.self, for: CheckpointKey(key), level: level)
        let least = acknowledged[level] ?? 0
        let found = value?.number ?? 0
        if !(least...max(least, number)).contains(found) || value?.isWhole(of: key) == false {
            tally.complain(
                "\(key), level \(level): \(found) is there, \(least) was acknowledged, \(number) is the last")
        }
    }

    func checkAll(_ log: CheckpointLog, _ tally: LoadTally) async {
        for level in Self.levels.keys {
            do { try await check(log, level: level, tally) } catch {
                tally.complain("\(key), level \(level): \(error)")
            }
        }
    }
}
