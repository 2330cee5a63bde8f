import CBOR
import Foundation
import Testing

/// Our coder against an independent one: Debian's `python3-cbor2`, in both directions.
@Suite struct PeerTests {
    /// The interpreter that Debian's packages serve, which need not be the first in the path.
    static let python = "/usr/bin/python3"
    static let recordCount = 120

    /// Whether the peer is there. Where tests must not be skipped, its absence is a failure.
    static let isAvailable: Bool = {
        if ProcessInfo.processInfo.environment["CHECKPOINT_LOG_CI"] == "1" { return true }
        return (try? run(["-c", "import cbor2"], input: "")) != nil
    }()

    struct PeerFailure: Error { var text: String }

    static var script: String {
        get throws {
            try #require(Bundle.module.url(forResource: "peer", withExtension: "py", subdirectory: "Peer")).path
        }
    }

    static func run(_ arguments: [String], input: String) throws -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = arguments
        let (input, text, output, errors) = (Pipe(), input, Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // Written beside the reading: neither side waits for a full pipe.
        let writer = Thread {
            try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
            try? input.fileHandleForWriting.close()
        }
        writer.start()
        let found = try output.fileHandleForReading.readToEnd() ?? Data()
        let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PeerFailure(text: "install python3-cbor2: " + String(decoding: complaint, as: UTF8.self))
        }
        return String(decoding: found, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    static func bytes(_ hex: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var digits = hex.utf8.makeIterator()
        func value(_ digit: UInt8) -> UInt8 { digit > 0x39 ? digit - 0x57 : digit - 0x30 }
        while let high = digits.next(), let low = digits.next() { bytes.append(value(high) << 4 | value(low)) }
        return bytes
    }

    @Test(.enabled(if: isAvailable)) func whatThePeerEncodesIsReadAsItWasMeant() throws {
        let seed = Int.random(in: 0..<1_000_000)
        let lines = try Self.run([try Self.script, "encode", "\(seed)", "\(Self.recordCount)"], input: "")
        #expect(lines.count == Self.recordCount)
        for (index, line) in lines.enumerated() {
            let parts = line.split(separator: " ")
            try #require(parts.count == 3)
            let record = try CBORDecoder().decode(PeerRecord.self, from: Self.bytes(parts[1]))
            #expect(record.description == parts[2], "seed \(seed), record \(index), \(parts[0])")
        }
    }

    @Test(.enabled(if: isAvailable)) func whatWeEncodeIsReadByThePeerAsItWasMeant() throws {
        let seed = Int.random(in: 0..<1_000_000)
        let lines = try Self.run([try Self.script, "encode", "\(seed)", "\(Self.recordCount)"], input: "")
        var records: [PeerRecord] = []
        for line in lines {
            records.append(try CBORDecoder().decode(PeerRecord.self, from: Self.bytes(line.split(separator: " ")[1])))
        }
        let encoded = try records.map { record in
            try CBOREncoder().encode(record).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        let described = try Self.run([try Self.script, "decode"], input: encoded.joined(separator: "\n") + "\n")
        #expect(described.count == records.count)
        for (record, line) in zip(records, described) { #expect(record.description == line, "seed \(seed)") }
    }
}
