import CheckpointLog
import Foundation
import Histogram
import Synchronization

/// W11: a long run that overwrites its states without end, while compaction gives the space back: how much disk it
/// takes, how much is written, and how long the slowest checkpoints take.
///
/// The figure is the 99.9th percentile of a checkpoint's time. The details have the other percentiles; the disk's
/// blocks at the worst moment, over 1.6 times the live bytes and four segments; and all bytes written for each first
/// appended byte of frames.
struct OverwriteSoak: Workload {
    enum Choice: String, CaseIterable {
        case uniform
        /// Zipf's law with exponent 0.99: a few keys get most of the checkpoints.
        case zipf
    }

    struct Size {
        var keys: Int
        var seconds: Double
        var segmentByteCount: Int
    }

    let choice: Choice

    var name: String { "overwrite-soak-\(choice.rawValue)" }
    let unit = "µs at p99.9"
    var isInShortRun: Bool { false }
    let isRate = false
    let warmsUp = false

    private func size(_ isQuick: Bool) -> Size {
        isQuick
            ? Size(keys: 20_000, seconds: 3, segmentByteCount: 1 << 20)
            : Size(keys: 1_000_000, seconds: 60, segmentByteCount: 64 << 20)
    }

    func summary(isQuick: Bool) -> String {
        let size = size(isQuick)
        return """
            \(Int(size.seconds)) s of overwriting \(size.keys) keys, \(choice == .zipf ? "Zipf 0.99" : "uniform"), \
            segments of \(size.segmentByteCount >> 20) MiB
            """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let (choice, size) = (choice, size(isQuick))
        return [
            Contender(name: "ours", role: .ours) { directory in
                let amplification = Mutex<Double?>(nil)
                let kept = Kept(amplification)
                return Session(
                    measuring: {
                        let measurement = try await Self.soak(directory + "/log", choice, size)
                        kept.amplification.withLock { $0 = measurement.details["written per first appended"] }
                        return measurement
                    },
                    bytesWrittenPerByte: { kept.amplification.withLock { $0 } })
            }
        ]
    }

    private final class Kept: Sendable {
        let amplification: Mutex<Double?>

        init(_ amplification: consuming Mutex<Double?>) { self.amplification = amplification }
    }

    private static func soak(_ path: String, _ choice: Choice, _ size: Size) async throws -> Measurement {
        try? FileManager.default.removeItem(atPath: path)
        var configuration = Configuration()
        configuration.segmentByteLimit = size.segmentByteCount
        let log = try await CheckpointLog.open(at: path, configuration: configuration)
        let states = (0..<10_000).map { Sample($0) }
        let keys = (0..<size.keys).map { CheckpointKey(key($0)) }
        for number in keys.indices { try log.submit(states[number % states.count], for: keys[number]) }
        let before = log.statistics
        // Every key has one frame now, and keeps having one: these are the live bytes, exactly.
        let liveByteCount = before.frameByteCount
        let watch = DiskWatch(
            path, liveByteCount: liveByteCount, bound: liveByteCount * 8 / 5 + 4 * size.segmentByteCount)
        watch.start()
        var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
        var generator = SeededGenerator(11)
        let zipf = choice == .zipf ? ZipfGenerator(count: size.keys, theta: 0.99) : nil
        let clock = ContinuousClock()
        let end = clock.now + .seconds(size.seconds)
        var now = clock.now
        var number = 0
        while now < end {
            let index =
                zipf?.next(using: &generator) ?? Int(generator.next().multipliedFullWidth(by: UInt64(size.keys)).high)
            let state = states[number % states.count]
            let start = clock.now
            try await log.checkpoint(state, for: keys[index])
            now = clock.now
            histogram.record(UInt64(max(1, (now - start).components.attoseconds / 1_000_000_000)))
            number += 1
        }
        let after = log.statistics
        let disk = watch.stop()
        try await log.close()
        return measurement(histogram, disk, before, after, checkpoints: number)
    }

    private static func measurement(
        _ histogram: Histogram<UInt64>, _ disk: DiskWatch.Outcome, _ before: Statistics, _ after: Statistics,
        checkpoints: Int
    ) -> Measurement {
        func microseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1e3 }
        let appended = Double(after.frameByteCount - before.frameByteCount)
        let written = Double(after.writtenByteCount - before.writtenByteCount)
        var measurement = Measurement(value: microseconds(99.9))
        measurement.details = [
            "p50": microseconds(50), "p90": microseconds(90), "p99": microseconds(99), "p99.99": microseconds(99.99),
            "max": Double(histogram.max) / 1e3, "checkpoints": Double(checkpoints),
            "disk ÷ (1.6 × live + 4 segments)": disk.worst, "written per first appended": written / appended,
            "compactions": Double(after.compactionCount - before.compactionCount),
        ]
        measurement.series = ["disk": disk.diskPoints, "live": disk.livePoints]
        measurement.series["latency"] = [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999].map {
            [$0, microseconds($0)]
        }
        return measurement
    }
}
