import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// R7: a real process on the real disk is killed with `SIGKILL`, again and again, while it takes checkpoints.
///
/// Proves: what was acknowledged survives the process, nothing that was not handed over appears, and groups are whole.
@Suite struct KilledProcessTests {
    /// What the process said before it ended, all of it.
    struct Life {
        var resumed: [String: Int] = [:]
        var acknowledged: [String: Int] = [:]
        var isStarted = false
        var other: [String] = []

        /// - Returns: the name of the checkpoint that the line tells of.
        mutating func take(_ line: Substring) -> String? {
            let words = line.split(separator: " ")
            guard let number = words.last.flatMap({ Int($0) }), words.count > 1 else {
                switch line {
                case "started": isStarted = true
                case "opening", "compacted": break
                default: other.append(String(line))
                }
                return nil
            }
            if words[0] == "resumed" {
                resumed[words.dropFirst().dropLast().joined(separator: " ")] = number
                return nil
            }
            let name = words.dropLast().joined(separator: " ")
            acknowledged[name] = number
            return name
        }
    }

    /// Every checkpoint that the writer takes has one of these names.
    static let names = ["task 0", "task 1", "task 2", "pair", "fleeting"]

    /// Runs the writer, kills it after it told of `count` checkpoints in all and of `leastOfEach` of every name, and
    /// gives all that it said.
    static func live(_ path: String, killAfter count: Int, leastOfEach: Int) throws -> Life {
        let process = Process()
        process.executableURL = BuiltTool.builtProducts.appending(path: "KilledWriter")
        process.arguments = ["write", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var life = Life()
        var rest = Substring()
        var (told, isKilled) = ([String: Int](), false)
        while true {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { break }
            rest += String(decoding: bytes, as: UTF8.self)
            while let end = rest.firstIndex(of: "\n") {
                if let name = life.take(rest[..<end]) { told[name, default: 0] += 1 }
                rest = rest[rest.index(after: end)...]
            }
            // At count 0 the opening itself is cut short.
            let isDue =
                told.values.reduce(0, +) >= count && names.allSatisfy { told[$0, default: 0] >= leastOfEach }
            if isDue, !isKilled {
                isKilled = true
                kill(process.processIdentifier, SIGKILL)
            }
        }
        process.waitUntilExit()
        if process.terminationReason != .uncaughtSignal || process.terminationStatus != SIGKILL {
            life.other.append("it ended by itself: \(process.terminationReason) \(process.terminationStatus)")
        }
        return life
    }

    @Test func whatWasAcknowledgedSurvivesTheKill() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        let seed = testSeed(7)
        var generator = SeededGenerator(seed: seed)
        var acknowledged: [String: Int] = [:]
        var (starts, kills) = (0, 0)
        for round in 0..<(isLongRun ? 10_000 : 50) {
            let count = round % 5 == 4 ? 0 : 1 + generator.number(below: 400)
            // Whatever the disk's pace, every name comes to more than 50: a round in two waits for all of them.
            let least = count > 0 && round % 2 == 0 ? 3 : 0
            let life = try Self.live(path, killAfter: count, leastOfEach: least)
            kills += 1
            let label = "seed \(seed), round \(round)"
            #expect(life.other.isEmpty, "\(label): \(life.other)")
            if life.isStarted {
                starts += 1
                for name in Set(acknowledged.keys).union(life.resumed.keys) where !["left", "right"].contains(name) {
                    let (least, found) = (acknowledged[name] ?? 0, life.resumed[name] ?? 0)
                    if name == "fleeting" {
                        // Its odd numbers are removals: what is there after one is newer, or nothing.
                        #expect(found == 0 || found >= least, "\(label): \(name) is \(found), told \(least)")
                        continue
                    }
                    // Each name has one checkpoint under way at most.
                    #expect((least...least + 1).contains(found), "\(label): \(name) is \(found), told \(least)")
                    acknowledged[name] = found
                }
                acknowledged.merge(life.acknowledged) { max($0, $1) }
            }
            guard life.other.isEmpty else { return }
        }
        // Four rounds in five are not killed before they told something.
        #expect(starts >= 40)
        #expect(
            Set(acknowledged.keys) == Set(Self.names) && acknowledged.values.allSatisfy { $0 > 50 }, "\(acknowledged)")
        let report = await LogVerifier(directory: path, level: .deep).verify()
        #expect(report.exitCode <= 1, "\(report.findings)")
        tellCounts("KilledProcess", ["kills": kills, "starts": starts])
    }
}
