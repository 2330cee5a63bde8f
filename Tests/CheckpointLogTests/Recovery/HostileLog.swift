import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport

/// A log on the real disk that is done harm to, in a directory of its own beside one that nothing may touch.
///
/// The log has a file of every kind: sealed segments, an output, value segments, a snapshot, and a chain that a killed process
/// left behind.
final class HostileLog {
    /// How a log is looked at; each must end in a value or an error.
    enum Way: String, CaseIterable, Sendable {
        case writing, reading, salvage, verification
    }

    enum Outcome: Equatable, Sendable {
        /// Opened, everything in it asked for, and closed; so many checkpoints were given.
        case opened(restored: Int)
        case refused(CheckpointLogError.Code)
        /// The exit code of the verification.
        case verified(Int)
        /// An error of another kind: what must never be.
        case wrong(String)

        var isWrong: Bool { if case .wrong = self { true } else { false } }
    }

    /// Nil for a log on the simulated disk, which holds neither links nor holes and is much faster.
    private let home: TemporaryDirectory?
    private let disk: SimulatedFileSystem?
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

    static func configuration(_ fileSystem: any FileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = fileSystem
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.snapshotByteCount = 0
        configuration.randomSeed = 9
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    private static func life() throws -> [String: [UInt8]] {
        let disk = SimulatedFileSystem(seed: 1)
        func put(_ engine: LogEngine, _ key: CheckpointKey, _ round: Int, count: Int = 300) throws {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: count)
            _ = try engine.append(bytes, try engine.content(1).adding(.raw), key: key)
        }
        for opening in 0..<3 {
            let engine = try LogEngine.open(at: "/log", configuration(disk))
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
    func look(_ way: Way, through other: (any FileSystem)? = nil) -> Outcome {
        let fileSystem: any FileSystem = other ?? disk ?? POSIXFileSystem.shared
        do {
            let configuration = Self.configuration(fileSystem)
            switch way {
            case .writing: return .opened(restored: try write(configuration))
            case .reading: return .opened(restored: try read(configuration, isSalvage: false))
            case .salvage: return .opened(restored: try read(configuration, isSalvage: true))
            case .verification:
                let verifier = LogVerifier(directory: log, level: .deep, fileSystem: fileSystem, threadCount: 2)
                let report = verifier.run()
                for finding in report.findings where "\(finding)".contains("\n") {
                    return .wrong("a finding of more than one line: \(finding)")
                }
                return .verified(report.exitCode)
            }
        } catch let error as CheckpointLogError {
            return "\(error)".contains("\n") ? .wrong("an error of more than one line: \(error)") : .refused(error.code)
        } catch {
            return .wrong("\(way): \(error)")
        }
    }

    private func write(_ configuration: Configuration) throws -> Int {
        let engine = try LogEngine.open(at: log, configuration)
        defer { engine.abandon() }
        let count = restoreAll(engine)
        _ = try engine.append([1, 2, 3], try engine.content(1).adding(.raw), key: "new")
        // Damage that an opening does not read is met by compaction, which then leaves the segment alone.
        do { try engine.requireWriter().maintenance.compact(fully: true) } catch let error as CheckpointLogError {
            guard error.code == .damaged else { throw error }
        }
        try engine.close()
        return count
    }

    private func read(_ configuration: Configuration, isSalvage: Bool) throws -> Int {
        let engine = try LogEngine.openForReading(at: log, configuration, isSalvage: isSalvage)
        defer { engine.abandon() }
        let count = restoreAll(engine)
        try engine.refresh(isForced: true)
        return count
    }

    /// Asks for everything that the index holds; what is damaged may say so.
    private func restoreAll(_ engine: LogEngine) -> Int {
        var count = 0
        engine.catalog.index.forEach { _, entry, _ in
            guard let found = try? engine.header(at: entry.location), found.header.kind.hasKey else { return }
            let key = CheckpointKey(String(decoding: found.key, as: UTF8.self))
            let query = RecordQuery(key: key, level: found.header.level, version: .sequence(entry.sequenceNumber))
            if (try? unsafe engine.withContent(query) { $1.count }) != nil { count += 1 }
        }
        _ = try? engine.checkpoints(level: nil)
        return count
    }
}
