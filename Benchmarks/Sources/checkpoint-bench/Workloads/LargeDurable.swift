import CheckpointLog
import Foundation

/// W5: a training loop that keeps its weights, 64 MiB of doubles, safe from power loss.
struct LargeDurable: Workload {
    let isNoisy: Bool

    var name: String { isNoisy ? "large-durable-noisy" : "large-durable-smooth" }
    let unit = "GB/s"
    let isRate = true

    private func count(_ isQuick: Bool) -> Int { isQuick ? 1 << 20 : 8 << 20 }

    func summary(isQuick: Bool) -> String { "[Double] of \(count(isQuick) >> 17) MiB, synced before it returns" }

    func contenders(isQuick: Bool) -> [Contender] {
        let values = doubles(count: count(isQuick), isNoisy: isNoisy, seed: 1)
        return [ours(values)] + [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { peer($0, values) } + [limit(values)]
    }

    private func ours(_ values: [Double]) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            var configuration = Configuration()
            configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(1))
            let log = try await CheckpointLog.open(at: directory, configuration: configuration)
            return Session {
                Double(values.count * 8) / 1e9
                    / (try await seconds { try await log.checkpoint(values, for: "weights", level: 2) })
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ values: [Double]) -> Contender {
        Contender(name: kind.rawValue, role: .peer) { directory in
            let peer = try kind.open(directory, .synced)
            let bytes = values.withUnsafeBytes { Array($0) }
            return Session {
                Double(bytes.count) / 1e9 / (try await seconds { try peer.put(Array("weights".utf8), bytes) })
            } finish: {
                peer.close()
            }
        }
    }

    /// Direct writes of 1 MiB to a new preallocated file, and its sync.
    private func limit(_ values: [Double]) -> Contender {
        Contender(name: "direct write", role: .limit) { directory in
            var pointer: UnsafeMutableRawPointer?
            guard posix_memalign(&pointer, 4_096, values.count * 8) == 0, let pointer else { throw PeerFailure("no memory") }
            values.withUnsafeBytes { pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: $0.count) }
            nonisolated(unsafe) let bytes = UnsafeRawBufferPointer(start: pointer, count: values.count * 8)
            return Session {
                unlink(directory)
                return Double(bytes.count) / 1e9
                    / (try await seconds {
                        let file = try RawFile(directory, flags: RawFile.direct, preallocating: bytes.count)
                        for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
                            try file.append(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 20, bytes.count)]))
                        }
                        try file.sync()
                        file.close()
                    })
            }
        }
    }
}
