import ArgumentParser
import Foundation

@main struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint-bench",
        abstract: "Measures CheckpointLog beside other stores, in turn and in one run; ratios count, not times.")

    @Option(name: .customLong("workload"), help: "A workload, or the beginning of its name; all by default.")
    var workloads: [String] = []

    @Option(name: .customLong("peer"), help: "A peer to measure beside ours; all by default.")
    var peers: [String] = []

    @Option(help: "Rounds after the first, which warms up.")
    var rounds = 5

    @Flag(help: "Smaller sizes: for a first look, never for a claim.")
    var quick = false

    @Option(name: .customLong("json"), help: "Writes the rows to this file.")
    var jsonFile: String?

    @Option(help: "The directory for the stores; on the disk that is to be measured.")
    var directory = ".build-bench-stores"

    @Flag(help: "Lists the workloads and their sizes.")
    var list = false

    func validate() throws {
        for peer in peers where PeerKind(rawValue: peer) == nil {
            throw ValidationError("There is no peer \(peer); there are \(PeerKind.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard rounds > 0 else { throw ValidationError("Give one round or more.") }
    }

    func run() async throws {
        let chosen = allWorkloads.filter { workload in
            workloads.isEmpty || workloads.contains { workload.name.hasPrefix($0) }
        }
        guard !chosen.isEmpty else { throw ValidationError("No workload is named so; see --list.") }
        if list {
            for workload in chosen {
                print("\(workload.name): \(workload.summary(isQuick: false)); quick: \(workload.summary(isQuick: true))")
            }
            return
        }
        let runner = Runner(
            rounds: rounds, isQuick: quick, peers: Set(peers.isEmpty ? PeerKind.allCases.map(\.rawValue) : peers),
            directory: directory)
        var report = Report(machine: machine(), date: ISO8601DateFormatter().string(from: Date()), rounds: rounds, rows: [])
        print(Self.line("workload", "unit", "ours", "best peer", "ratio", "limit", "of limit", "spread"))
        for workload in chosen {
            let row = try await runner.run(workload)
            report.rows.append(row)
            print(Self.text(row, isRate: workload.isRate))
            let others = row.peers.sorted { $0.key < $1.key }.map { "\($0.key) \(Self.figure($0.value))" }
            if !others.isEmpty { print("    " + others.joined(separator: ", ")) }
        }
        if let jsonFile {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(report).write(to: URL(filePath: jsonFile))
        }
    }

    private static func text(_ row: Report.Row, isRate: Bool) -> String {
        let best = isRate ? row.peers.values.max() : row.peers.values.min()
        return line(
            row.workload, row.unit, figure(row.ours), best.map(figure) ?? "", row.ratioToBestPeer.map(figure) ?? "",
            row.limit.map(figure) ?? "", row.ratioToLimit.map(figure) ?? "", "\(Int(row.spread * 100)) %")
    }

    private static func figure(_ value: Double) -> String {
        value >= 100 ? String(format: "%.0f", value) : String(format: "%.3g", value)
    }

    private static func line(_ cells: String...) -> String {
        cells.enumerated().map { index, cell in
            cell.padding(toLength: max(cell.count, index == 0 ? 26 : 11), withPad: " ", startingAt: 0)
        }.joined(separator: " ")
    }
}
