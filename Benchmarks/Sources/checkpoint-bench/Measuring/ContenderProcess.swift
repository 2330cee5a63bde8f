import Foundation

/// A contender in a process of its own: its memory is its own, it can be killed, and what it leaves to do in the
/// background costs nobody else, for each answer is followed by a wait until the process is at rest.
///
/// The parent writes one word a line, the process answers with one line of JSON. It ends when its standard input does.
final class ContenderProcess {
    private struct Answer<Value: Decodable>: Decodable {
        var value: Value?
        var failure: String?
    }

    private let name: String
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()

    /// Starts the process and waits until the contender is prepared and at rest.
    init(_ contender: String, of workload: String, isQuick: Bool, directory: String) throws {
        name = "\(workload), \(contender)"
        process.executableURL = Self.executable
        process.arguments =
            ["contend", "--workload", workload, "--contender", contender, "--directory", directory]
            + (isQuick ? ["--quick"] : [])
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        _ = try answer() as Bool
        waitForRest()
    }

    static var executable: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }

    func measure() throws -> Measurement {
        defer { waitForRest() }
        return try ask("measure")
    }

    /// Ends the contender.
    func finish() throws -> Outcome {
        let outcome: Outcome = try ask("finish")
        process.waitUntilExit()
        return outcome
    }

    /// Ends the process whatever it does.
    func kill() {
        guard process.isRunning else { return }
        _ = Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// How long a process is without processor time and writes before it counts as at rest, and how long that is waited
    /// for.
    private static let restMicroseconds: UInt32 = 100_000
    private static let restAttempts = 300

    private func waitForRest() {
        var last = activity()
        for _ in 0..<Self.restAttempts {
            usleep(Self.restMicroseconds)
            let now = activity()
            if now == last { return }
            last = now
        }
    }

    /// Processor time in ticks, and bytes written; always the same where the system does not tell.
    private func activity() -> [String] {
        let folder = "/proc/\(process.processIdentifier)/"
        // After the name, which may hold anything but ends with the last bracket: user and system time are the 12th and
        // 13th.
        let times = (try? String(contentsOfFile: folder + "stat", encoding: .utf8))?.split(separator: ")").last
        let fields = times?.split(separator: " ").map(String.init) ?? []
        let writes = (try? String(contentsOfFile: folder + "io", encoding: .utf8))?.split(separator: "\n")
            .filter { $0.hasPrefix("wchar") || $0.hasPrefix("write_bytes") }.map(String.init)
        return fields.dropFirst(11).prefix(2) + (writes ?? [])
    }

    private func ask<Value: Decodable>(_ word: String) throws -> Value {
        try input.fileHandleForWriting.write(contentsOf: Data((word + "\n").utf8))
        return try answer()
    }

    private func answer<Value: Decodable>() throws -> Value {
        while !unread.contains(0x0A) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw PeerFailure("\(name): the process ended.") }
            unread += more
        }
        let line = unread.prefix { $0 != 0x0A }
        unread = Data(unread.dropFirst(line.count + 1))
        let answer = try JSONDecoder().decode(Answer<Value>.self, from: line)
        guard let value = answer.value else { throw PeerFailure("\(name): \(answer.failure ?? "no answer")") }
        return value
    }
}
