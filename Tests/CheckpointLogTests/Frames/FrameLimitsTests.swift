import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Every limit that a reader enforces is kept by writers: at the limit it reads back, one over it is refused, and the
/// log goes on as it was.
@Suite struct FrameLimitsTests {
    static func engine(_ disk: SimulatedFileSystem) throws -> LogEngine {
        var configuration = SpecimenLog.configuration(disk)
        configuration.segmentByteLimit = 16 << 20
        configuration.largeValueByteCount = 1 << 20
        return try LogEngine.open(at: SpecimenLog.path, configuration)
    }

    static func text(_ byteCount: Int) -> String { String(repeating: "o", count: byteCount) }

    static func content(origin byteCount: Int) throws -> RecordAttributes {
        var content = try PowerLossTests.content()
        content.origin = Origin(text(byteCount))
        return content
    }

    /// The log takes one more record, is closed, and gives both it and the first, by an opening of its own, and to the
    /// verifier.
    private static func expectSound(_ engine: LogEngine, _ disk: SimulatedFileSystem, _ label: String) throws {
        _ = try engine.append([2], PowerLossTests.content(), key: "after")
        try engine.close()
        let again = try Self.engine(disk)
        defer { again.abandon() }
        for (key, bytes) in [("before", [UInt8(1)]), ("after", [2])] {
            let found = unsafe try again.withContent(level: 1, key: CheckpointKey(key)) { unsafe Array($1) }
            #expect(found == bytes, "\(label): \(key)")
        }
        let report = VerificationAgreementTests.verify(disk.crashImage(.everything, boot: .same))
        #expect(report.findings.isEmpty, "\(label): \(report.findings)")
    }

    /// Fields that a caller, a child or the tree can make long.
    static let calls: [String: @Sendable (LogEngine, Int) throws -> Void] = [
        "a value": { _ = try $0.append([3], content(origin: $1), key: "k") },
        "a large value": { engine, count in
            _ = try engine.append([UInt8](repeating: 3, count: 1_100_000), content(origin: count), key: "k")
        },
        "a batch": { engine, count in
            let member = BatchMember(key: "k", attributes: try content(origin: count), bytes: [3])
            _ = try engine.appendBatch([member, member])
        },
        "a large batch": { engine, count in
            let member = BatchMember(
                key: "k", attributes: try content(origin: count), bytes: [UInt8](repeating: 3, count: 700_000))
            _ = try engine.appendBatch([member, member])
        },
        "a removal": { engine, count in
            _ = try engine.appendRemoval(of: "k", Level(validating: 1), origin: Origin(text(count)))
        },
    ]

