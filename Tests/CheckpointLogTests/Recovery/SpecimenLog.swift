import CheckpointLog
import SystemPackage
import TestSupport

/// A small log with a file of every kind, as a process that was killed left it, and what must be found in it.
///
/// Three openings made it: the first is compacted into an output, the second is sealed, the third was not closed. Half
/// of what the third appended was synced.
struct SpecimenLog: Sendable {
    struct Address: Hashable, Sendable {
        var level: UInt8
        var key: String
    }

    /// What can be restored, by numbers alone: the oracle, which knows nothing of the engine but its documented rules.
    struct State: Equatable, Sendable {
        var versions: [Address: [SequenceNumber]] = [:]
        var groups: [Address: SequenceNumber] = [:]
    }

    enum File: String, CaseIterable, Sendable {
        case active, sealed, output, value, manifest, position, snapshot
    }

    static let path: FilePath = "/log"
    static let groupKeys = ["left", "right"]

    private(set) var disk = SimulatedFileSystem(seed: 4)
    private(set) var values: [SequenceNumber: [UInt8]] = [:]
    /// The state before the first record of the active segment, and after each record or group there.
    private(set) var states: [State] = []
    /// How many of the active segment's records and groups the last sync covered.
    private(set) var syncedCount = 0
    private(set) var names: [File: String] = [:]
    /// The end of the last synced frame, in bytes from the start of the active segment.
    private(set) var syncedOffset = 0
    private(set) var writtenOffset = 0
    private var state = State()
    /// The members' numbers of each group, in order.
    private(set) var members: [SequenceNumber: [SequenceNumber]] = [:]
    private let mapping: Bool
    /// The least size of a value's bytes, which then do not compress, so that the files have many sectors.
    private let leastValueByteCount: Int
    private let seed: UInt64
    /// The disk at earlier moments, oldest first.
    private(set) var earlier: [SimulatedFileSystem] = []

    init(mapping: Bool = true, leastValueByteCount: Int = 0, seed: UInt64 = 7) throws {
        self.mapping = mapping
        self.leastValueByteCount = leastValueByteCount
        self.seed = seed
        if !mapping { disk.mapping = .refused }
        try live()
    }

    static func configuration(_ disk: SimulatedFileSystem, mapping: Bool = true) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.usesMapping = mapping
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.snapshotByteCount = 0
        configuration.randomSeed = 7
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    func path(_ file: File) -> FilePath { Self.path.appending(names[file] ?? "") }

    // MARK: The life

    private func open() throws -> LogEngine {
        var configuration = Self.configuration(disk, mapping: mapping)
        configuration.randomSeed = seed
        return try LogEngine.open(at: Self.path, configuration)
    }

    private mutating func live() throws {
        var engine = try open()
        for round in 0..<3 {
            for key in ["a", "b"] { try put(engine, 1, key, round) }
            try put(engine, 2, "kept", round)
        }
        try put(engine, 1, "gone", 1)
        try put(engine, 1, "old", 1, count: 400)
        try group(engine, "early", 1)
        try put(engine, 1, "large", 1, count: 9_000)
        try engine.close()
        engine = try open()
        try remove(engine, 1, "gone")
        for key in ["a", "b", "c"] { try put(engine, 1, key, 10) }
        try put(engine, 2, "kept", 10)
        try engine.requireWriter().maintenance.compact(fully: true)
        try put(engine, 3, "packed", 10, count: 700)
        try group(engine, "pair", 2)
        earlier.append(disk.copy())
        try put(engine, 1, "b", 11)
        try engine.close()
        earlier.append(disk.copy())
        engine = try open()
        states = [state]
        try put(engine, 1, "a", 20)
        try put(engine, 2, "left", 20)
        try remove(engine, 1, "c")
        try put(engine, 1, "d", 20, count: 300)
        try group(engine, "pair", 20)
        try put(engine, 2, "kept", 20)
        let writer = try engine.requireWriter()
        syncedCount = states.count - 1
        syncedOffset = Int(writer.appender.writtenPosition.offset)
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        try writer.appender.appendPromise()
        earlier.append(disk.copy())
        try put(engine, 1, "a", 30)
        try put(engine, 1, "e", 30)
        try group(engine, "late", 30)
        try remove(engine, 1, "d")
        try put(engine, 2, "kept", 30)
        writtenOffset = Int(writer.appender.writtenPosition.offset)
        try nameFiles(active: writer.appender.writtenPosition.segment)
        disk = disk.copy()
        engine.abandon()
        // Preallocated zeros all look alike; a part of a block of them is enough.
        if let bytes = disk.contents(of: path(.active)) {
            disk.setContents(Array(bytes.prefix(writtenOffset + 200)), of: path(.active))
        }
    }

