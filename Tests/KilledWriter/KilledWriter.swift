import CheckpointLog
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A process that takes checkpoints until it is killed, and tells of each only once it is acknowledged: R7 and R10 of
/// the fault model. In its other role it reads beside such a one: ``KilledReader``.
///
/// usage: KilledWriter write|read DIRECTORY
///
/// It prints `opening`, then a line `resumed NAME NUMBER` for everything it finds, then `started`, then a line `NAME
/// NUMBER` for each acknowledged checkpoint, removal or group, and `compacted` after each compaction that it asked for.
/// A line is one write of fewer bytes than a pipe takes at once, so that none is torn.
@main
struct KilledWriter {
    static let taskCount = 3

    /// There after an even number of task 0, removed after an odd one.
    static let fleeting = "fleeting"

    static func say(_ lines: String) {
        var lines = lines + "\n"
        _ = lines.withUTF8 { unsafe write(1, $0.baseAddress, $0.count) }
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        switch arguments.count == 3 ? arguments[1] : "" {
        case "write": try await live(arguments[2])
        case "read": try await KilledReader.read(arguments[2])
        default:
            say("usage: KilledWriter write|read DIRECTORY")
            exit(64)
        }
    }

    private static func live(_ path: String) async throws {
        say("opening")
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        let log = try await CheckpointLog.open(at: path, configuration: configuration)
        var numbers: [String: Int] = [:]
        for entry in try await log.checkpoints() {
            let name = entry.key.name
            guard let found = try await log.restore(CountedValue.self, for: entry.key, level: entry.level) else {
                continue
            }
            guard found.isWhole(of: name) else { return say("wrong \(name)") }
            numbers[name] = found.number
        }
        if let group = try await log.restoreGroup("pair", level: 1) {
            let left = try await group.restore(CountedValue.self, for: "left")
            let right = try await group.restore(CountedValue.self, for: "right")
            guard let left, let right, left.number == right.number, left.isWhole(of: "left"), right.isWhole(of: "right")
            else { return say("wrong pair") }
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
    private static func take(_ log: CheckpointLog, _ name: String, _ task: Int, from first: Int) async throws {
        for number in first... {
            try await log.checkpoint(
                CountedValue(number, of: name), for: CheckpointKey(name), level: task == 2 ? 2 : 1)
            say("\(name) \(number)")
            guard task == 0 else { continue }
            if number % 2 == 0 {
                try await log.checkpoint(CountedValue(number, of: fleeting), for: CheckpointKey(fleeting))
            } else {
                try await log.removeCheckpoint(for: CheckpointKey(fleeting), level: 1)
            }
            say("\(fleeting) \(number)")
        }
    }

    private static func takeGroups(_ log: CheckpointLog, from first: Int) async throws {
        for number in first... {
            try await log.commit("pair", level: 1) { group in
                try group.put(CountedValue(number, of: "left"), for: "left")
                try group.put(CountedValue(number, of: "right"), for: "right")
            }
            say("pair \(number)")
            if number % 50 == 0 {
                try await log.compact()
                say("compacted")
            }
        }
    }
}
