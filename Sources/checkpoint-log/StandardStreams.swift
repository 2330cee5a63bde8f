#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CheckpointLog
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What is said when a standard stream cannot be read or written: what a command found is then not known to whoever
/// asked.
struct StreamFailure: Error, CustomStringConvertible {
    var description: String

    init(_ stream: String, _ error: Errno) { description = "\(stream): \(error)" }

    init(closed stream: String) {
        description = "\(stream) is closed; nothing was done. Open it, if only on /dev/null."
    }
}

/// Bytes in, bytes and text out.
enum StandardStreams {
    private static let chunkByteCount = 64 << 10

    /// Where a stream is closed, the next file that is opened would have its number.
    static func requireInput() throws {
        guard isOpen(.standardInput) else { throw StreamFailure(closed: "standard input") }
    }

    static func requireOutput() throws {
        guard isOpen(.standardOutput) else { throw StreamFailure(closed: "standard output") }
    }

    private static func isOpen(_ stream: FileDescriptor) -> Bool {
        var status = stat()
        // What the runtime opens for itself gets the number of a closed stream, too; such files have no type.
        return unsafe fstat(stream.rawValue, &status) == 0 && status.st_mode & S_IFMT != 0
    }

    /// All bytes of standard input, or one more than `limit` where there are more than that.
    static func readInput(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkByteCount)
        while bytes.count <= limit {
            let count = try failing("standard input") {
                try unsafe chunk.withUnsafeMutableBytes { try unsafe FileDescriptor.standardInput.read(into: $0) }
            }
            guard count > 0 else { break }
            bytes += chunk[..<min(count, limit + 1 - bytes.count)]
        }
        return bytes
    }

    static func write(_ bytes: [UInt8]) throws {
        _ = try failing("standard output") { try FileDescriptor.standardOutput.writeAll(bytes) }
    }

    /// Ends what was written: some file systems say only now that it could not be stored.
    static func endOutput() throws {
        try failing("standard output") { try FileDescriptor.standardOutput.close() }
    }

    private static func failing<Result>(_ stream: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Errno {
            throw StreamFailure(stream, error)
        }
    }

    static func writeLine(_ text: String) throws {
        try write(Array((text + "\n").utf8))
    }

    static func writeJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        try write(Array(encoder.encode(value)) + [UInt8(ascii: "\n")])
    }

    /// Prints to standard error. Nobody is left to tell when that fails.
    static func complain(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll("checkpoint-log: \(text)\n".utf8)
    }

    static var errorIsTerminal: Bool { isatty(FileDescriptor.standardError.rawValue) == 1 }

    static func writeToError(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(text.utf8) }
}