    @Test(arguments: calls.keys.sorted()) func whatIsAtALimitComesBackAndWhatIsOverItIsRefused(call: String) throws {
        for byteCount in [1_024, 1_025, 65_536, 70_000] {
            let disk = SimulatedFileSystem()
            let engine = try Self.engine(disk)
            _ = try engine.append([1], PowerLossTests.content(), key: "before")
            let end = try engine.requireWriter().appender.writtenPosition
            let files = disk.fileNames(in: SpecimenLog.path)
            if byteCount == 1_024 {
                try Self.calls[call]?(engine, byteCount)
            } else {
                let error = #expect(throws: CheckpointLogError.self, "\(byteCount)") {
                    try Self.calls[call]?(engine, byteCount)
                }
                #expect(error?.code == .invalidArgument, "\(byteCount): \(String(describing: error))")
                #expect(try engine.requireWriter().appender.writtenPosition == end, "\(byteCount)")
                #expect(disk.fileNames(in: SpecimenLog.path) == files, "\(byteCount)")
            }
            try Self.expectSound(engine, disk, "\(call), \(byteCount) bytes of origin")
        }
    }

    /// By the appender itself, whoever calls it.
    @Test func aFrameThatCouldNotBeReadIsNotWritten() throws {
        let disk = SimulatedFileSystem()
        let engine = try Self.engine(disk)
        _ = try engine.append([1], PowerLossTests.content(), key: "before")
        let appender = try engine.requireWriter().appender
        let end = appender.writtenPosition
        let limit = FrameDecoder.payloadByteLimit
        // Bytes of the key, of the origin, of the metadata, and of the payload; the level.
        let fields: [(Int, Int, Int, Int, UInt8)] = [
            (1_025, 0, 0, 1, 1), (0, 0, 0, 1, 1), (1, 1_025, 0, 1, 1), (1, 70_000, 0, 1, 1), (1, 0, 4_097, 1, 1),
            (1, 0, 0, limit + 1, 1), (1, 0, 0, 1, 0),
        ]
        let bytes = [UInt8](repeating: 0x6F, count: limit + 1)
        for (key, origin, metadata, payload, level) in fields {
            unsafe bytes.withUnsafeBytes { bytes in
                var header = FrameHeader(kind: .value)
                header.level = level
                header.flags = .raw
                let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<payload])
                unsafe header.setPayload(part)
                let draft = unsafe FrameDraft(
                    header: header, key: UnsafeRawBufferPointer(rebasing: bytes[..<key]),
                    origin: UnsafeRawBufferPointer(rebasing: bytes[..<origin]),
                    metadata: UnsafeRawBufferPointer(rebasing: bytes[..<metadata]), payload: part)
                for isBatch in [false, true] {
                    let error = #expect(
                        throws: CheckpointLogError.self, "\(key), \(origin), \(metadata), \(payload), \(level)"
                    ) {
                        if isBatch { _ = try appender.append(batch: [draft]) } else { _ = try appender.append(draft) }
                    }
                    #expect(error?.code == .invalidArgument)
                }
            }
        }
        #expect(appender.writtenPosition == end)
        try Self.expectSound(engine, disk, "the appender")
    }

    @Test func aGroupIsLimitedByItsMembersAndByTheirKeys() async throws {
        let disk = SimulatedFileSystem()
        var configuration = LogVerifierTests.configuration(disk)
        configuration.segmentByteLimit = 64 << 20
        let log = try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration)
        /// Takes a group of so many members with keys of so many bytes; gives what it is refused with.
        func refusal(_ count: Int, keyByteCount: Int) async throws -> CheckpointLogError? {
            do {
                try await log.commit("group", level: 2) { group in
                    for number in 0..<count {
                        let name = "\(number)"
                        let key = String(repeating: "k", count: keyByteCount - name.utf8.count) + name
                        try group.put(number, for: CheckpointKey(key))
                    }
                }
                return nil
            } catch let error as CheckpointLogError {
                return error
            }
        }
        // A list is its count, of two bytes from 128 and three from 16,384 on, and each key after its length, of one
        // byte or two.
        #expect(try await refusal(2_043, keyByteCount: 1_024) == nil)
        let long = try await refusal(2_045, keyByteCount: 1_024)
        #expect(long?.code == .invalidGroup, "\(long?.message ?? "")")
        #expect(long?.message.contains("2045 members take 2098172 bytes") == true, "\(long?.message ?? "")")
        let many = try await refusal(takesSamples ? 52_000 : 65_536, keyByteCount: 40)
        #expect(many?.code == .invalidGroup, "\(many?.message ?? "")")
        #expect(many?.message.contains(takesSamples ? "2132003 bytes" : "2686979 bytes") == true)
        let group = try #require(try await log.restoreGroup("group", level: 2))
        #expect(group.keys.count == 2_043)
        try await log.close()
    }

    /// Six actors with names of 255 bytes, which is their limit: four of them fit into an origin.
    @Test func aTreeThatIsTooDeepIsRefused() async throws {
        var logs: [CheckpointLog] = []
        var disks: [SimulatedFileSystem] = []
        for rank in 1...6 {
            let disk = SimulatedFileSystem()
            var configuration = LogVerifierTests.configuration(disk)
            configuration.rank = rank
            // The same seed would make it the same log.
            configuration.randomSeed = UInt64(rank)
            configuration.name = String(repeating: "\(rank)", count: 255)
            logs.append(try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration))
            disks.append(disk)
        }
        for (child, parent) in zip(logs, logs.dropFirst()) { try await parent.register(child) }
        try await logs[0].checkpoint(1, for: "k")
        for log in logs[1...4] { try await log.update() }
        let origin = logs[...3].reversed().map(\.name).joined(separator: "/")
        #expect(origin.utf8.count == 1_023)
        #expect(try await logs[4].restore(Int.self, for: "k", origin: origin) == 1)
        let update = await #expect(throws: CheckpointLogError.self) { try await logs[5].update() }
        #expect(update?.code == .invalidTree, "\(update?.message ?? "")")
        #expect(update?.message.contains("1279 bytes") == true, "\(update?.message ?? "")")
        // What goes up at once has the same way before it.
        let passed = await #expect(throws: CheckpointLogError.self) {
            try await logs[0].checkpoint(2, for: "k", level: 6)
        }
        #expect(passed?.code == .invalidArgument || passed?.code == .unavailable, "\(passed?.message ?? "")")
        for log in logs.reversed() {
            try await log.checkpoint(3, for: "own")
            try await log.close()
        }
        for disk in disks {
            let report = VerificationAgreementTests.verify(disk)
            #expect(report.findings.isEmpty, "\(report.findings)")
        }
    }
}
