import CheckpointLog

/// W1, W2: a simulation that hands over a small state after every step, under many keys in turn, and must not lose it to a kill.
struct SmallWritten: Workload {
    let taskCount: Int

    var name: String { taskCount == 1 ? "small-written" : "small-written-\(taskCount)" }
    let unit = "µs"
    let isRate = false
    private let keyCount = 10_000

    private func count(_ isQuick: Bool) -> Int { isQuick ? 20_000 : 200_000 }

    func summary(isQuick: Bool) -> String {
        "\(count(isQuick)) checkpoints of a struct of 9 fields under \(keyCount) keys, \(taskCount) tasks, safe from kill -9"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let total = count(isQuick)
        var contenders = [ours(total)]
        if taskCount == 1 {
            contenders += [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { peer($0, total) }
            contenders.append(Contender(name: "lmdb-writemap", role: .shown, prepare: peer(.lmdbWriteMap, total).prepare))
            contenders.append(Contender(name: "json", role: .peer, prepare: peer(.json, total / 20).prepare))
            contenders.append(limit(total))
        } else {
            contenders.append(Contender(name: "one task", role: .limit, prepare: SmallWritten(taskCount: 1).ours(total).prepare))
        }
        return contenders
    }

    private func ours(_ total: Int) -> Contender {
        let (keyCount, taskCount) = (keyCount, taskCount)
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory)
            let keys = (0..<keyCount).map { CheckpointKey(key($0)) }
            return Session {
                let share = total / taskCount
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            group.addTask {
                                for number in task * share..<(task + 1) * share {
                                    try await log.checkpoint(Sample(number), for: keys[number % keyCount])
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                let statistics = log.statistics
                return Double(statistics.frameByteCount) / Double(statistics.recordCount * Sample.encoded(1).count)
            }
        }
    }

    private func peer(_ kind: PeerKind, _ total: Int) -> Contender {
        let keyCount = keyCount
        return Contender(name: kind.rawValue, role: .peer) { directory in
            let peer = try kind.open(directory, .written)
            let keys = (0..<keyCount).map { Array((kind == .json ? "k\($0)" : key($0)).utf8) }
            let values = (0..<keyCount).map { Sample.encoded($0) }
            return Session {
                let time = try await seconds {
                    for number in 0..<total { try peer.put(keys[number % keyCount], values[number % keyCount]) }
                }
                return time / Double(total) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    /// One `write` of the same bytes for each.
    private func limit(_ total: Int) -> Contender {
        Contender(name: "write", role: .limit) { directory in
            let file = try RawFile(directory)
            let value = Sample.encoded(1)
            return Session {
                let time = try await seconds { for _ in 0..<total { try file.append(value) } }
                file.rewind()
                return time / Double(total) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}
