import ArgumentParser
import Foundation

/// The command itself: measures, and says what it found.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Measures the workloads; what is done when no command is named.")

    @Option(
        name: .customLong("workload"),
        help: "A workload, or the beginning of its name; by default those that fit into a few minutes.")
    var workloads: [String] = []

    @Option(name: .customLong("peer"), help: "A peer to measure beside ours; all by default.")
    var peers: [String] = []

    @Option(help: "Rounds that count; most workloads have one more before, which warms up. Default: 2, with --full 5.")
    var rounds: Int?

    @Flag(
        help: "All workloads, in five rounds; about an hour. The performance article takes its figures from no other.")
    var full = false

    @Flag(help: "Smaller sizes: for a first look, never for a claim.")
    var quick = false

    @Option(name: .customLong("json"), help: "Writes the rows to this file.")
    var jsonFile: String?

    @Option(help: "Draws plots into this directory, with gnuplot.")
    var plots: String?

    @Option(name: .customLong("from"), help: "Measures nothing: prints and plots what --json wrote.")
    var earlierFile: String?

    @Option(help: "The directory for the stores; on the disk that is to be measured.")
    var directory = ".build-bench-stores"

    @Flag(
        help: "Keeps a virtual machine's free memory with it meanwhile, as root: its host may take it back otherwise.")
    var settleMemory = false

    @Flag(help: "Lists the workloads and their sizes.")
    var list = false

    private var chosen: [any Workload] {
        guard !workloads.isEmpty else { return full || list ? allWorkloads : allWorkloads.filter(\.isInShortRun) }
        // A whole name means that one alone: "small-written" is also the beginning of others.
        return allWorkloads.filter { workload in
            workloads.contains { name in
                allWorkloads.contains { $0.name == name } ? workload.name == name : workload.name.hasPrefix(name)
            }
        }
    }

    private var countedRounds: Int { rounds ?? (full ? 5 : 2) }

    func validate() throws {
        for peer in peers where PeerKind(rawValue: peer) == nil {
            throw ValidationError(
                "There is no peer \(peer); there are \(PeerKind.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard countedRounds > 0 else { throw ValidationError("Give one round or more.") }
        guard !chosen.isEmpty else { throw ValidationError("No workload is named so; see --list.") }
    }

    func run() async throws {
        if list {
            for workload in chosen {
                print(workload.name + (workload.isInShortRun ? "" : "   (named, or with --full)"))
                print("    full:  \(workload.summary(isQuick: false))")
                print("    quick: \(workload.summary(isQuick: true))")
            }
            return
        }
        if let earlierFile {
            let report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(filePath: earlierFile)))
            print(Table.head)
            for row in report.rows { print(Table.lines(of: row).joined(separator: "\n")) }
            if let plots { try Plots(report: report, directory: plots).draw() }
            return
        }
        let memory = settleMemory ? try SettledMemory() : nil
        defer { try? memory?.end() }
        let runner = Runner(
            rounds: countedRounds, isQuick: quick,
            peers: Set(peers.isEmpty ? PeerKind.allCases.map(\.rawValue) : peers),
            directory: directory)
        var report = Report(
            machine: machine(storesIn: directory) + (settleMemory ? ", memory settled" : ""),
            date: ISO8601DateFormatter().string(from: Date()),
            rounds: countedRounds,
            rows: [])
        print(Table.head)
        for workload in chosen {
            let row = try runner.run(workload)
            report.rows.append(row)
            print(Table.lines(of: row).joined(separator: "\n"))
            fflush(nil)
            // After each row: a long run that is broken off has not been for nothing.
            if let jsonFile { try report.write(to: jsonFile) }
        }
        // Each workload took its own stores away; what else lies there is not ours to take.
        rmdir(directory)
        if let plots { try Plots(report: report, directory: plots).draw() }
    }
}
