import CMeasure
import CheckpointLog
import Foundation
import Synchronization

/// W9: a service that comes back after a stop, or after a `kill -9`, with a long history over many keys.
///
/// The store is written by a process of its own, which closes it or kills itself after the last record; each round
/// opens a fresh copy, which is on the disk before the clock starts. What an opening after a kill takes depends on how
/// much was appended after the last snapshot of the index, so ours is killed anew for each round, after four to five
/// fifths of the records: the time between two snapshots. RocksDB gets 500,000 records: about half of its write buffer,
/// what a kill leaves in its log on average. LevelDB gets as many, LMDB and SQLite keep no log that an opening replays:
/// printed, not counted.
struct Reopen: Workload {
    let wasKilled: Bool
    let isDistinct: Bool

    var name: String { "reopen-" + (isDistinct ? "distinct-" : "") + (wasKilled ? "killed" : "clean") }
    let unit = "ms"
    var isInShortRun: Bool { wasKilled && !isDistinct }
    let isRate = false

    private func sizes(_ isQuick: Bool) -> (records: Int, keys: Int) {
        let records = isQuick ? 200_000 : 10_000_000
        return (records, isDistinct ? records : records / (isQuick ? 4 : 10))
    }

    func summary(isQuick: Bool) -> String {
        let (records, keys) = sizes(isQuick)
        return "\(records) records over \(keys) keys of 24 bytes, "
            + (wasKilled ? "after kill -9 at four to five fifths of them" : "after a close")
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let (records, keys) = sizes(isQuick)
        let peerRecords = min(records, 500_000)
        let peers: [(PeerKind, Contender.Role)] = [
            (.rocksdb, .peer), (.leveldb, .shown), (.lmdb, .shown), (.sqlite, .shown),
        ]
        return [ours(records, keys)] + peers.map { peer($0, $1, peerRecords, min(keys, peerRecords)) }
            + (isDistinct ? [table(keys)] : [])
    }

    /// What it costs at least to have all keys in memory once more: a slot of 32 bytes for each at a random place, by a
    /// thread for each of two processors. Nothing is read, checked or hashed. A peer whose index is on the disk does
    /// not do this.
    private func table(_ keys: Int) -> Contender {
        Contender(name: "slots filled in memory", role: .shown) { _ in
            Session {
                try await seconds {
                    DispatchQueue.concurrentPerform(iterations: 2) { part in
                        let count = keys / 2
                        // As full as a hash table is at the most.
                        let places = count + count / 3
                        let slots = UnsafeMutablePointer<SIMD4<UInt64>>.allocate(capacity: places)
                        for place in 0..<places { slots[place] = .zero }
                        for number in 0..<count {
                            let hash = UInt64(number * 2 + part) &* 0x9E37_79B9_7F4A_7C15
                            let place = Int(hash.multipliedFullWidth(by: UInt64(places)).high)
                            slots[place] = SIMD4(hash, ~hash, UInt64(number), 1)
                        }
                        slots.deallocate()
                    }
                } * 1e3
            }
        }
    }

    private func ours(_ records: Int, _ keys: Int) -> Contender {
        Contender(name: "ours", role: .ours) { [self] directory in
            let (original, image) = (directory + "/log", directory + "/copy")
            if !wasKilled { try fill(original, records, keys) }
            let round = Atomic(0)
            return Session {
                var (records, keys) = (records, keys)
                if wasKilled {
                    // Five rounds have each part once; the warming up has all records.
                    let part = 16 + (round.add(1, ordering: .relaxed).oldValue + 4) % 5
                    records = records / 20 * part
                    if isDistinct { keys = records }
                    try? FileManager.default.removeItem(atPath: original)
                    try fill(original, records, keys)
                }
                try Self.copy(original, to: image)
                var opened: CheckpointLog?
                let time = try await seconds { opened = try await CheckpointLog.open(at: image) }
                for number in [0, keys / 2, keys - 1] {
                    let newest = (records - 1 - number) / keys * keys + number
                    guard try await opened?.restore(Int.self, for: CheckpointKey(key(number))) == newest else {
                        throw PeerFailure("ours lost the newest of key \(number)")
                    }
                }
                try await opened?.close()
                return time * 1e3
            }
        }
    }

    private func fill(_ directory: String, _ records: Int, _ keys: Int) throws {
        try Fill(store: "ours", directory: directory, records: records, keys: keys, isKilled: wasKilled).runApart()
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ records: Int, _ keys: Int) -> Contender {
        let wasKilled = wasKilled
        return Contender(name: kind.rawValue, role: role) { directory in
            let (original, image) = (directory + "/store", directory + "/copy")
            try Fill(store: kind.rawValue, directory: original, records: records, keys: keys, isKilled: wasKilled)
                .runApart()
            return Session {
                try Self.copy(original, to: image)
                var opened: (any Peer)?
                let time = try await seconds { opened = try kind.open(image, .written) }
                opened?.close()
                return time * 1e3
            }
        }
    }

    /// A copy with blocks of its own, on the disk.
    private static func copy(_ source: String, to target: String) throws {
        try? FileManager.default.removeItem(atPath: target)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/cp")
        process.arguments = ["-a", "--sparse=auto", source, target]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw PeerFailure("cp failed") }
        guard measure_sync_file_system(target) == 0 else { throw PeerFailure("the copy was not synced") }
    }
}
