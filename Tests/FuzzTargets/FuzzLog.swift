import CheckpointLog
import SystemPackage
import TestSupport

/// A small sound log, into which a run puts one file of its own.
enum FuzzLog {
    static let path: FilePath = "/log"

    /// The files of a log that was closed, by name: a sealed segment, one large value, a snapshot.
    static let files: [String: [UInt8]] = {
        let disk = SimulatedFileSystem(seed: 1)
        do {
            let engine = try LogEngine.open(at: path, LogSurvey.configuration(disk))
            for number in 0..<4 { try put(engine, "key \(number % 3)", count: 40 + number * 300) }
            try put(engine, "large", count: 5_000)
            _ = try engine.appendGroup("pair", [("left", [1], .raw), ("right", [2], .raw)], Level(validating: 2))
            _ = try engine.appendRemoval(of: "key 2", Level(validating: 1))
            try engine.close()
        } catch {
            preconditionFailure("The log to begin from: \(error)")
        }
        var files: [String: [UInt8]] = [:]
        for name in disk.fileNames(in: path) { files[name] = disk.contents(of: path.appending(name)) }
        return files
    }()

    static let manifest: Manifest = {
        guard let manifest = try? Manifest(files[FileName.manifest] ?? [], path: "") else {
            preconditionFailure("The log to begin from has a manifest.")
        }
        return manifest
    }()

    static var identity: LogIdentity {
        LogIdentity(
            fileSystem: SimulatedFileSystem(seed: 1), directory: AbsentDirectory(), identifier: manifest.identifier,
            hashSecret: manifest.hashSecret)
    }

    private static func put(_ engine: LogEngine, _ key: CheckpointKey, count: Int) throws {
        _ = try engine.append([UInt8](repeating: 7, count: count), try engine.attributes(1).adding(.raw), key: key)
    }

    /// Looks in every way at the log with some of its files replaced, or new ones beside them.
    static func survey(with others: [String: [UInt8]]) {
        for way in LogSurvey.Way.allCases {
            let disk = SimulatedFileSystem(seed: 1)
            for (name, bytes) in files.merging(others, uniquingKeysWith: { $1 }) {
                disk.setContents(bytes, of: path.appending(name))
            }
            let outcome = LogSurvey(log: path, fileSystem: disk).look(way)
            precondition(!outcome.isWrong, "\(way): \(outcome)")
        }
    }

    /// Puts the masked checksum of the bytes after it at `offset`.
    static func seal(_ bytes: inout [UInt8], at offset: Int, to end: Int? = nil) {
        let end = end ?? bytes.count
        guard offset + 4 <= end, end <= bytes.count else { return }
        set(Checksum.mask(Checksum.of(Array(bytes[offset + 4..<end]))), in: &bytes, at: offset)
    }

    static func set<Integer: FixedWidthInteger>(_ integer: Integer, in bytes: inout [UInt8], at offset: Int) {
        var part: [UInt8] = []
        part.append(littleEndian: integer)
        bytes.replaceSubrange(offset..<offset + part.count, with: part)
    }

    static func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, of bytes: [UInt8], at offset: Int) -> Integer
    {
        var cursor = ByteCursor(bytes, from: offset)
        return cursor.integer(type) ?? 0
    }
}
