import CheckpointLog

/// W8: a training that starts anew and reads its weights, 64 MiB, into a fresh array.
struct RestoreLarge: Workload {
    let name = "restore-large"
    let unit = "GB/s"
    let isRate = true

    private func count(_ isQuick: Bool) -> Int { isQuick ? 1 << 20 : 8 << 20 }

    func summary(isQuick: Bool) -> String { "[Double] of \(count(isQuick) >> 17) MiB into a fresh array" }

    func contenders(isQuick: Bool) -> [Contender] {
        let values = doubles(count: count(isQuick), isNoisy: true, seed: 1)
        let ours = Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory)
            try await log.checkpoint(values, for: "weights")
            return Session {
                var found: [Double]?
                let time = try await seconds { found = try await log.restore([Double].self, for: "weights") }
                guard found == values else { throw PeerFailure("ours gave another array") }
                return Double(values.count * 8) / 1e9 / time
            } finish: {
                try await log.close()
            }
        }
        let peers = [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { kind in
            Contender(name: kind.rawValue, role: .peer) { directory in
                let peer = try kind.open(directory, .written)
                try peer.put(Array("weights".utf8), values.withUnsafeBytes { Array($0) })
                return Session {
                    let time = try await seconds {
                        var buffer = [UInt8](unsafeUninitializedCapacity: values.count * 8) { _, count in count = values.count * 8 }
                        _ = try peer.get(Array("weights".utf8), into: &buffer)
                    }
                    return Double(values.count * 8) / 1e9 / time
                } finish: {
                    peer.close()
                }
            }
        }
        let limit = Contender(name: "memcpy", role: .limit) { _ in
            Session {
                let time = try await seconds {
                    let copy = [Double](unsafeUninitializedCapacity: values.count) { buffer, count in
                        _ = buffer.initialize(from: values)
                        count = values.count
                    }
                    guard copy.count == values.count else { throw PeerFailure("no copy") }
                }
                return Double(values.count * 8) / 1e9 / time
            }
        }
        return [ours] + peers + [limit]
    }
}
