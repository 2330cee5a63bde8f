import Foundation

/// A process of the tree, its lines read as they come.
final class Child: @unchecked Sendable {
    let name: String
    private let process = Process()
    private let pipe = Pipe()
    private let input = Pipe()
    private let lock = NSLock()
    private var lines: [String] = []
    private var rest = ""
    private let ended = DispatchSemaphore(value: 0)

    init(_ name: String, _ arguments: [String]) throws {
        self.name = name
        guard let executable = Bundle.main.executableURL else { throw CocoaError(.executableNotLoadable) }
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = pipe
        try process.run()
        Thread.detachNewThread { [self] in
            while true {
                let bytes = pipe.fileHandleForReading.availableData
                if bytes.isEmpty { break }
                take(String(decoding: bytes, as: UTF8.self))
            }
            ended.signal()
        }
    }

    private func take(_ text: String) {
        lock.withLock {
            var parts = (rest + text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            rest = parts.removeLast()
            lines += parts
        }
    }

    /// Writes a line to it.
    func ask() throws { try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8)) }

    /// The lines that begin with `word`, without it, as they came.
    func told(_ word: String) -> [[String]] {
        lock.withLock { lines }.map { $0.split(separator: " ").map(String.init) }.filter { $0.first == word }
            .map { Array($0.dropFirst()) }
    }

    /// Ends the process as a crash does, and returns when everything it told is read.
    func kill() {
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        ended.wait()
    }
}
