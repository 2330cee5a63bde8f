import CBOR
import CheckpointLog
import Foundation

/// W15: a solver that hands over its field, 32 KiB to 64 MiB of doubles that do not compress, after every step, and
/// must not lose it to a kill.
struct MediumWritten: Workload {
    let byteCount: Int

    var name: String { "medium-written-" + (byteCount < 1 << 20 ? "\(byteCount >> 10)k" : "\(byteCount >> 20)m") }
    let unit = "µs"
    var isInShortRun: Bool { byteCount == 32 << 10 }
    let isRate = false

    private static let keyCount = 16

    /// So many that a round takes about half a second.
    private func count(_ isQuick: Bool) -> Int { max(4, (isQuick ? 32 << 20 : 512 << 20) / byteCount) }

    func summary(isQuick: Bool) -> String {
        """
        \(count(isQuick)) checkpoints of [Double] of \(byteCount >> 10) KiB, \(keyCount) keys in turn, safe from \
        kill -9
        """
    }

    /// Two of the largest values, so that they fit into memory.
    private var keyCount: Int { byteCount < 4 << 20 ? Self.keyCount : 2 }

    func contenders(isQuick: Bool) -> [Contender] {
        let total = count(isQuick)
        return [ours(total)] + [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { peer($0, .peer, total) }
            + [peer(.lmdbWriteMap, .shown, total), floor(total), synced(total), limit(total)]
    }

    private func values(_ key: Int) -> [Double] { doubles(count: byteCount / 8, isNoisy: true, seed: UInt64(key)) }

    private func ours(_ total: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            let keys = (0..<keyCount).map { CheckpointKey(key($0)) }
            let fields = (0..<keyCount).map { values($0) }
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        try await log.checkpoint(fields[number % keys.count], for: keys[number % keys.count])
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                log.statistics.bytesWritten(perByteOf: Double(byteCount))
            }
        }
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ total: Int) -> Contender {
        Contender(name: kind.rawValue, role: role) { directory in
            let peer = try kind.open(directory + "/store", .written, byteCount: byteCount * keyCount)
            let keys = (0..<keyCount).map { Array(key($0).utf8) }
            let fields = (0..<keyCount).map { number in values(number).withUnsafeBytes { Array($0) } }
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        try peer.put(keys[number % keys.count], fields[number % keys.count])
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    /// What appending costs at least: the encoding, and one `write` of its bytes to where nothing was written before. A
    /// log has also checksums to make, and files to make and to remove, which is not timed here.
    ///
    /// LMDB has not: it writes to the same pages of the page cache again and again, and checks nothing.
    private func floor(_ total: Int) -> Contender {
        Contender(name: "encode and write to fresh pages", role: .shown) { directory in
            let buffer = CBOREncodingBuffer()
            let field = values(1)
            let perFile = max(1, (64 << 20) / byteCount)
            return Session {
                let paths = (0...(total - 1) / perFile).map { directory + "/fresh-\($0)" }
                // The encoding of an array of doubles is a few bytes longer than they are.
                let files = try paths.map { try RawFile($0, preallocating: perFile * (byteCount + 64)) }
                let time = try await seconds {
                    for number in 0..<total {
                        buffer.removeAll()
                        try buffer.encode(field)
                        try files[number / perFile].append(buffer.bytes)
                    }
                }
                for file in files { file.close() }
                for path in paths { try FileManager.default.removeItem(atPath: path) }
                return time / Double(total) * 1e6
            }
        }
    }

    /// As ``floor(_:)``, and each full file is synced behind. LMDB without syncs does not outlive a power cut.
    private func synced(_ total: Int) -> Contender {
        Contender(name: "the same, each file synced", role: .shown) { directory in
            let buffer = CBOREncodingBuffer()
            let field = values(1)
            let files = SyncedFiles(directory)
            return Session {
                let time = try await seconds {
                    for _ in 0..<total {
                        buffer.removeAll()
                        try buffer.encode(field)
                        try files.append(buffer.bytes)
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                files.close()
            }
        }
    }

    /// The encoding, and one `write` of its bytes over those of the round before.
    private func limit(_ total: Int) -> Contender {
        Contender(name: "encode and write", role: .limit) { directory in
            let file = try RawFile(directory + "/file")
            let buffer = CBOREncodingBuffer()
            let field = values(1)
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        // As much of a file as a segment is.
                        if number % max(1, (64 << 20) / byteCount) == 0 { file.rewind() }
                        buffer.removeAll()
                        try buffer.encode(field)
                        try file.append(buffer.bytes)
                    }
                }
                file.rewind()
                return time / Double(total) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}
