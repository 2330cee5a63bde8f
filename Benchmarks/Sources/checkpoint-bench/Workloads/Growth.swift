import CheckpointLog
import Foundation

/// W14: a fleet that grows: what a checkpoint and a restore cost as the keys become many. As `small-written` (in turn)
/// and `restore-small` (raw bytes, random keys) do it.
///
/// The figure is the time at the most keys ÷ the time at a hundredth of them. The details have the time at each number
/// of keys, in µs.
struct Growth: Workload {
    let isWriting: Bool

    var name: String { isWriting ? "growth-written" : "growth-restore" }
    let unit = "×"
    var isInShortRun: Bool { false }
    let isRate = false

    private static let count = 100_000

    private func sizes(_ isQuick: Bool) -> [Int] {
        isQuick ? [100, 1_000, 10_000, 100_000] : [10_000, 100_000, 1_000_000, 10_000_000]
    }

    func summary(isQuick: Bool) -> String {
        let sizes = sizes(isQuick)
        return """
            \(Self.count) \(isWriting ? "checkpoints" : "restores") at \
            \(sizes.map(String.init).joined(separator: ", ")) keys; time at \(sizes[3]) ÷ time at \(sizes[1])
            """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let sizes = sizes(isQuick)
        return [ours(sizes), lmdb(sizes)]
    }

    /// Which keys are used in one measurement, the `turn`th.
    private func choice(_ keyCount: Int, _ turn: Int) -> [Int] {
        if isWriting { return (0..<Self.count).map { (turn * Self.count + $0) % keyCount } }
        var generator = SeededGenerator(UInt64(turn))
        return (0..<Self.count).map { _ in Int.random(in: 0..<keyCount, using: &generator) }
    }

    private func measurement(_ sizes: [Int], _ times: [Double]) -> Measurement {
        let figures = times.map { $0 / Double(Self.count) * 1e6 }
        return Measurement(
            value: figures[3] / figures[1],
            details: Dictionary(uniqueKeysWithValues: zip(sizes.map { "\($0) keys" }, figures)))
    }

    private func ours(_ sizes: [Int]) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            var logs: [CheckpointLog] = []
            let states = (0..<10_000).map { Sample($0) }
            for size in sizes {
                let path = "\(directory)/\(size)"
                let filling = try await CheckpointLog.open(at: path)
                for number in 0..<size { try filling.submit(states[number % 10_000], for: CheckpointKey(key(number))) }
                try await filling.close()
                logs.append(try await CheckpointLog.open(at: path))
            }
            let turn = Turn()
            return Session(measuring: { [logs] in
                var times: [Double] = []
                for (log, size) in zip(logs, sizes) {
                    let keys = choice(size, turn.number).map { CheckpointKey(key($0)) }
                    times.append(
                        try await seconds {
                            if isWriting {
                                for index in 0..<Self.count {
                                    try await log.checkpoint(states[index % 10_000], for: keys[index])
                                }
                            } else {
                                for key in keys {
                                    guard try await log.restoreBytes(for: key, level: 1) != nil else {
                                        throw PeerFailure("ours lost a key")
                                    }
                                }
                            }
                        })
                }
                turn.number += 1
                return measurement(sizes, times)
            }) { [logs] in
                for log in logs { try await log.close() }
            }
        }
    }

    private func lmdb(_ sizes: [Int]) -> Contender {
        Contender(name: "lmdb", role: .peer) { directory in
            let values = try (0..<10_000).map { try Sample.encoded($0) }
            let stores = try sizes.map { size in
                let store = try PeerKind.lmdb.open("\(directory)/\(size)", .written)
                try store.load(count: size) { (Array(key($0).utf8), values[$0 % 10_000]) }
                return store
            }
            let turn = Turn()
            return Session(measuring: {
                var times: [Double] = []
                for (store, size) in zip(stores, sizes) {
                    let keys = choice(size, turn.number).map { Array(key($0).utf8) }
                    times.append(
                        try await seconds {
                            if isWriting {
                                for index in 0..<Self.count { try store.put(keys[index], values[index % 10_000]) }
                            } else {
                                try withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { buffer in
                                    for key in keys { _ = try store.get(key, into: buffer) }
                                }
                            }
                        })
                }
                turn.number += 1
                return measurement(sizes, times)
            }) {
                for store in stores { store.close() }
            }
        }
    }

    /// Used by the one task that measures.
    private final class Turn: @unchecked Sendable {
        var number = 0
    }
}