    private mutating func nameFiles(active: SegmentNumber) throws {
        names = [
            .manifest: "MANIFEST", .position: "POSITION", .snapshot: "SNAPSHOT",
            .active: SegmentName(active, .log).fileName,
        ]
        for name in disk.fileNames(in: Self.path).compactMap(SegmentName.init(fileName:)) {
            switch name.role {
            case .log: if name.identifier != active { names[.sealed] = name.fileName }
            case .output: names[.output] = name.fileName
            case .value: names[.value] = name.fileName
            }
        }
    }

    static func bytes(_ level: UInt8, _ key: String, _ round: Int, count: Int) -> [UInt8] {
        let text = "\(level)/\(key)/\(round);"
        return Array(String(repeating: text, count: count / text.utf8.count + 1).utf8.prefix(count))
    }

    private func bytes(_ level: UInt8, _ key: String, _ round: Int, count: Int) -> [UInt8] {
        let text = Self.bytes(level, key, round, count: count)
        guard leastValueByteCount > 0 else { return text }
        var generator = SeededGenerator(seed: text.reduce(seed) { $0 &* 31 &+ UInt64($1) })
        return generator.bytes(max(count, leastValueByteCount))
    }

    private func content(_ level: UInt8) throws -> RecordAttributes {
        let compression: CompressionMethod = level == 3 ? .zlib : .lz4
        return RecordAttributes(
            level: try Level(validating: Int(level)),
            policy: LevelPolicy(durability: .written, compression: compression), flags: .raw)
    }

    private mutating func put(
        _ engine: LogEngine, _ level: UInt8, _ key: String, _ round: Int, count: Int = 20
    ) throws {
        let bytes = bytes(level, key, round, count: count)
        let appended = try engine.append(bytes, content(level), key: CheckpointKey(key))
        enter(level, key, appended.sequenceNumber, bytes)
        states.append(state)
    }

    private mutating func enter(_ level: UInt8, _ key: String, _ number: SequenceNumber, _ bytes: [UInt8]) {
        values[number] = bytes
        let address = Address(level: level, key: key)
        let kept = [number] + (state.versions[address] ?? [])
        state.versions[address] = Array(kept.prefix(level == 1 ? 1 : 2))
    }

    private mutating func remove(_ engine: LogEngine, _ level: UInt8, _ key: String) throws {
        _ = try engine.appendRemoval(of: CheckpointKey(key), Level(validating: Int(level)))
        state.versions[Address(level: level, key: key)] = nil
        states.append(state)
    }

    private mutating func group(_ engine: LogEngine, _ name: String, _ round: Int) throws {
        let members = Self.groupKeys.map { bytes(2, $0, round, count: 30) }
        let last = try engine.appendGroup(
            CheckpointKey(name),
            zip(Self.groupKeys, members).map { (CheckpointKey($0), $1, FrameHeader.Flags.raw) }, Level(validating: 2))
        var numbers: [SequenceNumber] = []
        for (index, (key, bytes)) in zip(Self.groupKeys, members).enumerated() {
            let back = UInt64(members.count - index)
            let number = SequenceNumber(rawValue: last.sequenceNumber.rawValue - back)
            enter(2, key, number, bytes)
            numbers.append(number)
        }
        state.groups[Address(level: 2, key: name)] = last.sequenceNumber
        self.members[last.sequenceNumber] = numbers
        states.append(state)
    }
}
