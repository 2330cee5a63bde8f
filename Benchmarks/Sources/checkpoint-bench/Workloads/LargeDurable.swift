import CheckpointLog
import Foundation

/// W5: a training loop that keeps its weights, 64 MiB of doubles, safe from power loss.
struct LargeDurable: Workload {
    let isNoisy: Bool

    var name: String { isNoisy ? "large-durable-noisy" : "large-durable-smooth" }
    let unit = "GB/s"
    var isInShortRun: Bool { isNoisy }
    let isRate = true

    private func count(_ isQuick: Bool) -> Int { isQuick ? 1 << 20 : 8 << 20 }

    func summary(isQuick: Bool) -> String {
        """
        [Double] of \(count(isQuick) >> 17) MiB, \(isNoisy ? "which does not compress" : "which compresses well"), \
        synced before it returns
        """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = count(isQuick)
        return [ours(count)]
            + [PeerKind.lmdb, .lmdbWriteMap, .rocksdb, .leveldb, .sqlite].map { peer($0, count) }
            + [overwriting(count), limit(count)]
    }

    private func values(_ count: Int) -> [Double] { doubles(count: count, isNoisy: isNoisy, seed: 1) }

    private func ours(_ count: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            var configuration = Configuration()
            configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(1))
            let log = try await CheckpointLog.open(at: directory + "/log", configuration: configuration)
            let values = values(count)
            return Session {
                Double(count * 8) / 1e9
                    / (try await seconds { try await log.checkpoint(values, for: "weights", level: 2) })
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                log.statistics.bytesWritten(perByteOf: Double(count * 8))
            }
        }
    }

    private func peer(_ kind: PeerKind, _ count: Int) -> Contender {
        Contender(name: kind.rawValue, role: .peer) { directory in
            let peer = try kind.open(directory + "/store", .synced, byteCount: count * 8)
            let bytes = values(count).withUnsafeBytes { Array($0) }
            return Session {
                Double(bytes.count) / 1e9 / (try await seconds { try peer.put(Array("weights".utf8), bytes) })
            } finish: {
                peer.close()
            }
        }
    }

    /// Direct writes of 1 MiB to a new preallocated file, and its sync.
    private func limit(_ count: Int) -> Contender {
        Contender(name: "direct write", role: .limit) { directory in
            let bytes = try AlignedBytes(values(count))
            return Session {
                let path = directory + "/file"
                unlink(path)
                return Double(bytes.buffer.count) / 1e9
                    / (try await seconds {
                        let file = try RawFile(path, isDirect: true, preallocating: bytes.buffer.count)
                        try Self.write(bytes.buffer, to: file)
                        file.close()
                    })
            }
        }
    }

    /// The same over blocks that were written before, as LMDB does: what new blocks cost on this disk shows between the
    /// two.
    private func overwriting(_ count: Int) -> Contender {
        Contender(name: "direct write over the same blocks", role: .shown) { directory in
            let bytes = try AlignedBytes(values(count))
            let file = try RawFile(directory + "/file", isDirect: true, preallocating: bytes.buffer.count)
            return Session {
                Double(bytes.buffer.count) / 1e9
                    / (try await seconds {
                        file.rewind()
                        try Self.write(bytes.buffer, to: file)
                    })
            } finish: {
                file.close()
            }
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to file: RawFile) throws {
        for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
            let end = min(start + 1 << 20, bytes.count)
            try file.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        }
        try file.sync()
    }

    /// Memory that direct writing takes.
    private final class AlignedBytes: @unchecked Sendable {
        // Written in the initialiser alone, and kept to the end of the process.
        let buffer: UnsafeRawBufferPointer

        init(_ values: [Double]) throws {
            var pointer: UnsafeMutableRawPointer?
            let byteCount = values.count * 8
            guard posix_memalign(&pointer, 4_096, byteCount) == 0, let pointer else { throw PeerFailure("no memory") }
            values.withUnsafeBytes { source in
                if let start = source.baseAddress { pointer.copyMemory(from: start, byteCount: byteCount) }
            }
            buffer = UnsafeRawBufferPointer(start: pointer, count: byteCount)
        }
    }
}
