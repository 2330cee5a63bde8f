import Foundation

/// What a run found. Its schema stands in Benchmarks/README.md.
struct Report: Codable {
    struct Row: Codable {
        var workload: String
        var unit: String
        var ours: Double
        var peers: [String: Double]
        var limit: Double?
        var ratioToBestPeer: Double?
        var ratioToLimit: Double?
        var spread: Double
        var quick: Bool
        var bytesWrittenPerByte: Double?
        var peakMemoryBytes: Int
    }

    var machine: String
    var date: String
    var rounds: Int
    var rows: [Row]
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// The most memory that the process had resident since the last call of ``resetPeakMemory()``.
func peakMemoryBytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }
    return 0
}

func resetPeakMemory() { try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8) }

func machine() -> String {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return "\(model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"), \(ProcessInfo.processInfo.activeProcessorCount) cores"
}
