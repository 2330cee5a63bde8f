import Foundation

/// A worker that runs as a process of its own and can be killed at any moment.
final class WorkerProcess {
    /// Far more than any step takes, on a busy machine with a slow disk too: a worker that hangs is told, and not
    /// waited for.
    private static let patienceSeconds: Int32 = 120

    private let process = Process()
    private let pipe = Pipe()
    /// Nothing is written to it. Its end tells a worker that waits to be killed that nobody will.
    private let input = Pipe()
    private var received = Data()

    /// Starts this executable as a worker.
    init(directory: String, epochCount: Int, stopAt point: StopPoint? = nil) throws {
        guard let executable = Bundle.main.executableURL else { throw CocoaError(.executableNotLoadable) }
        process.executableURL = executable
        var arguments = ["worker", directory, "--epochs", "\(epochCount)"]
        if let point { arguments += ["--stop-at", point.place.rawValue, "--after-step", "\(point.step)"] }
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = pipe
        try process.run()
    }

    deinit { if process.isRunning { kill() } }

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
            let output = pipe.fileHandleForReading
            var request = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&request, 1, Self.patienceSeconds * 1_000) != 0 else {
                throw DemoFailure("The worker has said nothing for \(Self.patienceSeconds) s.")
            }
            let bytes = output.availableData
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
