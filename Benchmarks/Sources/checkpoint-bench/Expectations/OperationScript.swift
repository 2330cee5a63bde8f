import CMeasure
import CheckpointLog
import Foundation

/// A fixed small script of operations, whose counters are the same on every machine and in every run.
///
/// One task, no compaction but where it is asked for, and nothing that depends on the clock: the empty frame that
/// follows the last sync of a quiet log is taken out of the counts.
struct OperationScript: Sendable {
    var name: String
    var run: @Sendable (_ directory: String) async throws -> [String: Int]

    static let all = [small, calls, durable, large, group, memory, compaction, reopening]

    private static func open(
        _ directory: String, _ change: (inout Configuration) -> Void = { _ in }
    ) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.compactsAutomatically = false
        change(&configuration)
        return try await CheckpointLog.open(at: directory, configuration: configuration)
    }

    /// 20,000 small checkpoints over 100 keys; what one allocates, once all memory was used before.
    private static let small = OperationScript(name: "small") { directory in
        let log = try await open(directory)
        let keys = (0..<100).map { CheckpointKey(key($0)) }
        let states = (0..<100).map { Sample($0) }
        for number in 0..<19_000 { try log.submit(states[number % 100], for: keys[number % 100]) }
        let allocations = try allocationCount {
            for number in 0..<1_000 { try log.submit(states[number % 100], for: keys[number % 100]) }
        }
        try await log.close()
        var counters = counts(of: log.statistics, ["syncCount", "flushCount"])
        // Rounded: a segment that is rolled on the way allocates a little.
        if let allocations { counters["allocationsPer1000Checkpoints"] = (allocations + 50) / 100 * 100 }
        return counters
    }

    /// What an awaited checkpoint allocates, once all memory was used before: of a struct by `Codable`, of one that
    /// writes its own map, and of bytes. Nothing is waited for, so the task stays on the thread that is counted.
    private static let calls = OperationScript(name: "calls") { directory in
        let log = try await open(directory) { $0.segmentByteLimit = 8 << 20 }
        let keys = (0..<100).map { CheckpointKey(key($0)) }
        let states = (0..<100).map { Sample($0) }
        let direct = (0..<100).map { DirectSample($0) }
        let bytes = try (0..<100).map { try Sample.encoded($0) }
        var counters: [String: Int] = [:]
        func count(_ name: String, _ checkpoint: (Int) async throws -> Void) async throws {
            for number in 0..<2_000 { try await checkpoint(number % 100) }
            let before = measure_allocation_count()
            for number in 0..<1_000 { try await checkpoint(number % 100) }
            let allocations = Int(measure_allocation_count() - before)
            if before >= 0 { counters["allocationsPer1000" + name] = (allocations + 50) / 100 * 100 }
        }
        try await count("Values") { try await log.checkpoint(states[$0], for: keys[$0]) }
        try await count("DirectValues") { try await log.checkpoint(direct[$0], for: keys[$0]) }
        try await count("Bytes") { try await log.checkpoint(bytes: bytes[$0], for: keys[$0]) }
        try await log.close()
        return counters
    }

    /// 100 checkpoints that are synced one after the other.
    private static let durable = OperationScript(name: "durable") { directory in
        let log = try await open(directory)
        for number in 0..<100 { try await log.checkpoint(Sample(number), for: "state", level: 2) }
        try await log.close()
        return counts(of: log.statistics)
    }

    /// Three values of 4 MiB, two of which compress.
    private static let large = OperationScript(name: "large") { directory in
        let log = try await open(directory)
        for isNoisy in [true, false, false] {
            let before = log.statistics
            try await log.checkpoint(doubles(count: 1 << 19, isNoisy: isNoisy, seed: 5), for: "weights", level: 2)
            // These take longer than the 50 ms after which the empty frame comes: a sync must not cover it and the next
            // value.
            while log.statistics.syncCount < before.syncCount + 2 { try await Task.sleep(for: .milliseconds(5)) }
        }
        try await log.close()
        return counts(of: log.statistics)
    }

    /// 20 groups of ten keys.
    private static let group = OperationScript(name: "group") { directory in
        let log = try await open(directory)
        for round in 0..<20 {
            try await log.commit("step", level: 2) { group in
                for member in 0..<10 { try group.put(Sample(round * 10 + member), for: CheckpointKey(key(member))) }
            }
        }
        try await log.close()
        return counts(of: log.statistics)
    }

    /// 10,000 checkpoints of ten keys at a level of the memory, saved twice.
    private static let memory = OperationScript(name: "memory") { directory in
        let log = try await open(directory) { $0.levels[1] = LevelPolicy(durability: .memory) }
        for round in 0..<2 {
            for number in 0..<5_000 {
                try log.submit(Sample(round * 5_000 + number), for: CheckpointKey(key(number % 10)))
            }
            try await log.save()
        }
        try await log.close()
        return counts(of: log.statistics)
    }

    /// Several segments of superseded records, compacted when all are sealed.
    private static let compaction = OperationScript(name: "compaction") { directory in
        let log = try await open(directory)
        for number in 0..<20_000 {
            // One key in eight is written once: every segment keeps something.
            let own = number % 8 == 0 ? number + 1_000 : number % 100
            try log.submit(Sample(number), for: CheckpointKey(key(own)))
        }
        while log.statistics.segmentCount < log.statistics.rollCount { try await Task.sleep(for: .milliseconds(5)) }
        try await log.compact()
        // Before the closing: it seals a segment more where the empty frame came before it.
        let counters = counts(of: log.statistics, ["syncCount", "flushCount"])
        try await log.close()
        return counters
    }

    /// What an opening and a closing of a log that was closed before ask of the disk.
    private static let reopening = OperationScript(name: "reopening") { directory in
        let log = try await open(directory)
        for number in 0..<5_000 { try log.submit(Sample(number), for: CheckpointKey(key(number))) }
        try await log.close()
        let again = try await open(directory)
        try await again.close()
        return counts(of: again.statistics)
    }

    /// The counters that time does not change; `excluded` are those that it does in this script.
    private static func counts(of statistics: Statistics, _ excluded: [String] = []) -> [String: Int] {
        let promises = statistics.promiseCount
        let promiseByteCount = promises * promiseFrameByteCount
        let counters = [
            "recordCount": statistics.recordCount, "frameCount": statistics.frameCount - promises,
            "frameByteCount": statistics.frameByteCount - promiseByteCount,
            "mappedByteCount": max(0, statistics.mappedByteCount - promiseByteCount),
            "writeCallCount": statistics.writeCallCount,
            "writtenByteCount": statistics.writtenByteCount - promiseByteCount,
            "syncCount": statistics.syncCount - promises, "flushCount": statistics.flushCount - promises,
            "rollCount": statistics.rollCount, "segmentCount": statistics.segmentCount,
            "liveByteCount": statistics.liveByteCount, "keyCount": statistics.keyCount,
            "indexByteCount": statistics.indexByteCount, "compactionCount": statistics.compactionCount,
        ]
        // The hash key is the log's own, and few keys may lie in twice as many tables in one log as in the next.
        let isSpread = statistics.keyCount >= 1_000
        return counters.filter { !excluded.contains($0.key) && ($0.key != "indexByteCount" || isSpread) }
    }

    /// A frame without key and payload: FORMAT.md, "Frames".
    private static let promiseFrameByteCount = 64

    private static func allocationCount(_ body: () throws -> Void) rethrows -> Int? {
        let before = measure_allocation_count()
        try body()
        let after = measure_allocation_count()
        return before < 0 ? nil : Int(after - before)
    }
}
