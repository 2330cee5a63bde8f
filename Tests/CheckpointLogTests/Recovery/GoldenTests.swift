import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// R14: logs of every version of the format, kept as they were written, open and give what they were made of.
///
/// The directories are never made anew: a log that an older version wrote is what this proves. A new version of the
/// format gets a directory of its own, from this suite with `CHECKPOINT_LOG_MAKE_GOLDEN` set to its name.
@Suite struct GoldenTests {
    /// A version of a key as the directory must give it.
    struct Expected: Codable, Equatable {
        var level: Int
        /// Nil for the log's own.
        var origin: String?
        var key: String
        var number: UInt64
        var crc: UInt32
        var byteCount: Int
        var metadata: CheckpointMetadata
        var tags: [String]
        var isPinned: Bool
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Golden")

    static let names = ["v1-closed", "v1-killed", "v1-chain", "v1-parent", "v1-copy"]
    /// A group that a log has not has no members to be found.
    static let groups: [CheckpointKey] = ["golden", "parted", "ended", "wide"]

    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.compactsAutomatically = false
        configuration.usesMapping = false
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(2), compression: .zlib)
        configuration.levels[3] = LevelPolicy(durability: .synced, retention: .newest(3), compression: .none)
        configuration.levels[4] = LevelPolicy(durability: .written, retention: .newest(1).andEvery(3))
        configuration.snapshotByteCount = 0
        return configuration
    }

    /// Every version of every key, and the members of the groups.
    static func content(_ log: CheckpointLog) async throws -> [Expected] {
        var found: [Expected] = []
        for newest in try await log.checkpoints() {
            for version in try await log.history(for: newest.key, level: newest.level, origin: newest.origin) {
                let bytes = try #require(
                    try await log.restoreBytes(
                        for: version.key, level: version.level, version: .sequence(version.sequenceNumber),
                        origin: version.origin))
                found.append(
                    Expected(
                        level: version.level, origin: version.origin, key: version.key.name,
                        number: version.sequenceNumber.rawValue,
                        crc: Checksum.of(bytes), byteCount: bytes.count, metadata: version.metadata,
                        tags: version.tags, isPinned: version.isPinned))
            }
        }
        for name in groups {
            guard let group = try await log.restoreGroup(name, level: 2) else { continue }
            for key in group.keys {
                let value = try #require(try await group.restore([Double].self, for: key))
                found.append(
                    Expected(
                        level: -2, key: key.name, number: group.sequenceNumber.rawValue, crc: 0,
                        byteCount: value.count, metadata: [:], tags: [], isPinned: false))
            }
        }
        #expect(found.contains { $0.level == -2 && $0.key == "left" })
        return found
    }

    @Test(arguments: names) func aLogOfThatVersionGivesWhatItWasMadeOf(name: String) async throws {
        let source = Self.folder.appending(path: name)
        let expected = try JSONDecoder().decode(
            [Expected].self, from: Data(contentsOf: Self.folder.appending(path: "\(name).json")))
        #expect(expected.count > 15)
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        try FileManager.default.copyItem(atPath: source.path, toPath: path)
        let report = await LogVerifier(directory: path, level: .deep).verify()
        #expect(report.exitCode == 0, "\(report.findings)")
        let reader = try await CheckpointLog.openForReading(at: path, configuration: Self.configuration())
        #expect(try await Self.content(reader) == expected)
        try await reader.close()
        for _ in 0..<2 {
            let log = try await CheckpointLog.open(at: path, configuration: Self.configuration())
            #expect(try await Self.content(log) == expected)
            try await log.compact()
            #expect(try await Self.content(log) == expected)
            try await log.close()
        }
    }

    static let wanted = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_MAKE_GOLDEN"]

    /// Adds directories under this version's name; one that is there is never made anew.
    @Test(.enabled(if: wanted != nil)) func makeTheDirectoriesOfANewVersion() async throws {
        for life in GoldenLife.allCases {
            let name = "\(Self.wanted ?? "")-\(life.rawValue)"
            let path = Self.folder.appending(path: name).path
            guard !FileManager.default.fileExists(atPath: path) else { continue }
            try await life.live(path)
            let reader = try await CheckpointLog.openForReading(at: path, configuration: Self.configuration())
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(try await Self.content(reader)).write(to: Self.folder.appending(path: "\(name).json"))
            try await reader.close()
        }
    }

    static func live(_ path: String, isKilled: Bool = false) async throws {
        for opening in 0..<2 {
            let log = try await CheckpointLog.open(at: path, configuration: configuration())
            for number in 0..<30 {
                let state = (0..<20 + number).map { Double($0 * (opening + 1)) / 3 }
                try await log.checkpoint(state, for: "state \(number % 7)")
                try await log.checkpoint(state, "text \(number)", number, for: "several \(number % 3)", level: 2)
                try await log.checkpoint([state[1]: "é\(number)"], for: "map", level: 3)
                try await log.checkpoint(
                    number, for: "counted", level: 4,
                    metadata: ["step": .integer(Int64(number)), "loss": .number(state[1]), "note": "é"])
            }
            try await log.checkpoint([Float](repeating: 1.5, count: 3_000), for: "large")
            try await log.checkpoint(bytes: Array("raw bytes".utf8), for: "raw")
            try await log.commit("golden", level: 2) { group in
                try group.put([1.0, 2.0], for: "left")
                try group.put([Double](repeating: 0.1, count: 900), for: "right")
            }
            try await log.checkpoint([9.0], for: "left", level: 2)
            let numbers = try (0..<3).map { try log.submit($0, for: "one removed", level: 3).sequenceNumber }
            try await log.removeVersion(numbers[2], of: "one removed")
            try await log.commit("ended", level: 2) { try $0.put([3.0], for: "member") }
            let member = try #require(try await log.history(for: "member").first)
            try await log.removeVersion(member.sequenceNumber, of: "member")
            let kept = try (0..<5).map { try log.submit($0, for: "kept", level: 2).sequenceNumber }
            try await log.tag(kept[3], of: "kept", as: "best")
            try await log.pin(kept[4], of: "kept")
            for number in 5..<9 { try await log.checkpoint(number, for: "kept", level: 2) }
            try await log.checkpoint(1, for: "removed")
            try await log.removeCheckpoint(for: "removed")
            if opening == 1 { try await log.compact() }
            if opening == 0 || !isKilled {
                try await log.close()
            } else {
                try await log.save()
                log.engine.abandon()
            }
        }
    }
}
