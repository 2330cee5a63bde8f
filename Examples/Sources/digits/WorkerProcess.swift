import Foundation

/// A worker that runs as a process of its own and can be killed at any moment.
final class WorkerProcess {
    private let process = Process()
    private let pipe = Pipe()
    private var received = Data()

    /// Starts this executable as a worker.
    init(directory: String, epochCount: Int) throws {
        guard let executable = Bundle.main.executableURL else { throw CocoaError(.executableNotLoadable) }
        process.executableURL = executable
        process.arguments = ["worker", directory, "--epochs", "\(epochCount)"]
        process.standardOutput = pipe
        try process.run()
    }

    /// The next line; nil once the worker has ended and everything it told is read.
    func nextReport() throws -> WorkerReport? {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[received.startIndex..<end], as: UTF8.self)
                received = received[received.index(after: end)...]
                guard let report = WorkerReport(line: line[...]) else {
                    throw DemoFailure("The worker said \"\(line)\", which is not understood.")
                }
                return report
            }
            let bytes = pipe.fileHandleForReading.availableData
            if bytes.isEmpty { return nil }
            received = Data(received) + bytes
        }
    }

    /// Ends the worker as a crash does: it cannot notice, and nothing of it runs any more.
    func kill() {
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
    }

    /// Waits for the end, and tells whether it was by `SIGKILL`; any other end but a normal one is a failure.
    func wasKilled() throws -> Bool {
        process.waitUntilExit()
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): return false
        case (.uncaughtSignal, SIGKILL): return true
        default: throw DemoFailure("The worker ended by itself with code \(process.terminationStatus).")
        }
    }
}

/// Why the demo cannot go on.
struct DemoFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
