import CheckpointLog
import Foundation

/// What a worker has done so far.
struct Work: Codable, Sendable, Equatable {
    var step = 0
    var sum = 0

    mutating func advance() {
        step += 1
        sum &+= step &* step
    }

    /// Whether the sum is that of all steps: none was left out, and none done twice.
    var isSound: Bool { sum == (step * (step + 1) * (2 * step + 1)) / 6 }
}

/// A process that supervises workers: a task that fails starts anew from level 1, which is of the memory; a process
/// that was killed from level 2, which is on disk.
struct Leaf {
    struct Mishap: Error {}

    let directory: String
    let name: String
    let workers: [Int]

    func run() async throws {
        var configuration = Configuration(segmentByteLimit: 1 << 20)
        configuration.name = name
        configuration.levels[1] = LevelPolicy(durability: .memory)
        configuration.levels[2] = LevelPolicy(durability: .written)
        let log = try await CheckpointLog.open(at: "\(directory)/\(name)", configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { try await supervise(worker, log) } }
            try await group.waitForAll()
        }
    }

    /// Starts the worker again whenever it fails.
    private func supervise(_ worker: Int, _ log: CheckpointLog) async throws {
        while true {
            do {
                try await work(worker, log)
            } catch is Mishap {
                tell("restarted A\(worker)")
            }
        }
    }

    private func work(_ worker: Int, _ log: CheckpointLog) async throws {
        let key: CheckpointKey = "A\(worker)"
        // Without a level the newest counts: level 1 after a task's failure, level 2 after a process's.
        var work = try await log.restore(Work.self, for: key) ?? Work()
        tell("began A\(worker) \(work.step)")
        while true {
            work.advance()
            try await log.checkpoint(work, for: key)
            if work.step % 5 == 0 {
                try await log.checkpoint(work, for: key, level: 2)
                tell("acknowledged A\(worker) \(work.step)")
            }
            if work.step % 37 == worker { throw Mishap() }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension Configuration {
    init(segmentByteLimit: Int) {
        self.init()
        self.segmentByteLimit = segmentByteLimit
    }
}

/// Tells the driver a line, at once and in one piece.
func tell(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
