import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What the log's threads do is told to the logger, at the moment that the message names: others wait for these
/// messages, and stop a process at them.
@Suite(.timeLimit(.minutes(5))) struct BackgroundMessagesTests {
    @Test func sealsAndCompactionsAreToldWhenTheyHappen() async throws {
        let directory = try TemporaryDirectory()
        let messages = CollectedMessages()
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.compactsAutomatically = false
        configuration.logger = messages.logger
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string, configuration: configuration)
        // A segment and a half; one key in ten is written once, so that each segment keeps something.
        let padding = [UInt8](repeating: 7, count: 500)
        var index = 0
        while log.statistics.frameByteCount < 30_000 {
            try log.submit(index, padding, for: CheckpointKey(index % 10 == 0 ? "once \(index)" : "often"))
            index += 1
        }
        await messages.wait(for: "debug: prepared the next segment")
        #expect(log.statistics.rollCount == 0)
        while log.statistics.rollCount == 0 {
            try log.submit(index, padding, for: CheckpointKey(index % 10 == 0 ? "once \(index)" : "often"))
            index += 1
        }
        await messages.wait(for: "debug: sealing a segment")
        await messages.wait(for: "debug: sealed a segment")
        #expect(log.statistics.segmentCount == 1)
        try await log.compact()
        await messages.wait(for: "debug: wrote the output of a compaction")
        await messages.wait(for: "debug: compacted")
        #expect(log.statistics.compactionCount >= 1)
        try await log.close()
    }

    /// No segment has a key often, so each is sealed as it is.
    func fill(_ log: CheckpointLog, rollCount: Int) throws {
        var index = 0
        while log.statistics.rollCount < rollCount {
            try log.submit(NumberedBytes.bytes(index, count: 500), for: CheckpointKey("key \(index % 200)"))
            index += 1
        }
    }

    /// Without a call that asks for it, once enough is dead.
    @Test func aLogCompactsByItself() async throws {
        let directory = try TemporaryDirectory()
        let messages = CollectedMessages()
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.logger = messages.logger
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string, configuration: configuration)
        try fill(log, rollCount: 8)
        await messages.wait(for: "debug: compacted")
        try await log.close()
    }

    /// Otherwise an opening after a kill would read all that was written since the last one.
    @Test func aLogWritesASnapshotWhileItRuns() async throws {
        let directory = try TemporaryDirectory()
        let messages = CollectedMessages()
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.snapshotByteCount = 64 << 10
        configuration.logger = messages.logger
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string, configuration: configuration)
        try fill(log, rollCount: 8)
        await messages.wait(for: "debug: wrote a snapshot of the index")
        try await log.close()
    }
}
