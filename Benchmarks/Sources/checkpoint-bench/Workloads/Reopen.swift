import CheckpointLog
import Foundation

/// W9: a service that comes back after a stop, or after a kill, with a long history over many keys.
struct Reopen: Workload {
    let wasKilled: Bool

    var name: String { wasKilled ? "reopen-killed" : "reopen-clean" }
    let unit = "ms"
    let isRate = false

    private func sizes(_ isQuick: Bool) -> (records: Int, keys: Int) { isQuick ? (200_000, 50_000) : (10_000_000, 1_000_000) }

    func summary(isQuick: Bool) -> String {
        "\(sizes(isQuick).records) records over \(sizes(isQuick).keys) keys, " + (wasKilled ? "after a kill" : "after a close")
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let (records, keys) = sizes(isQuick)
        let wasKilled = wasKilled
        let ours = Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory)
            for number in 0..<records { try log.submit(number, for: CheckpointKey(key(number % keys))) }
            try await leave(log, wasKilled)
            return Session {
                let image = directory + "-copy"
                try? FileManager.default.removeItem(atPath: image)
                try copy(directory, to: image)
                var opened: CheckpointLog?
                let time = try await seconds { opened = try await CheckpointLog.open(at: image) }
                guard try await opened?.restore(Int.self, for: CheckpointKey(key(keys - 1))) != nil else {
                    throw PeerFailure("ours lost a key")
                }
                try await opened?.close()
                return time * 1e3
            }
        }
        let rocks = Contender(name: PeerKind.rocksdb.rawValue, role: .peer) { directory in
            let peer = try PeerKind.rocksdb.open(directory, .written)
            // As many as its write-ahead log holds after a kill: a fair replay, and a fraction of ours.
            for number in 0..<min(records, 500_000) { try peer.put(Array(key(number % keys).utf8), Array("\(number)".utf8)) }
            peer.close()
            return Session {
                var opened: (any Peer)?
                let time = try await seconds { opened = try PeerKind.rocksdb.open(directory, .written) }
                opened?.close()
                return time * 1e3
            }
        }
        return [ours, rocks]
    }
}

/// A copy with its own blocks, so that each opening meets the same state.
private func copy(_ source: String, to target: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/cp")
    process.arguments = ["-a", "--sparse=auto", source, target]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw PeerFailure("cp failed") }
}

/// Closes the log, or drops it as a kill does: everything written is there, and nothing was sealed or summed up at the end.
private func leave(_ log: consuming CheckpointLog, _ wasKilled: Bool) async throws {
    if wasKilled { try await log.save() } else { try await log.close() }
}
