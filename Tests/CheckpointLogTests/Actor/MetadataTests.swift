import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What is said of a checkpoint beside its value: it is listed without the value, and goes wherever the checkpoint
/// goes.
@Suite struct MetadataTests {
    static let path = "/log"

    static func configuration(_ disk: SimulatedFileSystem, seed: UInt64 = 1) -> Configuration {
        var configuration = LogVerifierTests.configuration(disk)
        configuration.randomSeed = seed
        configuration.levels[2] = LevelPolicy(durability: .synced, retention: .newest(10))
        configuration.levels[3] = LevelPolicy(durability: .memory)
        configuration.levels[4] = LevelPolicy(durability: .written, retention: .newest(10))
        return configuration
    }

    static func open(_ disk: SimulatedFileSystem) async throws -> CheckpointLog {
        try await CheckpointLog.open(at: path, configuration: configuration(disk))
    }

    static func open(
        _ path: String, _ configuration: Configuration, inMemory: Bool
    ) async throws -> CheckpointLog {
        guard inMemory else { return try await CheckpointLog.open(at: path, configuration: configuration) }
        return try await CheckpointLog.inMemory(configuration: configuration)
    }

    static let said: CheckpointMetadata = [
        "step": 1_000, "least": .integer(.min), "loss": 0.25, "whole": 3.0, "tiny": .number(.leastNonzeroMagnitude),
        "endless": .number(-.infinity), "note": "wärm up ☃", "": "",
    ]

