import CheckpointLog
import TestSupport

/// A process that reads a log beside its writer, until it is killed or told to end.
///
/// It prints `opening` and `started`. For each line `look` that it is given it restores everything, and answers with a
/// line `NAME NUMBER` for each checkpoint that is there, and `looked`. What is not as it should be is a line that
/// begins with `wrong`.
enum KilledReader {
    private static let names = (0..<KilledWriter.taskCount).map { "task \($0)" } + [KilledWriter.fleeting]
    /// An opening beside a writer is a reading of its own, so there is one for every so many looks.
    private static let looksPerOpening = 16
    /// A writer that is that fast is not there: each attempt is a few reads.
    private static let groupAttempts = 1_000

    static func read(_ path: String) async throws {
        KilledWriter.say("opening")
        do {
            var log = try await CheckpointLog.openForReading(at: path)
            KilledWriter.say("started")
            var looks = 0
            while readLine() == "look" {
                looks += 1
                if looks % looksPerOpening == 0 {
                    try await log.close()
                    log = try await CheckpointLog.openForReading(at: path)
                }
                KilledWriter.say(try await look(log) + "looked")
            }
            try await log.close()
        } catch {
            KilledWriter.say("wrong: \(error)")
        }
    }

    private static func look(_ log: CheckpointLog) async throws -> String {
        var answer = ""
        var found: [String] = []
        for name in names {
            guard let value = try await log.restore(CountedValue.self, for: CheckpointKey(name)) else { continue }
            guard value.isWhole(of: name) else { return "wrong value of \(name)\n" }
            answer += "\(name) \(value.number)\n"
            found.append(name)
        }
        answer += try await lookAtGroup(log)
        let listed = Set(try await log.checkpoints().map(\.key.name))
        for name in found where name != KilledWriter.fleeting && !listed.contains(name) {
            answer += "wrong list: \(name) was restored and is not in it\n"
        }
        return answer
    }

    private static func lookAtGroup(_ log: CheckpointLog) async throws -> String {
        for _ in 0..<groupAttempts {
            guard let group = try await log.restoreGroup("pair", level: 1) else { return "" }
            do {
                let left = try await group.restore(CountedValue.self, for: "left")
                let right = try await group.restore(CountedValue.self, for: "right")
                guard let left, let right, left.number == right.number, left.isWhole(of: "left"),
                    right.isWhole(of: "right")
                else { return "wrong pair\n" }
                return "pair \(left.number)\n"
            } catch let error as CheckpointLogError where error.code == .unavailable {
                // Stated: a newer group has taken its place.
            }
        }
        return "wrong: \(groupAttempts) groups in turn were replaced while they were read\n"
    }
}
