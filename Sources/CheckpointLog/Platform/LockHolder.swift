#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Who holds the lock of a log, according to the lock's file. FORMAT.md, "Files of a directory".
package struct LockHolder: Hashable, Sendable {
    package var process: Int32
    /// When the process began, in microseconds since 1970-01-01 UTC; 0 if the system does not say.
    package var began: Int64
    package var host: String

    package init(process: Int32, began: Int64, host: String) {
        self.process = process
        self.began = began
        self.host = host
    }

    /// An upper bound of a holder's bytes: a number of 11 characters, one of 20, a host name of at most 255 bytes,
    /// three line ends.
    static let byteLimit = 512

    /// Whether the bytes of a lock's file come from a writer of logs, or from a power cut during its write: nothing, a
    /// holder or a part of one, and zero bytes after it. Anything else belongs to somebody else.
    static func mayReplace(_ bytes: [UInt8]) -> Bool {
        guard bytes.count <= byteLimit else { return bytes.allSatisfy { $0 == 0 } }
        var text = bytes
        while text.last == 0 { text.removeLast() }
        return LockHolder(text) != nil || text.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x0A }
    }

    /// A line for each part. The host's name is the last, since it may contain anything.
    package var bytes: [UInt8] { Array("\(process)\n\(began)\n\(host.onOneLine)\n".utf8) }

    /// Reads ``bytes``, or their first line only; nil for anything else.
    package init?(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard bytes.count <= Self.byteLimit, bytes.last == UInt8(ascii: "\n"), lines.count == 2 || lines.count == 4,
            let process = Int32(lines[0]), process > 0
        else { return nil }
        var (began, host) = (Int64(0), "")
        if lines.count == 4 {
            guard let time = Int64(lines[1]) else { return nil }
            (began, host) = (time, lines[2])
        }
        self.init(process: process, began: began, host: host)
    }
}

extension LockHolder: CustomStringConvertible {
    /// The year 10,000, in which no process began.
    private static let timeLimit: Int64 = 253_402_300_800_000_000

    package var description: String {
        var text = "process \(process)"
        if !host.isEmpty { text += " on \(host.onOneLine)" }
        if (1..<Self.timeLimit).contains(began) {
            // Whole seconds, as lists of processes show them.
            text += ", begun \(Date(timeIntervalSince1970: Double(began / 1_000_000)).formatted(.iso8601))"
        }
        return text
    }
}
