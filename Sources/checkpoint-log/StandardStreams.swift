import CheckpointLog
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Bytes in, bytes and text out.
enum StandardStreams {
    private static let chunkByteCount = 64 << 10

    /// All bytes of standard input, or one more than `limit` where there are more than that.
    static func readInput(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkByteCount)
        while bytes.count <= limit {
            let count = try unsafe chunk.withUnsafeMutableBytes {
                try unsafe FileDescriptor.standardInput.read(into: $0)
            }
            guard count > 0 else { break }
            bytes += chunk[..<min(count, limit + 1 - bytes.count)]
        }
        return bytes
    }

    static func write(_ bytes: [UInt8]) throws {
        try FileDescriptor.standardOutput.writeAll(bytes)
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
}