    /// A value in a frame, a large one, bytes, several values, at levels that write, sync, or keep it in memory.
    @Test(arguments: [2, 3, 4]) func itComesBackAsItWas(level: Int) async throws {
        let disk = SimulatedFileSystem()
        var log = try await Self.open(disk)
        let large = [UInt8](repeating: 7, count: log.engine.configuration.largeValueByteCount + 1)
        try await log.checkpoint(1, for: "one", level: level, metadata: Self.said)
        try log.submit(1, "two", for: "several", level: level, metadata: Self.said)
        try await log.checkpoint(bytes: large, for: "large", level: level, metadata: Self.said)
        try await log.checkpoint(2, for: "none", level: level)
        let keys: Set<CheckpointKey> = ["one", "several", "large"]
        for turn in 0..<3 {
            for version in try await log.checkpoints() {
                #expect(
                    version.metadata == (keys.contains(version.key) ? Self.said : [:]), "\(version.key), turn \(turn)")
            }
            #expect(try await log.history(for: "large", level: level).map(\.metadata) == [Self.said])
            #expect(try await log.keys() == ["large", "none", "one", "several"])
            if turn == 0 {
                try await log.close()
                log = try await Self.open(disk)
            } else if turn == 1 {
                try await log.compact()
            }
        }
        #expect(try await log.restore(Int.self, for: "one", level: level) == 1)
        #expect(try await log.restoreBytes(for: "large", level: level) == large)
        try await log.close()
        let report = VerificationAgreementTests.verify(disk.crashImage(.everything, boot: .same))
        #expect(report.findings.isEmpty, "\(report.findings)")
    }

    /// A listing needs the header of a frame alone.
    @Test func itIsListedWithoutTheValue() async throws {
        let disk = SimulatedFileSystem()
        let log = try await Self.open(disk)
        let noise = NumberedBytes.fill(1, count: 600)
        try await log.checkpoint(bytes: noise, for: "noise", level: 2, metadata: ["step": 7])
        let name = try #require(disk.fileNames(in: "/log").first { $0.hasSuffix(".log") })
        let path = FilePath("/log").appending(name)
        var bytes = try #require(disk.contents(of: path))
        bytes[SegmentHeader.byteCount + 400] ^= 1
        disk.setContents(bytes, of: path)
        #expect(try await log.history(for: "noise").map(\.metadata) == [["step": 7]])
        await #expect(throws: CheckpointLogError.self) { try await log.restoreBytes(for: "noise") }
        log.engine.abandon()
    }

    @Test func theBestAndTheNewestAreFoundByIt() async throws {
        let log = try await Self.open(SimulatedFileSystem())
        let losses: [MetadataValue?] = [0.9, 0.2, "none", nil, .number(.nan), 0.2, 1, 0.4]
        for (step, loss) in losses.enumerated() {
            var metadata: CheckpointMetadata = ["step": .integer(Int64(step))]
            metadata["loss"] = loss
            try await log.checkpoint(step, for: "model", level: 2, metadata: metadata)
        }
        func step(_ version: CheckpointVersion?) async throws -> Int? {
            guard let version else { return nil }
            return try await log.restore(Int.self, for: "model", version: .sequence(version.sequenceNumber))
        }
        #expect(try await step(log.best(of: "loss", .lowest, for: "model")) == 5)
        #expect(try await step(log.best(of: "loss", .highest, for: "model", level: 2)) == 6)
        #expect(try await log.best(of: "score", .highest, for: "model") == nil)
        #expect(try await log.best(of: "loss", .lowest, for: "another") == nil)
        let early = try await log.newest(for: "model") { ($0.metadata["step"]?.integerValue ?? 0) < 3 }
        #expect(try await step(early) == 2)
        #expect(try await log.newest(for: "model") { $0.metadata.isEmpty } == nil)
        try await log.close()
    }

    @Test(arguments: [2, 3]) func tooMuchIsRefusedAndNothingIsWritten(level: Int) async throws {
        let log = try await Self.open(SimulatedFileSystem())
        // A map of one, a name of one byte, and a text after a head of three.
        let text = String(repeating: "n", count: 4_096 - 6)
        try await log.checkpoint(1, for: "key", level: level, metadata: ["n": .text(text)])
        let end = try log.engine.requireWriter().appender.writtenPosition
        let over: CheckpointMetadata = ["n": .text(text + "n")]
        var errors: [CheckpointLogError] = []
        for call in 0..<3 {
            do {
                switch call {
                case 0: try await log.checkpoint(2, for: "key", level: level, metadata: over)
                case 1: try await log.checkpoint(bytes: [2], for: "key", level: level, metadata: over)
                default: try await log.commit("group", level: level) { try $0.put(2, for: "key", metadata: over) }
                }
            } catch let error as CheckpointLogError {
                errors.append(error)
            }
        }
        #expect(errors.map(\.code) == [.invalidArgument, .invalidArgument, .invalidArgument])
        #expect(errors.first?.message == "The metadata has 4097 bytes and may have 4096. Nothing was written.")
        #expect(try log.engine.requireWriter().appender.writtenPosition == end)
        #expect(try await log.history(for: "key").map(\.metadata) == [["n": .text(text)]])
        try await log.close()
    }

    @Test func itGoesWithTheMembersOfAGroup() async throws {
        for path in [Self.path, nil] {
            var configuration = Self.configuration(SimulatedFileSystem())
            configuration.levels[3] = LevelPolicy(durability: .memory, retention: .newest(1))
            let log =
                if let path {
                    try await CheckpointLog.open(at: path, configuration: configuration)
                } else {
                    try await CheckpointLog.inMemory(configuration: configuration)
                }
            try await log.commit("epoch", level: 3) { group in
                try group.put(1, for: "weights", metadata: Self.said)
                try group.put(2, for: "optimizer")
            }
            #expect(try await log.history(for: "weights").map(\.metadata) == [Self.said])
            #expect(try await log.history(for: "optimizer").map(\.metadata) == [[:]])
            try await log.close()
        }
    }

    /// Up the tree, at once and by an update, and into a log that takes another over.
    @Test func itGoesUpTheTreeAndIntoOtherLogs() async throws {
        let disk = SimulatedFileSystem()
        var below = Self.configuration(disk)
        below.name = "C1"
        let child = try await CheckpointLog.open(at: "/child", configuration: below)
        for inMemory in [false, true] {
            var configuration = Self.configuration(disk, seed: 2)
            configuration.rank = 2
            let parent = try await Self.open("/parent", configuration, inMemory: inMemory)
            try await child.checkpoint(1, for: "below", level: 1, metadata: Self.said)
            try await child.checkpoint(3, for: "kept", level: 3, metadata: ["step": 3])
            try await parent.register(child)
            try await child.checkpoint(2, for: "passed", level: 2, metadata: ["step": 2])
            try await parent.update()
            #expect(try await parent.history(for: "passed", origin: "C1").first?.metadata == ["step": 2])
            #expect(try await parent.history(for: "below", origin: "C1").first?.metadata == Self.said)
            #expect(try await parent.history(for: "kept", origin: "C1").first?.metadata == ["step": 3])
            try await parent.deregister("C1")
            let copy = try await Self.open("/copy", Self.configuration(disk, seed: 3), inMemory: inMemory)
            try await child.save()
            _ = try await copy.load(from: "/child")
            #expect(try await copy.history(for: "below", level: 1).map(\.metadata) == [Self.said])
            #expect(try await copy.history(for: "kept", level: 3).map(\.metadata) == [["step": 3]])
            try await copy.close()
            try await parent.close()
        }
        try await child.close()
    }

    /// Under checksums that hold, but no map of texts and numbers: damage of the listing, and a finding.
    @Test(
        arguments: [[0x01], [0xA1, 0x01, 0x02], [0xA1, 0x61, 0x61], [0xA1, 0x61, 0x61, 0x80], [0xFF]] as [[UInt8]])
    func whatIsNoMapIsDamage(bytes: [UInt8]) async throws {
        let disk = SimulatedFileSystem()
        let log = try await Self.open(disk)
        var attributes = try log.engine.attributes(2)
        attributes.metadata = bytes
        _ = try log.engine.append([1], attributes, key: "key")
        #expect(try await log.restore(Int.self, for: "key") == 1)
        let error = await #expect(throws: CheckpointLogError.self) { try await log.history(for: "key") }
        #expect(error?.code == .damaged && error?.location != nil)
        try await log.close()
        let report = VerificationAgreementTests.verify(disk.crashImage(.everything, boot: .same))
        #expect(report.findings.map(\.kind) == ["the metadata is no map of texts and numbers"])
    }
}
