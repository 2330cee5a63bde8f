import CheckpointLog

/// A job that reads several keys of one moment while it goes on: a snapshot, a checkpoint that it must not see, 16
/// restores from the snapshot, and its end.
///
/// LMDB reads its map, which is no call of the system at all, and is printed without being counted, as for single
/// restores. The checkpoint comes while the snapshot is open, since that is when ours pays for it: the first change of
/// a part of the index copies that part.
struct SnapshotRestore: Workload {
    let name = "snapshot-restore"
    let unit = "µs"
    let isRate = false

    private static let rounds = 2_000
    private static let restores = 16

    private func keys(_ isQuick: Bool) -> Int { isQuick ? 10_000 : 100_000 }

    func summary(isQuick: Bool) -> String {
        "a snapshot, a checkpoint, \(Self.restores) restores of \(keys(isQuick)) keys from it"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let keyCount = keys(isQuick)
        return [ours(keyCount), peer(.rocksdb, .peer, keyCount), peer(.lmdb, .shown, keyCount)]
    }

    /// Which keys are asked for in one measurement.
    private static func choice(_ keyCount: Int) -> [Int] {
        var generator = SeededGenerator(9)
        return (0..<rounds * (restores + 1)).map { _ in Int.random(in: 0..<keyCount, using: &generator) }
    }

    private func ours(_ keyCount: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            for number in 0..<keyCount { try log.submit(Sample(number), for: CheckpointKey(key(number))) }
            try await log.save()
            let keys = Self.choice(keyCount).map { CheckpointKey(key($0)) }
            let value = Sample(7)
            return Session {
                var found = 0
                let time = try await seconds {
                    for round in 0..<Self.rounds {
                        let keys = keys[round * (Self.restores + 1)..<(round + 1) * (Self.restores + 1)]
                        let snapshot = try await log.snapshot()
                        try await log.checkpoint(value, for: keys[keys.startIndex])
                        for key in keys.dropFirst() {
                            found += try await snapshot.restoreBytes(for: key, level: 1)?.count ?? 0
                        }
                    }
                }
                guard found >= Self.rounds * Self.restores * 4 else { throw PeerFailure("ours gave too little") }
                return time / Double(Self.rounds) * 1e6
            } finish: {
                try await log.close()
            }
        }
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ keyCount: Int) -> Contender {
        Contender(name: kind.rawValue, role: role) { directory in
            let peer = try kind.open(directory + "/store", .written)
            let values = try (0..<keyCount).map { try Sample.encoded($0) }
            try peer.load(count: keyCount) { (Array(key($0).utf8), values[$0]) }
            let keys = Self.choice(keyCount).map { Array(key($0).utf8) }
            let value = try Sample.encoded(7)
            return Session {
                let time = try await seconds {
                    try withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { buffer in
                        for round in 0..<Self.rounds {
                            let keys = keys[round * (Self.restores + 1)..<(round + 1) * (Self.restores + 1)]
                            try peer.withSnapshot { get in
                                try peer.put(keys[keys.startIndex], value)
                                for key in keys.dropFirst() where try get(key, buffer) == 0 {
                                    throw PeerFailure("the value is empty")
                                }
                            }
                        }
                    }
                }
                return time / Double(Self.rounds) * 1e6
            } finish: {
                peer.close()
            }
        }
    }
}
