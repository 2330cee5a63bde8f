import Foundation

/// What a run found. Its schema stands in Benchmarks/README.md.
struct Report: Codable {
    struct Row: Codable {
        var workload: String
        var unit: String
        var ours: Double
        /// The peers that count.
        var peers: [String: Double]
        /// The peers that are printed only.
        var notCounted: [String: Double]
        var limit: Double?
        var ratioToBestPeer: Double?
        var ratioToLimit: Double?
        var spread: Double
        var quick: Bool
        var bytesWrittenPerByte: Double?
        var peakMemoryBytes: Int
        /// Further figures, by contender and name.
        var details: [String: [String: Double]]?
        /// Points of the last round that plots show, by contender and name.
        var series: [String: [String: [[Double]]]]?

        /// What there is no figure for is null rather than left out: whoever reads a row finds every name of the table.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(workload, forKey: .workload)
            try container.encode(unit, forKey: .unit)
            try container.encode(ours, forKey: .ours)
            try container.encode(peers, forKey: .peers)
            try container.encode(notCounted, forKey: .notCounted)
            try container.encode(limit, forKey: .limit)
            try container.encode(ratioToBestPeer, forKey: .ratioToBestPeer)
            try container.encode(ratioToLimit, forKey: .ratioToLimit)
            try container.encode(spread, forKey: .spread)
            try container.encode(quick, forKey: .quick)
            try container.encode(bytesWrittenPerByte, forKey: .bytesWrittenPerByte)
            try container.encode(peakMemoryBytes, forKey: .peakMemoryBytes)
            try container.encodeIfPresent(details, forKey: .details)
            try container.encodeIfPresent(series, forKey: .series)
        }
    }

    var machine: String
    var date: String
    var rounds: Int
    var rows: [Row]

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(filePath: path))
    }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Processor, cores, memory, and the file system that the stores were on.
func machine(storesIn directory: String) -> String {
    let cpu = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = cpu.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    let memory = (ProcessInfo.processInfo.physicalMemory + (1 << 29)) >> 30
    let parts = [
        model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor",
        "\(ProcessInfo.processInfo.activeProcessorCount) cores",
        "\(memory) GiB",
        fileSystem(of: directory) ?? "unknown file system",
        ProcessInfo.processInfo.operatingSystemVersionString,
    ]
    return parts.joined(separator: ", ")
}

/// The type of the file system of `directory`.
private func fileSystem(of directory: String) -> String? {
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    let path = URL(filePath: directory).standardizedFileURL.path()
    var best: (place: String, type: String)?
    for line in mounts.split(separator: "\n") {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count > 2 else { continue }
        let place = fields[1]
        let holds = place == "/" || path == place || path.hasPrefix(place + "/")
        if holds, place.count >= best?.place.count ?? 0 { best = (place, fields[2]) }
    }
    return best?.type
}
