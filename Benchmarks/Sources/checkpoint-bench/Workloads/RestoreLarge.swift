import CheckpointLog

/// W8: a training that starts anew and reads its weights, 64 MiB, into a fresh array.
///
/// Peers read into fresh memory as well. Every size is over 32 MiB: the C library's allocator maps those anew each
/// time, and smaller ones would come back with pages that were touched already.
struct RestoreLarge: Workload {
    let name = "restore-large"
    let unit = "GB/s"
    let isRate = true

    private func count(_ isQuick: Bool) -> Int { isQuick ? 5 << 20 : 8 << 20 }

    func summary(isQuick: Bool) -> String { "[Double] of \(count(isQuick) >> 17) MiB into a fresh array" }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = count(isQuick)
        return [ours(count)] + [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { peer($0, count) } + [limit(count)]
    }

    private static func values(_ count: Int) -> [Double] { doubles(count: count, isNoisy: true, seed: 1) }

    private func ours(_ count: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            let values = Self.values(count)
            let filling = try await CheckpointLog.open(at: directory + "/log")
            try await filling.checkpoint(values, for: "weights")
            try await filling.close()
            let log = try await CheckpointLog.open(at: directory + "/log")
            return Session {
                var found: [Double]?
                let time = try await seconds { found = try await log.restore([Double].self, for: "weights") }
                guard found == values else { throw PeerFailure("ours gave another array") }
                return Double(count * 8) / 1e9 / time
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ count: Int) -> Contender {
        Contender(name: kind.rawValue, role: .peer) { directory in
            let name = Array("weights".utf8)
            let filling = try kind.open(directory + "/store", .written, byteCount: count * 8)
            try filling.put(name, Self.values(count).withUnsafeBytes { Array($0) })
            filling.close()
            let peer = try kind.open(directory + "/store", .written, byteCount: count * 8)
            return Session {
                var found: FreshBytes?
                let time = try await seconds { found = try peer.getFresh(name, byteCount: count * 8) }
                guard found?.byteCount == count * 8 else { throw PeerFailure("\(kind.rawValue) gave another length") }
                return Double(count * 8) / 1e9 / time
            } finish: {
                peer.close()
            }
        }
    }

    private func limit(_ count: Int) -> Contender {
        Contender(name: "memcpy", role: .limit) { _ in
            let values = Self.values(count)
            return Session {
                var copy: [Double] = []
                let time = await seconds {
                    copy = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
                        _ = buffer.initialize(from: values)
                        filled = count
                    }
                }
                guard copy.count == count else { throw PeerFailure("no copy") }
                return Double(count * 8) / 1e9 / time
            }
        }
    }
}
