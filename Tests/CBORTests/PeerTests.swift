import CBOR
import Foundation
import TestSupport
import Testing

/// Both directions against an independent implementation: Debian's python3-cbor2, run by the system's Python.
///
/// Without it the tests are skipped on a developer's machine and fail under continuous integration.
@Suite struct PeerTests {
    static let python = "/usr/bin/python3"

    static let isInstalled: Bool = (try? run(python, ["-c", "import cbor2"])) != nil

    static let isRequired =
        ["CI", "CHECKPOINT_LOG_CI"].contains { ProcessInfo.processInfo.environment[$0, default: ""] != "" }

    struct Failure: Error { var message: String }

    @Test func thePeerIsInstalledWhereItIsRequired() {
        if Self.isRequired {
            #expect(Self.isInstalled, "\(Self.python) has no cbor2: install the package python3-cbor2.")
        }
    }

    @Test(.enabled(if: isInstalled || isRequired, "\(python) has no cbor2: install the package python3-cbor2."))
    func whatIsEncodedHereThePeerReads() throws {
        var random = SeededGenerator(seed: 8949)
        let records = (0..<150).map { _ in PeerRecord(using: &random) }
        let lines = try records.map { record in
            try CBOREncoder().encode(record).map { String(format: "%02x", $0) }.joined()
        }
        let answers = try peer(["decode"], input: lines.joined(separator: "\n"))
        try #require(answers.count == records.count)
        for (record, answer) in zip(records, answers) { #expect(answer == record.description) }
    }

    @Test(
        .enabled(if: isInstalled || isRequired, "\(python) has no cbor2: install the package python3-cbor2."),
        arguments: [1, 2, 3])
    func whatThePeerEncodesIsReadHere(seed: Int) throws {
        // Plain, canonical, with timestamps, and with indefinite lengths, in turn.
        let answers = try peer(["encode", "\(seed)", "100"], input: "")
        try #require(answers.count == 100)
        for answer in answers {
            let parts = answer.split(separator: " ")
            try #require(parts.count == 3)
            let bytes = Self.bytes(parts[1])
            try CBORValidation.check(bytes)
            let record = try CBORDecoder().decode(PeerRecord.self, from: bytes)
            #expect(record.description == parts[2], "\(parts[0]) \(parts[1])")
        }
    }

    /// Whatever is decoded here is CBOR to the peer, too: bytes that were changed at random, the inputs of the fuzzer,
    /// and those in the folder that CHECKPOINT_LOG_PEER_INPUTS names, as what a fuzzer has just found.
    @Test(.enabled(if: isInstalled || isRequired, "\(python) has no cbor2: install the package python3-cbor2."))
    func whatIsAcceptedHereThePeerAccepts() throws {
        let seed = testSeed()
        var (random, maker) = (SeededGenerator(seed: seed), CallProgram.Maker(seed: seed))
        var inputs: [[UInt8]] = []
        for _ in 0..<400 {
            let bytes = try CBOREncoder().encode(maker.program())
            for _ in 0..<10 {
                var changed = bytes
                for _ in 0...random.number(below: 2) {
                    changed[random.number(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                }
                inputs.append(changed)
            }
        }
        let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../FuzzTargets/Corpus/cbor")
        let folders = [corpus] + (Self.inputs.map { [URL(filePath: $0)] } ?? [])
        for folder in folders {
            for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
                // The first byte of a fuzzer's input chooses the type.
                inputs.append(Array(try Data(contentsOf: file).dropFirst()))
            }
        }
        let accepted = inputs.filter { (try? CBORDecoder().decode(AnyItem.self, from: $0)) != nil }
        #expect(accepted.count > 1_000)
        let lines = accepted.map { $0.map { String(format: "%02x", $0) }.joined() }
        let answers = try peer(["accept"], input: lines.joined(separator: "\n"))
        try #require(answers.count == accepted.count)
        for (line, answer) in zip(lines, answers) where answer != "accepted" { Issue.record("\(line): \(answer)") }
    }

    static let inputs = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_PEER_INPUTS"]

    private func peer(_ arguments: [String], input: String) throws -> [Substring] {
        let script = try #require(Bundle.module.url(forResource: "peer", withExtension: "py", subdirectory: "Peer"))
        return try Self.run(Self.python, [script.path] + arguments, input: input).split(separator: "\n")
    }

    static func bytes(_ hex: some StringProtocol) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count & ~1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// The standard output of a program that succeeds. Files stand in for pipes, which fill up.
    private static func run(_ program: String, _ arguments: [String], input: String = "") throws -> String {
        let directory = FileManager.default.temporaryDirectory.appending(path: "peer-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let files = ["input", "output", "errors"].map { directory.appending(path: $0) }
        try Data(input.utf8).write(to: files[0])
        for file in files[1...] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(message: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
        }
        return String(decoding: try Data(contentsOf: files[1]), as: UTF8.self)
    }
}
