/// What is known of a log that one process writes and others read, from all that they have said; and what in it cannot
/// be.
///
/// Numbers of one name only grow. What a process was told, or has seen, every later look must show, or something newer:
/// also while the writer is dead, for all of them live under the same boot.
struct SharedLogWatch {
    private static let groupMembers = ["left", "right"]
    /// Its odd numbers are removals: nothing being there tells nothing.
    private static let fleeting = "fleeting"

    /// Numbers that the next look must reach, by name.
    private(set) var least: [String: Int] = [:]
    /// The last numbers that the writer told of, or found when it started.
    private var told: [String: Int] = [:]
    /// The greatest numbers that a reader saw.
    private var seen: [String: Int] = [:]
    private(set) var acknowledgedCount = 0
    private(set) var compactionCount = 0
    private(set) var lookCount = 0
    private(set) var problems: [String] = []
    private var resumed: [String: Int] = [:]

    mutating func complain(_ problem: String) { problems.append(problem) }

    private static func parse(_ line: String) -> (name: String, number: Int)? {
        guard let space = line.lastIndex(of: " "), let number = Int(line[line.index(after: space)...]) else {
            return nil
        }
        return (String(line[..<space]), number)
    }

    /// - Returns: whether the writer has started by this line.
    mutating func take(fromWriter line: String) -> Bool {
        if let (name, number) = Self.parse(line) {
            if name.hasPrefix("resumed ") {
                resumed[String(name.dropFirst("resumed ".count))] = number
            } else {
                acknowledgedCount += 1
                told[name] = number
                least[name] = max(least[name] ?? 0, number)
            }
            return false
        }
        switch line {
        case "opening": resumed = [:]
        case "compacted": compactionCount += 1
        case "started":
            check(resumed, against: least, "the writer that starts again")
            told.merge(resumed) { max($0, $1) }
            return true
        default: complain("the writer: \(line)")
        }
        return false
    }

    /// All that the writer said is known: each of its names had one checkpoint under way at most.
    mutating func writerHasEnded() {
        for (name, number) in seen where number > (told[name] ?? 0) + 1 && name != Self.fleeting {
            complain("a reader saw \(number) of \(name), and the writer told of \(told[name] ?? 0)")
        }
    }

    /// The answer to a look, held against what was known when it was asked for.
    mutating func take(look answer: [String: Int], askedAt least: [String: Int], by reader: String) {
        lookCount += 1
        check(answer, against: least, reader)
        for (name, number) in answer {
            seen[name] = max(seen[name] ?? 0, number)
            self.least[name] = max(self.least[name] ?? 0, number)
        }
    }

    private mutating func check(_ found: [String: Int], against least: [String: Int], _ who: String) {
        for (name, number) in least where !Self.groupMembers.contains(name) {
            let given = found[name]
            if name == Self.fleeting ? (given ?? number) < number : (given ?? 0) < number {
                complain("\(who) gives \(given.map(String.init) ?? "nothing") of \(name), and \(number) was known")
            }
        }
    }
}
