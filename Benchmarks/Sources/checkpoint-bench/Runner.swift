import Foundation

/// Runs a workload: every contender prepared once, then measured in turn, round after round, in an order that moves on.
struct Runner {
    let rounds: Int
    let isQuick: Bool
    let peers: Set<String>
    let directory: String

    func run(_ workload: any Workload) async throws -> Report.Row {
        resetPeakMemory()
        let contenders = workload.contenders(isQuick: isQuick).filter { contender in
            contender.role == .ours || contender.role == .limit || peers.contains(contender.name)
        }
        let place = "\(directory)/\(workload.name)"
        try? FileManager.default.removeItem(atPath: place)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        var sessions: [Session] = []
        for contender in contenders { sessions.append(try await contender.prepare("\(place)/\(contender.name)")) }
        var figures = [[Double]](repeating: [], count: contenders.count)
        for round in 0...rounds {
            for step in contenders.indices {
                let index = (step + round) % contenders.count
                progress("\(workload.name): round \(round) of \(rounds), \(contenders[index].name)")
                let figure = try await sessions[index].measure()
                // The first round warms up.
                if round > 0 { figures[index].append(figure) }
            }
        }
        let amplification = zip(contenders, sessions).first { $0.0.role == .ours }?.1.bytesWrittenPerByte?()
        for session in sessions { try await session.finish() }
        progress("")
        return row(workload, contenders, figures, amplification)
    }

    private func row(
        _ workload: any Workload, _ contenders: [Contender], _ figures: [[Double]], _ amplification: Double?
    ) -> Report.Row {
        let ours = contenders.firstIndex { $0.role == .ours }.map { figures[$0] } ?? []
        func ratio(_ other: [Double]) -> Double {
            median(zip(ours, other).map { workload.isRate ? $0 / $1 : $1 / $0 })
        }
        var peers: [String: Double] = [:]
        var best: Double?
        var limit: (value: Double, ratio: Double)?
        for (contender, values) in zip(contenders, figures) {
            switch contender.role {
            case .ours: break
            case .shown: peers[contender.name] = median(values)
            case .limit: limit = (median(values), ratio(values))
            case .peer:
                peers[contender.name] = median(values)
                best = min(best ?? .infinity, ratio(values))
            }
        }
        let spread = ((ours.max() ?? 0) - (ours.min() ?? 0)) / median(ours)
        return Report.Row(
            workload: workload.name, unit: workload.unit, ours: median(ours), peers: peers, limit: limit?.value,
            ratioToBestPeer: best, ratioToLimit: limit?.ratio, spread: spread, quick: isQuick,
            bytesWrittenPerByte: amplification, peakMemoryBytes: peakMemoryBytes())
    }
}

/// One line on standard error that is written over; nothing where that is no terminal.
func progress(_ text: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
}
