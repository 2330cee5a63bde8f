import CMeasure
import CheckpointLog
import Foundation

/// W10: a fleet of millions of small jobs under keys of their own, in one log: what each costs in memory.
///
/// Resident memory that belongs to no file, once the log is quiet, at three numbers of distinct keys; the figure is the
/// greatest of the differences for each key between. Tables grow by steps: absolute figures for each number stand in
/// the details.
struct IndexMemory: Workload {
    let name = "index-memory"
    let unit = "bytes/key"
    var isInShortRun: Bool { false }
    let isRate = false
    let warmsUp = false

    private func keyCounts(_ isQuick: Bool) -> [Int] {
        isQuick ? [800_000, 1_000_000, 1_250_000] : [8_000_000, 10_000_000, 12_500_000]
    }

    func summary(isQuick: Bool) -> String {
        "resident memory at \(keyCounts(isQuick).map(String.init).joined(separator: ", ")) distinct keys of 24 bytes"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let keyCounts = keyCounts(isQuick)
        return [
            Contender(name: "ours", role: .ours) { directory in
                Session(measuring: {
                    let path = directory + "/log"
                    try? FileManager.default.removeItem(atPath: path)
                    // Memory that an earlier round gave back would be used again, so each has a process of its own.
                    let found = try Self.probe(path, keyCounts)
                    let byteCounts = found.map(\.resident)
                    let points = zip([0] + keyCounts, byteCounts).map { (keys: Double($0), bytes: Double($1)) }
                    var greatest = 0.0
                    for (index, point) in points.enumerated().dropFirst() {
                        for later in points[(index + 1)...] {
                            greatest = max(greatest, (later.bytes - point.bytes) / (later.keys - point.keys))
                        }
                    }
                    var details: [String: Double] = [:]
                    for point in points.dropFirst() {
                        details["\(Int(point.keys)) keys"] = (point.bytes - points[0].bytes) / point.keys
                    }
                    for (keys, bytes) in zip(keyCounts, found.dropFirst().map(\.index)) {
                        details["\(keys) keys, index alone"] = Double(bytes) / Double(keys)
                    }
                    return Measurement(value: greatest, details: details)
                })
            }
        ]
    }

    private static func probe(_ directory: String, _ keyCounts: [Int]) throws -> [(resident: Int, index: Int)] {
        let process = Process()
        let output = Pipe()
        process.executableURL = ContenderProcess.executable
        process.arguments = ["probe", "index-memory", "--directory", directory] + keyCounts.map(String.init)
        process.standardOutput = output
        // Each thread's arena of the allocator keeps some freed memory, now more and now less: no cost of a key.
        process.environment = ProcessInfo.processInfo.environment.merging(["MALLOC_ARENA_MAX": "1"]) { $1 }
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let byteCounts = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard byteCounts.count == 2 * keyCounts.count + 2 else { throw PeerFailure("the probe gave no figures") }
        return stride(from: 0, to: byteCounts.count, by: 2).map { (byteCounts[$0], byteCounts[$0 + 1]) }
    }

    /// The work of the probe: bytes resident, and bytes that the index says it takes, in a log without keys, then at
    /// each number of them.
    static func residentByteCounts(in directory: String, _ keyCounts: [Int]) async throws -> [Int] {
        let log = try await CheckpointLog.open(at: directory)
        var byteCounts = [try await quietByteCount(log), log.statistics.indexByteCount]
        var count = 0
        for keyCount in keyCounts {
            for number in count..<keyCount { try log.submit(number, for: CheckpointKey(key(number))) }
            count = keyCount
            byteCounts += [try await quietByteCount(log), log.statistics.indexByteCount]
        }
        try await log.close()
        return byteCounts
    }

    /// Waits for what the log does in the background, gives back what was freed, and reads: until two readings agree,
    /// for the log does not tell when a seal or a snapshot has let go of its memory.
    private static func quietByteCount(_ log: CheckpointLog) async throws -> Int {
        try await log.save()
        var last = Int.max
        while true {
            let isBusy = log.statistics.segmentCount < log.statistics.rollCount || log.statistics.isCompacting
            measure_give_back_memory()
            let byteCount = ResidentMemory.anonymousByteCount
            if !isBusy, abs(byteCount - last) <= last / 200 { return byteCount }
            last = byteCount
            try await Task.sleep(for: .milliseconds(300))
        }
    }
}
