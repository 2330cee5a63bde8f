import Foundation

/// A contender in a process of its own: its memory is its own, and what it leaves to do in the background costs nobody else,
/// for it is stopped whenever another one is measured.
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

    /// Starts the process and waits until the contender is prepared; stopped then.
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
        stop()
    }

    static var executable: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }

    func measure() throws -> Measurement { try ask("measure") }

    /// Ends the contender.
    func finish() throws -> Outcome {
        let outcome: Outcome = try ask("finish")
        resume()
        process.waitUntilExit()
        return outcome
    }

    /// Ends the process whatever it does.
    func kill() {
        guard process.isRunning else { return }
        _ = Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private func stop() { _ = Glibc.kill(process.processIdentifier, SIGSTOP) }

    private func resume() { _ = Glibc.kill(process.processIdentifier, SIGCONT) }

    private func ask<Value: Decodable>(_ word: String) throws -> Value {
        resume()
        defer { stop() }
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
