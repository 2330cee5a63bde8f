import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport

/// A log on the real disk that is done harm to, in a directory of its own beside one that nothing may touch.
///
/// The log has a file of every kind: sealed segments, an output, value segments, a snapshot, and a chain that a killed
/// process left behind.
final class HostileLog {
    /// Nil for a log on the simulated disk, which holds neither links nor holes and is much faster.
    private let home: TemporaryDirectory?
    let disk: SimulatedFileSystem?
    let log: FilePath
    /// Holds one file, `precious`.
    let outside: FilePath
    let precious: FilePath
    private static let preciousBytes = Array("not to be touched\n".utf8)

    /// The files of the sound log, by name.
    static let files: [String: [UInt8]] = (try? life()) ?? [:]

    init(isSimulated: Bool = false) throws {
        home = isSimulated ? nil : try TemporaryDirectory()
        disk = isSimulated ? SimulatedFileSystem(seed: 2) : nil
        let parent = home?.path ?? "/"
        log = parent.appending("log")
        outside = parent.appending("outside")
        precious = outside.appending("precious")
        if disk == nil {
            for directory in [log, outside] {
                try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: false)
            }
        }
        try write(Self.preciousBytes, to: precious)
        for (name, bytes) in Self.files { try put(bytes, name) }
    }

    private static func life() throws -> [String: [UInt8]] {
        let disk = SimulatedFileSystem(seed: 1)
        func put(_ engine: LogEngine, _ key: CheckpointKey, _ round: Int, count: Int = 300) throws {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: count)
            _ = try engine.append(bytes, try engine.attributes(1).adding(.raw), key: key)
        }
        for opening in 0..<3 {
            let engine = try LogEngine.open(at: "/log", LogSurvey.configuration(disk))
            for number in 0..<12 { try put(engine, "key \(number % 6)", opening * 12 + number) }
            try put(engine, "large", opening, count: 9_000)
            _ = try engine.appendGroup(
                "pair", [("left", [1, 2, 3], .raw), ("right", [4], .raw)], Level(validating: 2))
            _ = try engine.appendRemoval(of: "key 5", Level(validating: 1))
            if opening == 1 { try engine.requireWriter().maintenance.compact(fully: true) }
            if opening < 2 {
                try engine.close()
            } else {
                let writer = try engine.requireWriter()
                try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
                engine.abandon()
            }
        }
        var files: [String: [UInt8]] = [:]
        for name in disk.fileNames(in: "/log") { files[name] = disk.contents(of: FilePath("/log").appending(name)) }
        return files
    }

    // MARK: Doing harm

    func path(_ name: String) -> FilePath { log.appending(name) }

    func put(_ bytes: [UInt8], _ name: String) throws { try write(bytes, to: path(name)) }

    func bytes(_ name: String) throws -> [UInt8] { try read(path(name)) }

    func remove(_ name: String) throws {
        if let disk {
            disk.removeFile(path(name))
        } else {
            try FileManager.default.removeItem(atPath: path(name).string)
        }
    }

    /// Extends a file with a hole.
    func stretch(_ name: String, to byteCount: Int64) throws {
        let file = try FileDescriptor.open(path(name), .readWrite)
        defer { try? file.close() }
        try file.resize(to: byteCount)
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        if let disk {
            disk.setContents(bytes, of: path)
        } else {
            try Data(bytes).write(to: URL(filePath: path.string))
        }
    }

    private func read(_ path: FilePath) throws -> [UInt8] {
        guard let disk else { return Array(try Data(contentsOf: URL(filePath: path.string))) }
        guard let bytes = disk.contents(of: path) else { throw Missing() }
        return bytes
    }

    /// The names of the sound log's segments of a role, ascending.
    static func segments(_ role: SegmentRole) -> [SegmentName] {
        files.keys.compactMap(SegmentName.init(fileName:)).filter { $0.role == role }
            .sorted { $0.identifier < $1.identifier }
    }

    static var manifest: Manifest {
        get throws {
            guard let manifest = try Manifest(files["MANIFEST"] ?? [], path: "") else { throw Missing() }
            return manifest
        }
    }

    struct Missing: Error {}

    // MARK: Looking

    /// Whether the directory beside the log is as it was made.
    var isOutsideUntouched: Bool {
        let names =
            disk?.fileNames(in: outside) ?? (try? FileManager.default.contentsOfDirectory(atPath: outside.string))
        return names == ["precious"] && (try? read(precious)) == Self.preciousBytes
    }

    /// - Parameter other: what to look through in the place of the disk that the log is on.
    func look(_ way: LogSurvey.Way, through other: (any FileSystem)? = nil) -> LogSurvey.Outcome {
        LogSurvey(log: log, fileSystem: other ?? disk ?? POSIXFileSystem.shared).look(way)
    }
}
