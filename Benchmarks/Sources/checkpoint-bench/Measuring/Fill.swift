import CBOR
import CheckpointLog
import Foundation

/// Writes a store in a process of its own, which may kill itself when it is done.
struct Fill {
    /// "ours", or a peer's name.
    var store: String
    var directory: String
    var records: Int
    var keys: Int
    var isKilled: Bool

    /// Starts the process and waits for its end.
    func runApart() throws {
        let process = Process()
        process.executableURL = ContenderProcess.executable
        process.arguments =
            [
                "probe", "fill", "--store", store, "--directory", directory, "--records", "\(records)", "--keys",
                "\(keys)",
            ]
            + (isKilled ? ["--killed"] : [])
        try process.run()
        process.waitUntilExit()
        let isAsWanted =
            isKilled
            ? process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL
            : process.terminationReason == .exit && process.terminationStatus == 0
        guard isAsWanted else { throw PeerFailure("\(store) was not filled: \(process.terminationStatus)") }
    }

    /// The work of that process.
    func run() async throws {
        if store == "ours" {
            let log = try await CheckpointLog.open(at: directory)
            for number in 0..<records { try log.submit(number, for: CheckpointKey(key(number % keys))) }
            killIfWanted()
            try await log.close()
        } else {
            guard let kind = PeerKind(rawValue: store) else { throw PeerFailure("there is no peer \(store)") }
            let peer = try kind.open(directory, .written)
            let encoder = CBOREncoder()
            for number in 0..<records {
                try peer.put(Array(key(number % keys).utf8), try encoder.encode(number))
            }
            killIfWanted()
            peer.close()
        }
    }

    private func killIfWanted() {
        if isKilled { _ = kill(getpid(), SIGKILL) }
    }
}
