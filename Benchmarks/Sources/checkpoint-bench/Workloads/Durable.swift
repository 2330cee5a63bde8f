import CheckpointLog
import Foundation

/// W3, W4: a job that acknowledges work to others once its state survives power loss, alone or with 15 like it.
struct Durable: Workload {
    let taskCount: Int

    var name: String { "durable-\(taskCount)" }
    let unit = "µs"
    let isRate = false

    /// Checkpoints of all tasks together.
    private func count(_ isQuick: Bool) -> Int { (isQuick ? 50 : 1_000) * (taskCount == 1 ? 1 : 8) }

    func summary(isQuick: Bool) -> String {
        """
        \(count(isQuick)) checkpoints of a struct of 9 fields, \(taskCount == 1 ? "one task" : "\(taskCount) tasks"), \
        each synced before it returns
        """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let total = count(isQuick)
        // Fewer for peers, whose syncs are slow enough to be measured so.
        let peers = [PeerKind.lmdb, .lmdbWriteMap, .rocksdb, .leveldb, .sqlite, .json].map {
            peer($0, max(total / 4, taskCount))
        }
        let handingOver = taskCount > 1 ? [self.handingOver(total)] : []
        return [ours(total)] + peers + handingOver + [limit(total)]
    }

    private func ours(_ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            let share = total / taskCount
            let states = (0..<share).map { Sample($0) }
            return Session {
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            group.addTask {
                                let own = CheckpointKey(key(task))
                                for state in states { try await log.checkpoint(state, for: own, level: 2) }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(share * taskCount) * 1e6
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                try log.statistics.bytesWritten(perByteOf: Sample.meanByteCount(share))
            }
        }
    }

    private func peer(_ kind: PeerKind, _ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: kind.rawValue, role: .peer) { directory in
            let peer = try kind.open(directory + "/store", .synced)
            let share = total / taskCount
            let values = try (0..<share).map { try Sample.encoded($0) }
            return Session {
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            let own = Array(key(task).utf8)
                            // Threads, not tasks: a call of a peer blocks.
                            group.addTask { try await onThread { for value in values { try peer.put(own, value) } } }
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

    /// What tasks that wait for one another's syncs cost at least: a thread syncs once all have written, and each goes
    /// on by its continuation. No log, and nothing is encoded.
    private func handingOver(_ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: "tasks handing over to a sync", role: .shown) { directory in
            let commit = try GroupCommit(directory + "/file", taskCount: taskCount)
            let value = try Sample.encoded(1)
            let share = total / taskCount
            return Session {
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<taskCount {
                            group.addTask { for _ in 0..<share { try await commit.append(value) } }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(share * taskCount) * 1e6
            } finish: {
                commit.end()
            }
        }
    }

    /// One append to a preallocated file and one `fdatasync`, shared by all tasks.
    private func limit(_ total: Int) -> Contender {
        let taskCount = taskCount
        return Contender(name: "write + fdatasync", role: .limit) { directory in
            let file = try RawFile(directory + "/file", preallocating: 64 << 20)
            let value = try Sample.encoded(1)
            let count = total / taskCount
            return Session {
                let time = try await seconds {
                    for _ in 0..<count {
                        try file.append(value)
                        try file.sync()
                    }
                }
                return time / Double(count * taskCount) * 1e6
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

/// Tasks that append to one file, all of them once for each sync.
private final class GroupCommit: @unchecked Sendable {
    private let file: RawFile
    private let taskCount: Int
    /// Guards the rest.
    private let condition = NSCondition()
    private var waiting: [CheckedContinuation<Void, any Error>] = []
    private var isEnding = false

    init(_ path: String, taskCount: Int) throws {
        file = try RawFile(path, preallocating: 64 << 20)
        self.taskCount = taskCount
        Thread.detachNewThread { [self] in
            while let served = next() {
                let outcome = Result { try file.sync() }
                for continuation in served { continuation.resume(with: outcome) }
            }
        }
    }

    private func next() -> [CheckedContinuation<Void, any Error>]? {
        condition.withLock {
            while waiting.count < taskCount, !isEnding { condition.wait() }
            defer { waiting = [] }
            return isEnding ? nil : waiting
        }
    }

    func append(_ value: [UInt8]) async throws {
        try await withCheckedThrowingContinuation { continuation in
            condition.withLock {
                do {
                    try file.append(value)
                    waiting.append(continuation)
                    if waiting.count == taskCount { condition.signal() }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    func end() {
        condition.withLock {
            isEnding = true
            condition.signal()
        }
        file.close()
    }
}
