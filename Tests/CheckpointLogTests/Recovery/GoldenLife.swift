import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// The lives of the logs in `Golden`. Each leaves a directory behind.
enum GoldenLife: String, CaseIterable {
    case closed, killed, chain, parent, copy

    func live(_ path: String) async throws {
        switch self {
        case .closed: try await GoldenTests.live(path)
        case .killed: try await GoldenTests.live(path, isKilled: true)
        case .chain: try await Self.chain(path)
        case .parent: try await Self.parent(path)
        case .copy: try await Self.copy(path)
        }
    }

    /// A chain of three segments of which none is sealed, with roll and promise frames, as a killed process leaves it.
    /// On a simulated disk, which refuses the footers.
    private static func chain(_ path: String) async throws {
        let disk = SimulatedFileSystem(seed: 26)
        var configuration = GoldenTests.configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.randomSeed = 26
        for opening in 0..<2 {
            if opening == 1 {
                disk.fail(.write, where: { $0.string.hasSuffix(".log") }, with: .noSpace, once: false)
                configuration.usesMapping = true
            }
            let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
            let writer = try log.engine.requireWriter()
            for number in 0..<(opening == 0 ? 20 : 80) {
                let bytes = noise(1_800 + number, UInt64(number))
                try log.submit(bytes, for: "noise \(number % 9)")
                try log.submit(number, Double(number) / 7, for: "two \(number % 3)", level: 2)
                try log.submit("é\(number)", for: "text", level: 3)
                if number % 25 == 20 {
                    try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
                    try writer.appender.appendPromise()
                }
            }
            try await log.commit("golden", level: 2) { group in
                try group.put([1.0, Double(opening)], for: "left")
                try group.put([2.0], for: "right")
            }
            guard opening == 1 else {
                try await log.close()
                continue
            }
            #expect(writer.appender.unsealedCount == 2)
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            try log.submit("after the last sync", for: "text", level: 3)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for name in disk.fileNames(in: "/log") {
                let bytes = try #require(disk.contents(of: FilePath("/log").appending(name)))
                try Data(bytes).write(to: URL(filePath: path).appending(path: name))
            }
            log.engine.abandon()
        }
    }

    /// A parent: marks and origins of children and a grandchild, removals of all, a batch that stands beside the chain,
    /// a value of several chunks, groups of one name after another, a group one of whose members was removed,
    /// compactions.
    private static func parent(_ path: String) async throws {
        func actor(_ name: String, _ rank: Int) async throws -> CheckpointLog {
            var configuration = Configuration()
            (configuration.name, configuration.rank) = (name, rank)
            return try await CheckpointLog.inMemory(configuration: configuration)
        }
        let (worker, other, middle) = (try await actor("C1", 1), try await actor("C2", 1), try await actor("C4", 2))
        try await middle.register(other)
        for opening in 0..<3 {
            var configuration = GoldenTests.configuration()
            (configuration.name, configuration.rank) = ("C9", 3)
            let log = try await CheckpointLog.open(at: path, configuration: configuration)
            try await log.register(worker)
            try await log.register(middle)
            for round in 0..<4 {
                for key in ["state", "weights", "gone \(opening)"] {
                    try await worker.checkpoint([Double](repeating: Double(round), count: 40), for: CheckpointKey(key))
                    try await other.checkpoint("round \(round) of \(opening)", for: CheckpointKey(key))
                }
                try await log.update()
                try await log.checkpoint(round * 10 + opening, for: "state")
                try await log.commit("golden", level: 2) { group in
                    try group.put([Double(round)], for: "left")
                    try group.put([Double](repeating: 0.5, count: 30 + round), for: "right")
                }
            }
            try await log.commit("parted", level: 2) { group in
                try group.put([1.0], for: "stays")
                try group.put([2.0], for: "goes")
            }
            let member = try #require(try await log.history(for: "goes", level: 2).first)
            try await log.checkpoint([3.0], for: "goes", level: 2)
            if opening == 2 { try await log.removeVersion(member.sequenceNumber, of: "goes", level: 2) }
            try await log.checkpoint(opening, for: "passing", level: 9)
            try await log.removeAllCheckpoints(level: 9)
            try await log.checkpoint(opening, for: "after", level: 9)
            try await log.commit("wide", level: 2) { group in
                for part in 0..<40 {
                    try group.put((0..<200).map { Double($0 * part + opening) / 7 }, for: "part \(part)")
                }
            }
            try await log.checkpoint((0..<330_000).map { Double($0 / 64) }, for: "chunks", level: 2)
            if opening == 1 {
                try await log.removeAllCheckpoints(level: 1)
                try await log.checkpoint("again", for: "state")
            }
            if opening > 0 { try await log.compact() }
            try await log.close()
        }
        for log in [worker, other, middle] { try await log.close() }
    }

    /// The backup of a log that is being written: its unsealed part stands in output segments with numbers of 2³¹ and
    /// greater.
    private static func copy(_ path: String) async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(
            at: directory.path.appending("log").string, configuration: GoldenTests.configuration())
        for round in 0..<2 {
            for number in 0..<40 {
                try await log.checkpoint(noise(900, UInt64(number)), for: "noise \(number % 7)")
                try await log.checkpoint(number, "text \(round)", for: "two \(number % 3)", level: 2)
                try await log.checkpoint(number, for: "counted", level: 4, metadata: ["step": .integer(Int64(number))])
            }
            try await log.commit("golden", level: 2) { group in
                try group.put([Double(round)], for: "left")
                try group.put([2.0], for: "right")
            }
            try await log.checkpoint((0..<2_000).map { Double($0 + round) / 3 }, for: "large")
            let reader = try await CheckpointLog.openForReading(
                at: directory.path.appending("log").string, configuration: GoldenTests.configuration())
            try await reader.backup(to: path)
            try await reader.close()
        }
        try await log.close()
    }

    private static func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }
}
