import CheckpointLog
import Foundation

/// W7: a worker that starts anew and asks for the newest state of one key among many.
struct RestoreSmall: Workload {
    let keyCount: Int
    let isDecoded: Bool

    var name: String { "restore-small-\(isDecoded ? "decoded" : "raw")-\(keyCount == 10_000 ? "10k" : "1m")" }
    let unit = "µs"
    let isRate = false

    private func keys(_ isQuick: Bool) -> Int { isQuick ? min(keyCount, 100_000) : keyCount }

    func summary(isQuick: Bool) -> String {
        "random keys of \(keys(isQuick)), " + (isDecoded ? "decoded to the struct" : "the bytes alone")
    }

    private static let count = 50_000

    func contenders(isQuick: Bool) -> [Contender] {
        let keyCount = keys(isQuick)
        var contenders = [ours(keyCount)]
        guard !isDecoded else { return contenders }
        // LMDB reads its map: printed, not counted. LevelDB counts at a million keys.
        contenders.append(peer(.lmdb, .shown, keyCount))
        contenders.append(peer(.leveldb, self.keyCount > 10_000 ? .peer : .shown, keyCount))
        contenders.append(peer(.rocksdb, .peer, keyCount))
        contenders.append(peer(.sqlite, .peer, keyCount))
        contenders.append(limit(keyCount))
        return contenders
    }

    private func ours(_ keyCount: Int) -> Contender {
        let isDecoded = isDecoded
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory)
            let keys = (0..<keyCount).map { CheckpointKey(key($0)) }
            for number in 0..<keyCount { try log.submit(Sample(number), for: keys[number]) }
            return Session {
                var generator = SeededGenerator(9)
                var found = 0
                let time = try await seconds {
                    for _ in 0..<Self.count {
                        let key = keys[Int.random(in: 0..<keyCount, using: &generator)]
                        if isDecoded {
                            found += try await log.restore(Sample.self, for: key, level: 1)?.weights.count ?? 0
                        } else {
                            found += try await log.restoreBytes(for: key, level: 1)?.count ?? 0
                        }
                    }
                }
                guard found >= Self.count else { throw PeerFailure("ours gave too little") }
                return time / Double(Self.count) * 1e6
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ keyCount: Int) -> Contender {
        Contender(name: kind.rawValue, role: role) { directory in
            let peer = try kind.open(directory, .written)
            let keys = (0..<keyCount).map { Array(key($0).utf8) }
            for number in 0..<keyCount { try peer.put(keys[number], Sample.encoded(number)) }
            return Session {
                var generator = SeededGenerator(9)
                var buffer = [UInt8](repeating: 0, count: 4_096)
                let time = try await seconds {
                    for _ in 0..<Self.count {
                        _ = try peer.get(keys[Int.random(in: 0..<keyCount, using: &generator)], into: &buffer)
                    }
                }
                return time / Double(Self.count) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    private func limit(_ keyCount: Int) -> Contender {
        Contender(name: "pread", role: .limit) { directory in
            let file = try RawFile(directory)
            let frame = [UInt8](repeating: 7, count: 208)
            for _ in 0..<keyCount { try file.append(frame) }
            return Session {
                var generator = SeededGenerator(9)
                let time = try await seconds {
                    try withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { buffer in
                        for _ in 0..<Self.count {
                            let number = Int.random(in: 0..<keyCount, using: &generator)
                            try file.read(208, at: number * 208, into: buffer)
                        }
                    }
                }
                return time / Double(Self.count) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}
