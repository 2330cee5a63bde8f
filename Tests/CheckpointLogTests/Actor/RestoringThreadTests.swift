import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What is in memory is decoded on the task's own thread: handing it to another takes longer than the restore.
@Suite struct RestoringThreadTests {
    /// Notes whether a task decodes it, and not a thread of the log.
    struct Noting: Codable, Sendable {
        var number = 7
        var isDecodedByTask = false

        enum CodingKeys: CodingKey { case number }

        init() {}

        init(from decoder: any Decoder) throws {
            number = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .number)
            isDecodedByTask = unsafe withUnsafeCurrentTask { unsafe $0 != nil }
        }
    }

    @Test func aFrameInTheCacheIsDecodedByTheTask() async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: directory.path.string)
        try await log.checkpoint(Noting(), for: "key", level: 1)
        // The second restore puts it into the cache, whether or not the file could be read without waiting.
        var restored: Noting?
        for _ in 0..<3 { restored = try await log.restore(Noting.self, for: "key") }
        let value = try #require(restored)
        #expect(value.number == 7 && value.isDecodedByTask)
        // With a fallback the versions are gone through by a thread that may wait.
        let careful = try await log.restore(Noting.self, for: "key", fallback: .lastIntact)
        #expect(careful?.isDecodedByTask == false)
        try await log.close()
    }
}
