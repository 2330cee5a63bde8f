import Foundation
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A process that is spoken with line by line, and that can be killed.
///
/// Nothing is read ahead of what is asked for: a process that says more than is listened to waits.
final class TalkingProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var rest: [UInt8] = []
    private(set) var isKilled = false

    /// - Parameter environment: what the process is told beside what this one was.
    init(_ name: String, _ arguments: String..., environment: [String: String] = [:]) throws {
        process.executableURL = BuiltTool.builtProducts.appending(path: name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// No process outlives its test.
    deinit { if process.isRunning { kill() } }

    /// Where ``hear()`` reads from, to wait on.
    var descriptor: Int32 { output.fileHandleForReading.fileDescriptor }

    /// A process that is gone does not hear it, and that is no error.
    func tell(_ line: String) {
        _ = try? FileDescriptor(rawValue: input.fileHandleForWriting.fileDescriptor).writeAll((line + "\n").utf8)
    }

    /// The lines that it has said by now; waits for the first bytes. Nil once there will be none.
    func hear() throws -> [String]? {
        let bytes = try unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            count = unsafe try FileDescriptor(rawValue: descriptor).read(into: UnsafeMutableRawBufferPointer(buffer))
        }
        guard !bytes.isEmpty else { return nil }
        rest += bytes
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let last = lines.removeLast()
        rest = Array(last)
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }

    func kill() {
        isKilled = true
        #if canImport(Darwin)
        _ = Darwin.kill(process.processIdentifier, SIGKILL)
        #elseif canImport(Musl)
        _ = Musl.kill(process.processIdentifier, SIGKILL)
        #else
        _ = Glibc.kill(process.processIdentifier, SIGKILL)
        #endif
    }

    /// Waits for its end. What is not as it was wanted; nil when it was killed by ``kill()``, or ended well without.
    func end() -> String? {
        process.waitUntilExit()
        let (reason, status) = (process.terminationReason, process.terminationStatus)
        let isWanted = isKilled ? reason == .uncaughtSignal && status == SIGKILL : reason == .exit && status == 0
        return isWanted ? nil : "it ended by itself: \(reason) \(status)"
    }

    /// Waits until one of `processes` has something to say or has ended; which, by index. Empty when `seconds` passed
    /// without.
    static func ready(_ processes: [TalkingProcess], seconds: Int32) -> [Int] {
        var requests = processes.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        var count: Int32
        repeat {
            count = unsafe poll(&requests, nfds_t(requests.count), seconds * 1_000)
        } while count < 0 && errno == EINTR
        return requests.indices.filter { requests[$0].revents != 0 }
    }
}
