import CheckpointLog
import FoundationEssentials

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A process that takes checkpoints until it is killed, and tells of each only once it is acknowledged. R7 of the fault model.
///
/// usage: KilledWriter DIRECTORY
///
/// It prints `opening`, then a line `resumed NAME NUMBER` for everything it finds, then `started`, then a line `NAME NUMBER` for each
/// acknowledged checkpoint or group. A line is one write of fewer bytes than a pipe takes at once, so that none is torn.
@main
struct KilledWriter {
    struct Counted: Codable, Sendable {
        var number: Int
        /// Of a length that the number determines, so that a wrong mixture shows.
        var padding: [UInt8]

        init(_ number: Int, byteCount: Int) {
            self.number = number
            padding = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
        }

        var isWhole: Bool { padding == Counted(number, byteCount: padding.count).padding }
    }

    static let taskCount = 3

    static func say(_ line: String) {
        var line = line + "\n"
        _ = line.withUTF8 { unsafe write(1, $0.baseAddress, $0.count) }
    }

    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            say("usage: KilledWriter DIRECTORY")
            exit(64)
        }
        say("opening")
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        let log = try await CheckpointLog.open(at: CommandLine.arguments[1], configuration: configuration)
        var numbers: [String: Int] = [:]
        for entry in try await log.checkpoints() {
            guard let found = try await log.restore(Counted.self, for: entry.key, level: entry.level) else { continue }
            guard found.isWhole else { return say("wrong \(entry.key.name)") }
            numbers[entry.key.name] = found.number
        }
        if let group = try await log.restoreGroup("pair", level: 1) {
            let left = try await group.restore(Counted.self, for: "left")
            let right = try await group.restore(Counted.self, for: "right")
            guard let left, let right, left.number == right.number, left.isWhole, right.isWhole else {
                return say("wrong pair")
            }
            numbers["pair"] = left.number
        }
        for (name, number) in numbers { say("resumed \(name) \(number)") }
        say("started")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<taskCount {
                let name = "task \(task)"
                let first = (numbers[name] ?? 0) + 1
                group.addTask { try await take(log, name, task, from: first) }
            }
            let first = (numbers["pair"] ?? 0) + 1
            group.addTask { try await takeGroups(log, from: first) }
            try await group.waitForAll()
        }
    }

    /// Levels 1 and 2 in turn by task; now and then a value with a file of its own.
    static func take(_ log: CheckpointLog, _ name: String, _ task: Int, from first: Int) async throws {
        for number in first... {
            let value = Counted(number, byteCount: number % 40 == 39 ? 20_000 : 200 + number % 300)
            try await log.checkpoint(value, for: CheckpointKey(name), level: task == 2 ? 2 : 1)
            say("\(name) \(number)")
        }
    }

    static func takeGroups(_ log: CheckpointLog, from first: Int) async throws {
        for number in first... {
            try await log.commit("pair", level: 1) { group in
                try group.put(Counted(number, byteCount: 300), for: "left")
                try group.put(Counted(number, byteCount: 700), for: "right")
            }
            say("pair \(number)")
        }
    }
}
