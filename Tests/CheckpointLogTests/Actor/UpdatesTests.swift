import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A reader that is told of each new version.
@Suite(.timeLimit(.minutes(5))) struct UpdatesTests {
    struct Logs {
        var writer: CheckpointLog
        var reader: CheckpointLog
        var clock: ManualClock
    }

    static func open() async throws -> Logs {
        var configuration = Configuration()
        configuration.fileSystem = SimulatedFileSystem(seed: 1)
        let clock = ManualClock()
        configuration.clock = clock
        let writer = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: configuration)
        return Logs(writer: writer, reader: reader, clock: clock)
    }

    @Test(arguments: [true, false]) func eachNewVersionComesOnce(isReader: Bool) async throws {
        let logs = try await Self.open()
        try await logs.writer.checkpoint(0, for: "state")
        var updates = (isReader ? logs.reader : logs.writer).updates(of: Int.self, for: "state").makeAsyncIterator()
        #expect(try await updates.next() == 0)
        for number in 1...5 {
            try await logs.writer.checkpoint(number, for: "state", level: number % 2 + 1)
            try await logs.writer.checkpoint(100, for: "other")
            #expect(try await updates.next() == number)
        }
        // Whoever is slow gets the newest.
        for number in 6...9 { try await logs.writer.checkpoint(number, for: "state") }
        #expect(try await updates.next() == 9)
        #expect(logs.clock.sleepCount == 0)
        try await logs.reader.close()
        try await logs.writer.close()
    }

    /// Nothing new is looked for at growing distances, up to a second.
    @Test func whoWaitsLooksSeldom() async throws {
        let logs = try await Self.open()
        let first = Task {
            var updates = logs.reader.updates(of: String.self, for: "state").makeAsyncIterator()
            return try await updates.next()
        }
        var (pauses, waited) = (0, Duration.zero)
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000, 1_000] {
            await logs.clock.waitForSleepers(1)
            if waited > .seconds(2), pauses == 12 { try await logs.writer.checkpoint("here", for: "state") }
            // Not a moment earlier.
            logs.clock.advance(by: .milliseconds(pause) - .nanoseconds(1))
            #expect(logs.clock.sleeperCount == 1)
            logs.clock.advance(by: .nanoseconds(1))
            (pauses, waited) = (pauses + 1, waited + .milliseconds(pause))
        }
        #expect(try await first.value == "here")
        try await logs.reader.close()
        try await logs.writer.close()
    }

    @Test func theLoopEndsWithTheLogAndWithTheTask() async throws {
        let logs = try await Self.open()
        try await logs.writer.checkpoint(1, for: "state")
        let (reader, clock) = (logs.reader, logs.clock)
        func count() -> Task<Int, any Error> {
            Task {
                var count = 0
                for try await _ in reader.updates(of: Int.self, for: "state") { count += 1 }
                return count
            }
        }
        let cancelled = count()
        await clock.waitForSleepers(1)
        cancelled.cancel()
        #expect(try await cancelled.value == 1)
        let ended = count()
        await clock.waitForSleepers(1)
        try await reader.close()
        clock.advance(by: .seconds(1))
        #expect(try await ended.value == 1)
        try await logs.writer.close()
    }

    @Test func whatDoesNotDecodeIsThrown() async throws {
        let logs = try await Self.open()
        try await logs.writer.checkpoint("text", for: "state")
        var updates = logs.reader.updates(of: Int.self, for: "state").makeAsyncIterator()
        let error = await #expect(throws: CheckpointLogError.self) { try await updates.next() }
        #expect(error?.code == .decodingFailed)
        var invalid = logs.reader.updates(of: Int.self, for: "state", level: 300).makeAsyncIterator()
        #expect(await #expect(throws: CheckpointLogError.self) { try await invalid.next() }?.code == .invalidLevel)
        try await logs.reader.close()
        try await logs.writer.close()
    }

    @Test func whatIsPrintedReadsLikeASentence() async throws {
        let logs = try await Self.open()
        let receipt = try await logs.writer.checkpoint(1, for: "state")
        #expect("\(receipt)" == "Checkpoint \(receipt.sequenceNumber) takes \(receipt.byteCount) bytes of the log.")
        #expect("\(logs.writer)" == "Checkpoint log at /log is open for writing.")
        #expect("\(logs.reader)" == "Checkpoint log at /log is open for reading.")
        try await logs.reader.close()
        try await logs.writer.close()
        #expect("\(logs.writer)" == "Checkpoint log at /log is closed.")
        let memory = try await CheckpointLog.inMemory()
        let kept = try await memory.checkpoint(1, for: "state")
        #expect("\(kept)" == "Checkpoint \(kept.sequenceNumber) is kept in memory.")
        #expect("\(memory)".hasSuffix("is kept in memory."))
        try await memory.close()
        var report = RecoveryReport()
        (report.recordCount, report.segmentCount) = (1, 2)
        #expect("\(report)" == "The log has 1 record and 2 sealed segments. Nothing is known to be missing.")
        report.tornTail = .init(path: "/log/00000001.log", offset: 4_096)
        report.cutByteCount = 80
        report.possiblyLost = SequenceNumber(rawValue: 5)...SequenceNumber(rawValue: 7)
        report.orphans = ["00000002.out"]
        report.foreignFiles = ["notes.txt"]
        let sentences =
            "The log has 1 record and 2 sealed segments. It ended in an unfinished write, which was cut off at "
            + "/log/00000001.log:4096 (80 bytes at the most). Checkpoints numbered 0.5 to 0.7 may have been written "
            + "and not synced, and are not there. Leftovers of a crash were removed: 00000002.out. Files that are not "
            + "the log's were left alone: notes.txt."
        #expect("\(report)" == sentences)
    }
}
