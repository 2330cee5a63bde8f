import ArgumentParser
import CheckpointLog
import Foundation

/// Starts the tree, kills it from the bottom up, and shows who restored what from where.
struct DriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drive", abstract: "Kills the tree and starts it anew from the top's directory alone.",
        discussion: "Exit codes: 0 every claim holds; 1 one does not; 64 wrong use.")

    @Argument(help: "A directory for the logs. What an earlier run left there is removed.")
    var directory: String

    private static let leaves = ["C1": [1, 4, 7, 10, 13, 16], "C2": [2, 5, 8, 11, 14, 17], "C3": [3, 6, 9, 12, 15]]

    func run() async throws {
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let leaves = try startLeaves()
        let parents = [
            try Child("C4", ["parent", directory, "C4", "2", "C1", "C2"]),
            try Child("C5", ["parent", directory, "C5", "3", "C3", "C4"]),
        ]
        try await waitUntil("every worker has made 60 steps") {
            Self.leaves.values.joined().allSatisfy { worker in (acknowledged(leaves)["A\(worker)"] ?? 0) >= 60 }
        }
        for leaf in leaves { leaf.kill() }
        let promised = acknowledged(leaves)
        let restarts = leaves.flatMap { $0.told("restarted") }.count
        print("killed C1, C2 and C3; \(restarts) tasks had failed before and gone on from level 1")
        // What was written before the kill reaches C4 in a round that begins after it, and C5 in one that begins after
        // that.
        for parent in parents {
            try parent.ask()
            try await waitUntil("\(parent.name) updates from the dead") { parent.told("updated").last == ["1"] }
        }
        for parent in parents { parent.kill() }
        print("killed C4 and C5")
        for name in ["C1", "C2", "C3", "C4"] { try FileManager.default.removeItem(atPath: "\(directory)/\(name)") }
        print("removed all but C5's directory")
        let holds = try await restore(promised)
        guard holds else { throw ExitCode.failure }
        print(
            "Every worker is back at its last step that was told to be safe, or a later one, from C5's directory alone."
        )
    }

    private func startLeaves() throws -> [Child] {
        try Self.leaves.sorted { $0.key < $1.key }.map { name, workers in
            try Child(name, ["leaf", directory, name] + workers.map(String.init))
        }
    }

    /// The last step of each worker that its leaf told to be on disk.
    private func acknowledged(_ leaves: [Child]) -> [String: Int] {
        var steps: [String: Int] = [:]
        for told in leaves.flatMap({ $0.told("acknowledged") }) where told.count == 2 { steps[told[0]] = Int(told[1]) }
        return steps
    }

    /// Restores every worker from C5's log, says from where, and checks that nothing acknowledged is missing.
    private func restore(_ promised: [String: Int]) async throws -> Bool {
        let top = try await CheckpointLog.openForReading(at: "\(directory)/C5")
        var holds = promised.count == 17
        for (name, workers) in Self.leaves.sorted(by: { $0.key < $1.key }) {
            let origin = name == "C3" ? "C3" : "C4/\(name)"
            for worker in workers {
                let key: CheckpointKey = "A\(worker)"
                let work = try await top.restore(Work.self, for: key, level: 3, origin: origin)
                let isSafe = (work?.step ?? 0) >= promised[key.name] ?? .max && work?.isSound == true
                holds = holds && isSafe
                print(
                    "\(isSafe ? "holds " : "FAILED") \(key) restored at step \(work?.step ?? 0) from \(origin); "
                        + "acknowledged \(promised[key.name] ?? 0)")
            }
        }
        try await top.close()
        return holds
    }

    private func waitUntil(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while !condition() {
            guard ContinuousClock.now < deadline else { throw ValidationError("Timed out: \(what).") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
