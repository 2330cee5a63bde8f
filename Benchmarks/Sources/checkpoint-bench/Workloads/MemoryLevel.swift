import CheckpointLog

/// W6: an actor that keeps a snapshot of 64 MiB at hand after every message, against the failure of a task.
///
/// Unchanged, the limit is the same call with a value of 1 KiB: a ratio of 1 says that size costs nothing. Changed, it
/// is a plain copy of the array, which the change makes necessary.
struct MemoryLevel: Workload {
    let changesAnElement: Bool

    var name: String { changesAnElement ? "memory-level-changed" : "memory-level" }
    var unit: String { changesAnElement ? "ms" : "µs" }
    var isInShortRun: Bool { !changesAnElement }
    let isRate = false

    private func count(_ isQuick: Bool) -> Int { isQuick ? 1 << 20 : 8 << 20 }

    private var repeats: Int { changesAnElement ? 10 : 100_000 }

    func summary(isQuick: Bool) -> String {
        "\(repeats) checkpoints of a [Double] of \(count(isQuick) >> 17) MiB at a level of the memory"
            + (changesAnElement ? ", one element changed before each" : "")
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = count(isQuick)
        return [log("ours", .ours, count), changesAnElement ? copy(count) : log("1 KiB", .limit, 128)]
    }

    private func log(_ name: String, _ role: Contender.Role, _ count: Int) -> Contender {
        let (changes, repeats) = (changesAnElement, repeats)
        return Contender(name: name, role: role) { directory in
            var configuration = Configuration()
            configuration.levels[1] = LevelPolicy(durability: .memory)
            let log = try await CheckpointLog.open(at: directory + "/log", configuration: configuration)
            let box = Box(doubles(count: count, isNoisy: true, seed: 1))
            return Session {
                let time = try await seconds {
                    for number in 0..<repeats {
                        if changes { box.values[number] += 1 }
                        try await log.checkpoint(box.values, for: "weights")
                    }
                }
                return time / Double(repeats) * (changes ? 1e3 : 1e6)
            } finish: {
                // Otherwise the closing would write the value out, which nobody measures.
                try await log.removeAllCheckpoints()
                try await log.close()
            }
        }
    }

    private func copy(_ count: Int) -> Contender {
        let repeats = repeats
        return Contender(name: "a copy", role: .limit) { _ in
            let box = Box(doubles(count: count, isNoisy: true, seed: 1))
            let kept = Box([])
            return Session {
                let time = await seconds {
                    for number in 0..<repeats {
                        kept.values = box.values
                        box.values[number] += 1
                    }
                }
                return time / Double(repeats) * 1e3
            }
        }
    }

    /// Used by the one task that measures.
    private final class Box: @unchecked Sendable {
        var values: [Double]

        init(_ values: [Double]) { self.values = values }
    }
}
