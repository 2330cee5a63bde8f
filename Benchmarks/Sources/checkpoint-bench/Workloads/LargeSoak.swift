import CheckpointLog
import Foundation

/// W16: a long run that overwrites a few large states without end: how much disk it takes, and how long a checkpoint.
///
/// The figure is a checkpoint's time. The details have the disk's blocks at the worst moment over what they may be:
/// what is live, two values, four segments, and 64 MiB where nothing syncs by itself.
struct LargeSoak: Workload {
    let durability: LevelPolicy.Durability

    var name: String { "large-soak-\(durability)" }
    let unit = "µs"
    var isInShortRun: Bool { false }
    let isRate = false
    let warmsUp = false

    private static let byteCount = 8 << 20
    private static let keyCount = 2

    private func seconds(_ isQuick: Bool) -> Double { isQuick ? 2 : 20 }

    func summary(isQuick: Bool) -> String {
        """
        \(Int(seconds(isQuick))) s of checkpoints of [Double] of \(Self.byteCount >> 20) MiB, \(Self.keyCount) keys in \
        turn, \(durability)
        """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let (durability, duration) = (durability, seconds(isQuick))
        return [
            Contender(name: "ours", role: .ours) { directory in
                Session(measuring: { try await Self.soak(directory + "/log", durability, duration) })
            }
        ]
    }

    private static func soak(
        _ path: String, _ durability: LevelPolicy.Durability, _ seconds: Double
    ) async throws -> Measurement {
        try? FileManager.default.removeItem(atPath: path)
        var configuration = Configuration()
        configuration.levels[1] = LevelPolicy(durability: durability, retention: .newest(1))
        let log = try await CheckpointLog.open(at: path, configuration: configuration)
        let fields = (0..<keyCount).map { doubles(count: byteCount / 8, isNoisy: true, seed: UInt64($0)) }
        let keys = (0..<keyCount).map { CheckpointKey(key($0)) }
        let live = keyCount * byteCount
        let idle = durability == .synced ? 0 : 64 << 20
        let watch = DiskWatch(
            path, liveByteCount: live,
            bound: live + 2 * byteCount + 4 * configuration.segmentByteLimit + idle)
        watch.start()
        let clock = ContinuousClock()
        let start = clock.now
        var number = 0
        while clock.now < start + .seconds(seconds) {
            try await log.checkpoint(fields[number % keyCount], for: keys[number % keyCount])
            number += 1
        }
        let time = (clock.now - start) / .microseconds(1)
        let disk = watch.stop()
        try await log.close()
        var measurement = Measurement(value: time / Double(number))
        measurement.details = ["disk ÷ its bound": disk.worst, "checkpoints": Double(number)]
        measurement.series = ["disk": disk.diskPoints, "live": disk.livePoints]
        return measurement
    }
}
