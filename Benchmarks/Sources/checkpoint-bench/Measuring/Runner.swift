import CMeasure
import Foundation

/// Runs a workload: every contender prepared once, then measured in turn, round after round, each round in another
/// order.
struct Runner {
    let rounds: Int
    let isQuick: Bool
    let peers: Set<String>
    let directory: String

    private struct Entry {
        var contender: Contender
        var process: ContenderProcess
        var measured: [Measurement] = []
        var outcome: Outcome?
    }

    func run(_ workload: any Workload) throws -> Report.Row {
        let contenders = try workload.contenders(isQuick: isQuick).filter { contender in
            // What is no peer is a floor: it says why a row stands where it does.
            peers.contains(contender.name) || PeerKind(rawValue: contender.name) == nil
        }
        let place = "\(directory)/\(workload.name)"
        try? FileManager.default.removeItem(atPath: place)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        var entries: [Entry] = []
        var progress = Progress()
        defer {
            for entry in entries { entry.process.kill() }
            progress.clear()
        }
        for contender in contenders {
            progress.show("\(workload.name): preparing", contender.name)
            let process = try ContenderProcess(
                contender.name, of: workload.name, isQuick: isQuick, directory: "\(place)/\(contender.name)")
            entries.append(Entry(contender: contender, process: process))
        }
        let warmUps = workload.warmsUp ? 1 : 0
        var generator = SeededGenerator(1)
        for round in 0..<rounds + warmUps {
            for index in entries.indices.shuffled(using: &generator) {
                let what = round < warmUps ? "warming up" : "round \(round - warmUps + 1) of \(rounds)"
                progress.show("\(workload.name): \(what)", entries[index].contender.name)
                // What the one before left in the page cache must not reach the disk in this one's time.
                _ = measure_sync_file_system(place)
                let measurement = try entries[index].process.measure()
                if round >= warmUps { entries[index].measured.append(measurement) }
            }
        }
        for index in entries.indices { entries[index].outcome = try entries[index].process.finish() }
        return row(workload, entries)
    }

    private func row(_ workload: any Workload, _ entries: [Entry]) -> Report.Row {
        let ours = entries.first { $0.contender.role == .ours }
        let figures = ours?.measured.map(\.value) ?? []
        // The median of the rounds' ratios, not the ratio of medians: what slows a round down slows both of its sides.
        func ratio(_ other: Entry) -> Double {
            median(zip(figures, other.measured).map { workload.isRate ? $0 / $1.value : $1.value / $0 })
        }
        func medians(_ role: Contender.Role) -> [String: Double] {
            let chosen = entries.filter { $0.contender.role == role }
            return Dictionary(
                uniqueKeysWithValues: chosen.map { ($0.contender.name, median($0.measured.map(\.value))) })
        }
        let limit = entries.first { $0.contender.role == .limit }
        let details = entries.map { ($0.contender.name, Self.details($0.measured)) }.filter { !$0.1.isEmpty }
        let series = entries.compactMap { entry in entry.measured.last.map { (entry.contender.name, $0.series) } }
            .filter { !$0.1.isEmpty }
        return Report.Row(
            workload: workload.name, unit: workload.unit, ours: median(figures), peers: medians(.peer),
            notCounted: medians(.shown), limit: limit.map { median($0.measured.map(\.value)) },
            ratioToBestPeer: entries.filter { $0.contender.role == .peer }.map(ratio).min(),
            ratioToLimit: limit.map(ratio), spread: ((figures.max() ?? 0) - (figures.min() ?? 0)) / median(figures),
            quick: isQuick, bytesWrittenPerByte: ours?.outcome?.bytesWrittenPerByte,
            peakMemoryBytes: ours?.outcome?.peakMemoryBytes ?? 0,
            details: details.isEmpty ? nil : Dictionary(uniqueKeysWithValues: details),
            series: series.isEmpty ? nil : Dictionary(uniqueKeysWithValues: series))
    }

    private static func details(_ measured: [Measurement]) -> [String: Double] {
        var details: [String: Double] = [:]
        for name in measured.first?.details.keys.map({ $0 }) ?? [] {
            details[name] = median(measured.compactMap { $0.details[name] })
        }
        return details
    }
}

/// One line on standard error that is written over; where that is no terminal, a line for each stage.
struct Progress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var stage = ""

    mutating func show(_ stage: String, _ detail: String) {
        if isTerminal {
            FileHandle.standardError.write(Data("\r\u{1B}[K\(stage), \(detail)".utf8))
        } else if stage != self.stage {
            FileHandle.standardError.write(Data("\(stage)\n".utf8))
        }
        self.stage = stage
    }

    func clear() {
        if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}
