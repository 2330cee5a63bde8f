import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Groups that a removal has ended, or a newer group replaced: what compactions leave of them is sound, and says the
/// same.
@Suite struct EndedGroupTests {
    typealias Way = @Sendable (CheckpointLog) async throws -> Void

    static let ways: [String: Way] = [
        "nothing happened": { _ in },
        "a member was removed": { try await $0.removeCheckpoint(for: "a", level: 2) },
        "a member was removed and taken again": { log in
            try await log.removeCheckpoint(for: "a", level: 2)
            try await log.checkpoint(7, for: "a", level: 2)
        },
        "all members were removed": { log in
            for key: CheckpointKey in ["a", "b", "c"] { try await log.removeCheckpoint(for: key, level: 2) }
        },
        "a member was taken again, often": { log in
            for number in 0..<5 { try await log.checkpoint(number, for: "a", level: 2) }
        },
        "another group took a member": { log in try await log.commit("h", level: 2) { try $0.put(9, for: "a") } },
        "the group was taken again": { log in try await log.commit("g", level: 2) { try $0.put(9, for: "c") } },
        "the group was taken again, and ended": { log in
            try await log.commit("g", level: 2) { try $0.put(9, for: "c") }
            try await log.removeCheckpoint(for: "c", level: 2)
        },
        "the level was removed": { try await $0.removeAllCheckpoints(level: 2) },
    ]

    /// What can be restored of the keys and the groups.
    static func content(_ log: CheckpointLog) async throws -> [String] {
        var lines: [String] = []
        for key: CheckpointKey in ["a", "b", "c"] {
            lines.append("\(key): \(try await log.restore(Int.self, for: key, level: 2) ?? -1)")
        }
        for name: CheckpointKey in ["g", "h"] {
            guard let group = try await log.restoreGroup(name, level: 2) else { continue }
            for key in group.keys {
                lines.append("\(name).\(key): \(try await group.restore(Int.self, for: key) ?? -1)")
            }
        }
        return lines
    }

    /// The groups whose members are known.
    static func held(_ log: CheckpointLog) throws -> [String] {
        try (["g", "h"] as [CheckpointKey]).compactMap { name in
            let hash = try log.engine.hash(of: name, level: 2, origin: .own, space: .group)
            return log.engine.catalog.groups.group(hash).map { "\(name): \($0.sequenceNumber)" }
        }
    }

    /// Each compaction can drop what the one before still needed.
    @Test(arguments: ways.keys.sorted(), [false, true])
    func compactionsLeaveASoundLogThatSaysTheSame(way: String, inOpeningsOfTheirOwn: Bool) async throws {
        let disk = SimulatedFileSystem()
        let configuration = LogVerifierTests.configuration(disk)
        let path = LogVerifierTests.path.string
        var log = try await CheckpointLog.open(at: path, configuration: configuration)
        func reopen() async throws {
            try await log.close()
            log = try await CheckpointLog.open(at: path, configuration: configuration)
        }
        // An older group of the name, which must not come back.
        try await log.commit("g", level: 2) { group in
            for key: CheckpointKey in ["a", "b"] { try group.put(0, for: key) }
        }
        if inOpeningsOfTheirOwn { try await reopen() }
        try await log.commit("g", level: 2) { group in
            try group.put(1, for: "a")
            try group.put(2, for: "b")
        }
        if inOpeningsOfTheirOwn { try await reopen() }
        // One looks each time, one only when all is over: what it knew last may be gone, with what ended it.
        let reader = try await CheckpointLog.openForReading(at: path, configuration: configuration)
        let lateReader = try await CheckpointLog.openForReading(at: path, configuration: configuration)
        _ = try await (Self.content(reader), Self.content(lateReader))
        try await Self.ways[way]?(log)
        let expected = try await Self.content(log)
        for round in 1...4 {
            // So that each opening has a segment, and there is something to compact.
            try await log.checkpoint(round, for: "other")
            if round > 1 { try await log.compact() }
            #expect(try await Self.content(log) == expected, "compaction \(round)")
            #expect(try await Self.content(reader) == expected, "a reader after compaction \(round)")
            try await reopen()
            #expect(try await Self.content(log) == expected, "opening after compaction \(round)")
            try await log.close()
            let report = LogVerifierTests.verify(disk)
            #expect(report.findings.isEmpty, "compaction \(round): \(report.findings)")
            log = try await CheckpointLog.open(at: path, configuration: configuration)
        }
        let held = try Self.held(log)
        try await log.close()
        #expect(try await Self.content(lateReader) == expected, "a reader that looks again")
        // What cannot be restored is not held either.
        #expect(try Self.held(lateReader) == held)
        try await reader.close()
        try await lateReader.close()
    }
}
