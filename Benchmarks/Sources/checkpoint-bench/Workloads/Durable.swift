import CheckpointLog
import Foundation

/// W3, W4: a job that acknowledges work to others once its state survives power loss, alone or with 15 like it.
struct Durable: Workload {
    let taskCount: Int

    var name: String { "durable-\(taskCount)" }
    let unit = "µs"
    let isRate = false

    private func count(_ isQuick: Bool) -> Int { (isQuick ? 200 : 2_000) * (taskCount == 1 ? 1 : 4) }

    func summary(isQuick: Bool) -> String {
        "\(count(isQuick)) checkpoints of a struct of 9 fields, \(taskCount) tasks, each synced before it returns"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let total = count(isQuick)
        return [ours(total)] + [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite, .json].map { peer($0, total) } + [limit(total)]
    }

    private func ours(_ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory)
            return Session {
                let share = total / taskCount
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            group.addTask {
                                let own = CheckpointKey(key(task))
                                for number in 0..<share { try await log.checkpoint(Sample(number), for: own, level: 2) }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: kind.rawValue, role: .peer) { directory in
            let peer = try kind.open(directory, .synced)
            let value = Sample.encoded(1)
            let total = kind == .leveldb || kind == .rocksdb || kind == .json ? max(total / 10, taskCount) : total
            return Session {
                let share = total / taskCount
                let time = try await seconds {
                    // Threads, not tasks: a call of a peer blocks.
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            group.addTask { try await onThread { try putAll(peer, Array("checkpoint \(task)".utf8), value, share) } }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(share * taskCount) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    private func putAll(_ peer: any Peer, _ key: [UInt8], _ value: [UInt8], _ count: Int) throws {
        var value = value
        for number in 0..<count {
            // No two puts are the same: a store may leave out what changes nothing.
            value[value.count - 1] = UInt8(truncatingIfNeeded: number)
            try peer.put(key, value)
        }
    }

    /// One append to a preallocated file and one `fdatasync`, shared by all tasks.
    private func limit(_ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: "write+fdatasync", role: .limit) { directory in
            let file = try RawFile(directory, preallocating: 64 << 20)
            let value = Sample.encoded(1)
            return Session {
                let time = try await seconds {
                    for _ in 0..<total / taskCount {
                        try file.append(value)
                        try file.sync()
                    }
                }
                return time / Double(total / taskCount) / Double(taskCount) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}

/// Runs blocking work on a thread of its own.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}
