import CBOR
import CheckpointLog
import Foundation

/// W7: a worker that starts anew and asks for the newest state of one key among many.
///
/// The stores are closed after they are filled and opened again. LMDB reads its map, which is no call of the system at
/// all, and is printed without being counted; so is LevelDB where all keys fit into its cache. Decoded, the limit is
/// our own raw bytes.
struct RestoreSmall: Workload {
    let keyCount: Int
    let isDecoded: Bool

    var name: String { "restore-small-\(isDecoded ? "decoded" : "raw")-\(keyCount == 10_000 ? "10k" : "1m")" }
    let unit = "µs"
    var isInShortRun: Bool { keyCount == 10_000 }
    let isRate = false

    private static let count = 100_000

    private func keys(_ isQuick: Bool) -> Int { isQuick ? min(keyCount, 100_000) : keyCount }

    func summary(isQuick: Bool) -> String {
        "\(Self.count) random keys of \(keys(isQuick)), \(isDecoded ? "decoded to the struct" : "the bytes alone")"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let keyCount = keys(isQuick)
        guard !isDecoded else {
            let raw = RestoreSmall(keyCount: self.keyCount, isDecoded: false).ours(keyCount)
            return [
                ours(keyCount), Contender(name: "raw bytes", role: .limit, prepare: raw.prepare), decoding(keyCount),
            ]
        }
        return [
            ours(keyCount), peer(.lmdb, .shown, keyCount),
            peer(.leveldb, self.keyCount > 10_000 ? .peer : .shown, keyCount),
            peer(.rocksdb, .peer, keyCount), peer(.sqlite, .peer, keyCount), floor(keyCount), limit(keyCount),
        ]
    }

    /// Which keys are asked for in one measurement.
    private static func choice(_ keyCount: Int) -> [Int] {
        var generator = SeededGenerator(9)
        return (0..<count).map { _ in Int.random(in: 0..<keyCount, using: &generator) }
    }

    private func ours(_ keyCount: Int) -> Contender {
        let isDecoded = isDecoded
        return Contender(name: "ours", role: .ours) { directory in
            let filling = try await CheckpointLog.open(at: directory + "/log")
            for number in 0..<keyCount { try filling.submit(Sample(number), for: CheckpointKey(key(number))) }
            try await filling.close()
            let log = try await CheckpointLog.open(at: directory + "/log")
            let keys = Self.choice(keyCount).map { CheckpointKey(key($0)) }
            return Session {
                var found = 0
                let time = try await seconds {
                    if isDecoded {
                        for key in keys {
                            found += try await log.restore(Sample.self, for: key, level: 1)?.weights.count ?? 0
                        }
                    } else {
                        for key in keys { found += try await log.restoreBytes(for: key, level: 1)?.count ?? 0 }
                    }
                }
                guard found >= Self.count * 4 else { throw PeerFailure("ours gave too little") }
                return time / Double(Self.count) * 1e6
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ keyCount: Int) -> Contender {
        Contender(name: kind.rawValue, role: role) { directory in
            let filling = try kind.open(directory + "/store", .written)
            let values = try (0..<keyCount).map { try Sample.encoded($0) }
            try filling.load(count: keyCount) { (Array(key($0).utf8), values[$0]) }
            filling.close()
            let peer = try kind.open(directory + "/store", .written)
            let keys = Self.choice(keyCount).map { Array(key($0).utf8) }
            return Session {
                let time = try await seconds {
                    try withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { buffer in
                        for key in keys where try peer.get(key, into: buffer) == 0 {
                            throw PeerFailure("the value is empty")
                        }
                    }
                }
                return time / Double(Self.count) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    /// A bare warm `pread` of as many bytes as a frame of ours has.
    private func limit(_ keyCount: Int) -> Contender {
        reads("pread", .limit, keyCount) { file, place, buffer in try file.read(buffer.count, at: place, into: buffer) }
    }

    /// A read that may not wait for the disk, since a task's thread makes it, and an array for what it gives. No key is
    /// looked for, and nothing is checked.
    private func floor(_ keyCount: Int) -> Contender {
        reads("read that may not wait, into an array", .shown, keyCount) { file, place, buffer in
            try file.readIfCached(buffer.count, at: place, into: buffer)
            if Array(buffer[64...]).isEmpty { throw PeerFailure("the value is empty") }
        }
    }

    /// As many values decoded from memory, in the same order. The codec's own row decodes one value again and again,
    /// which then lies in the processor's nearest cache.
    private func decoding(_ keyCount: Int) -> Contender {
        Contender(name: "decoding alone", role: .shown) { _ in
            let values = try (0..<keyCount).map { try Sample.encoded($0) }
            let choice = Self.choice(keyCount)
            return Session {
                var found = 0
                let time = try await seconds {
                    for number in choice {
                        found += try CBORDecoder().decode(Sample.self, from: values[number]).weights.count
                    }
                }
                guard found == choice.count * 4 else { throw PeerFailure("a value was decoded wrongly") }
                return time / Double(choice.count) * 1e6
            }
        }
    }

    private func reads(
        _ name: String, _ role: Contender.Role, _ keyCount: Int,
        _ read: @escaping @Sendable (RawFile, Int, UnsafeMutableRawBufferPointer) throws -> Void
    ) -> Contender {
        Contender(name: name, role: role) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            for number in 0..<100 { try log.submit(Sample(number), for: CheckpointKey(key(number))) }
            let frameByteCount = log.statistics.frameByteCount / log.statistics.frameCount
            try await log.close()
            let file = try RawFile(directory + "/file")
            let frame = [UInt8](repeating: 7, count: frameByteCount)
            for _ in 0..<keyCount { try file.append(frame) }
            let places = Self.choice(keyCount).map { $0 * frameByteCount }
            return Session {
                let time = try await seconds {
                    try withUnsafeTemporaryAllocation(byteCount: frameByteCount, alignment: 8) { buffer in
                        for place in places { try read(file, place, buffer) }
                    }
                }
                return time / Double(Self.count) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}
