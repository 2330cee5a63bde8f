import CheckpointLog

/// W6: an actor that keeps a snapshot of 64 MiB at hand after every message, against the failure of a task.
struct MemoryLevel: Workload {
    let changesAnElement: Bool

    var name: String { changesAnElement ? "memory-level-changed" : "memory-level" }
    var unit: String { changesAnElement ? "ms" : "µs" }
    let isRate = false

    private func count(_ isQuick: Bool) -> Int { isQuick ? 1 << 20 : 8 << 20 }

    func summary(isQuick: Bool) -> String {
        "[Double] of \(count(isQuick) >> 17) MiB at a level of the memory" + (changesAnElement ? ", one element changed" : "")
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = count(isQuick)
        let changes = changesAnElement
        let ours = Contender(name: "ours", role: .ours) { _ in
            let log = try await CheckpointLog.inMemory()
            let box = Box(doubles(count: count, isNoisy: true, seed: 1))
            let repeats = changes ? 10 : 100_000
            return Session {
                let time = try await seconds {
                    for number in 0..<repeats {
                        if changes { box.values[number] += 1 }
                        try log.submit(box.values, for: "weights")
                    }
                }
                return time / Double(repeats) * (changes ? 1e3 : 1e6)
            } finish: {
                try await log.close()
            }
        }
        guard changes else { return [ours] }
        let copy = Contender(name: "a copy", role: .limit) { _ in
            let box = Box(doubles(count: count, isNoisy: true, seed: 1))
            let kept = Box([])
            return Session {
                let time = try await seconds {
                    for number in 0..<10 {
                        kept.values = box.values
                        box.values[number] += 1
                    }
                }
                return time / 10 * 1e3
            }
        }
        return [ours, copy]
    }

    private final class Box: @unchecked Sendable {
        var values: [Double]

        init(_ values: [Double]) { self.values = values }
    }
}
