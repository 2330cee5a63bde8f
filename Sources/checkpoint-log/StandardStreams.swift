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

/// The error if a standard stream cannot be read or written. Nobody then learns what the command found.
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

    /// If a stream is closed, the next file that is opened would get its number.
    static func requireInput() throws {
        guard isOpen(.standardInput) else { throw StreamFailure(closed: "standard input") }
    }

    static func requireOutput() throws {
        guard isOpen(.standardOutput) else { throw StreamFailure(closed: "standard output") }
    }

    private static func isOpen(_ stream: FileDescriptor) -> Bool {
        var status = stat()
        // Files that the runtime opens for itself can get the number of a closed stream; such files have no type.
        return unsafe fstat(stream.rawValue, &status) == 0 && status.st_mode & S_IFMT != 0
    }

    /// All bytes of standard input; one more than `limit` if there are more than that.
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

    /// Closes the output: some file systems report only now that it could not be stored.
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

    /// Prints to standard error. If that fails, nobody can be told.
    static func complain(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll("checkpoint-log: \(text)\n".utf8)
    }

    static var errorIsTerminal: Bool { isatty(FileDescriptor.standardError.rawValue) == 1 }

    static func writeToError(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(text.utf8) }
}
