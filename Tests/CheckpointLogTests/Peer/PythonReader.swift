import CheckpointLog
import Foundation
import Testing

/// The reader in Python, which was written from FORMAT.md alone, beside the engine.
enum PythonReader {
    static let python = "/usr/bin/python3"
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    /// `Examples/python`, where `read_log.py` stands.
    private static let examples = folder.appending(path: "../../../Examples/python").standardized

    /// Where tests must not be skipped, the absence of the interpreter or of its module lz4 is a failure.
    static let isAvailable = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_CI"] == "1" || isInstalled

    private static var isInstalled: Bool {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-c", "import lz4.block"]
        process.standardError = Pipe()
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    /// A version that a log has, or a member of the newest group of a name.
    struct Value: Decodable, Hashable {
        var level: Int
        var origin = ""
        var key: String
        /// The group's name; empty for a version.
        var group = ""
        var number: UInt64
        /// That of the content; -1 where it cannot be read.
        var crc: Int
        var byteCount: Int
    }

    /// What a reader finds: texts in hexadecimal.
    struct Outcome: Decodable {
        var verdict: String
        var reason: String
        var values: [Value]
    }

    /// What the Python reader finds in each directory.
    static func read(_ paths: [String]) throws -> [Outcome] {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [folder.appending(path: "compare.py").path, examples.path]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(paths.map { $0 + "\n" }.joined().utf8))
        try input.fileHandleForWriting.close()
        let found = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try String(decoding: found, as: UTF8.self).split(separator: "\n").map {
            try JSONDecoder().decode(Outcome.self, from: Data($0.utf8))
        }
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// What has versions of its own.
    struct Name {
        var key: CheckpointKey
        var level: Int
        /// Nil for the log's own.
        var origin: String?
    }

    /// The keys of a sound log.
    static func keys(_ path: String, _ configuration: Configuration = Configuration()) async throws -> [Name] {
        let log = try await CheckpointLog.openForReading(at: path, configuration: configuration)
        let keys = try await log.checkpoints().map { Name(key: $0.key, level: $0.level, origin: $0.origin) }
        try await log.close()
        return keys
    }

    /// What the engine finds: all versions of these keys, and the newest groups of these names. A listing would end at
    /// the first header that is damaged; a key that is known is looked up without one.
    static func engine(
        _ path: String, keys: [Name], groups: [(CheckpointKey, Int)] = [],
        _ configuration: Configuration = Configuration()
    ) async throws -> Outcome {
        let log: CheckpointLog
        do {
            log = try await CheckpointLog.openForReading(at: path, configuration: configuration)
        } catch let error as CheckpointLogError {
            let verdict =
                switch error.code {
                case .damaged: "damage"
                case .unsupportedFormat: "unsupported"
                case .notALog: "no log"
                default: "\(error.code)"
                }
            return Outcome(verdict: verdict, reason: error.message, values: [])
        }
        var values: [Value] = []
        for name in keys {
            let query = RecordQuery(
                key: name.key, level: UInt8(name.level), origin: name.origin.map { Origin($0) } ?? .own)
            for version in try log.engine.versions(query) {
                values.append(try await value(log, name, version.number))
            }
        }
        for (name, level) in groups {
            guard let group = try await log.restoreGroup(name, level: level) else { continue }
            for (index, key) in group.keys.enumerated() {
                let number = group.sequenceNumber.rawValue - UInt64(group.keys.count - index)
                let place = Name(key: key, level: level)
                var member = try await value(log, place, SequenceNumber(rawValue: number))
                member.group = hex(name.name.utf8)
                values.append(member)
            }
        }
        try await log.close()
        return Outcome(verdict: "sound", reason: "", values: values)
    }

    private static func value(
        _ log: CheckpointLog, _ name: Name, _ number: SequenceNumber
    ) async throws -> Value {
        var value = Value(
            level: name.level, origin: hex((name.origin ?? "").utf8), key: hex(name.key.name.utf8),
            number: number.rawValue, crc: -1, byteCount: -1)
        do {
            let bytes = try #require(
                try await log.restoreBytes(
                    for: name.key, level: name.level, version: .sequence(number), origin: name.origin))
            (value.crc, value.byteCount) = (Int(Checksum.of(bytes)), bytes.count)
        } catch let error as CheckpointLogError where error.code == .damaged {
            // Said as the Python reader says it.
        }
        return value
    }
}
