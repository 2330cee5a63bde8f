import CheckpointLog
import SystemPackage
import TestSupport
import Testing

@Suite struct StatisticsTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.path.appending("log").string }

    func open() async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        configuration.compactsAutomatically = false
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    /// A closed log of several sealed segments, nearly all of them dead, and what its writer counted.
    func fill() async throws -> Statistics {
        let log = try await open()
        let padding = (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for index in 0..<1_000 { try log.submit(index, padding, for: "key \(index % 10)") }
        try await log.close()
        return log.statistics
    }

    @Test func aLogOpenedForReadingCountsItsSegments() async throws {
        let written = try await fill()
        let reader = try await CheckpointLog.openForReading(at: path)
        let read = reader.statistics
        try await reader.close()
        #expect(read.segmentCount > 3)
        #expect(read.segmentCount == written.segmentCount)
        #expect(read.sealedByteCount == written.sealedByteCount)
        #expect(read.liveByteCount == written.liveByteCount)
        #expect(read.keyCount == 10)
        #expect(read.amplification > 1)
        #expect(read.frameCount == 0)
    }

    @Test func everyByteWrittenIsCounted() async throws {
        let statistics = try await fill()
        #expect(statistics.writtenByteCount > statistics.frameByteCount)
        // Footers, the manifest after each seal, and nothing that would be another copy of the frames.
        #expect(statistics.writtenByteCount < statistics.frameByteCount * 3 / 2)
        #expect(statistics.mappedByteCount == 0 || statistics.mappedByteCount == statistics.frameByteCount)
        // At least the footer and the manifest for each segment, and a sync after each of these.
        #expect(statistics.writeCallCount >= 2 * statistics.segmentCount)
        #expect(statistics.flushCount >= 3 * statistics.segmentCount)
    }

    /// What is written beside the mapping is counted once.
    @Test func largeFramesAreCountedOnce() async throws {
        let log = try await open()
        try await log.checkpoint(bytes: [1], for: "small")
        let before = log.statistics
        var generator = SeededGenerator(seed: 65)
        let noise = (0..<12_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        try await log.checkpoint(bytes: noise, for: "large")
        let after = log.statistics
        let frames = after.frameByteCount - before.frameByteCount
        #expect(frames > 12_000)
        // The next segment is prepared meanwhile, which may write a manifest.
        #expect((frames..<frames + 4_096).contains(after.writtenByteCount - before.writtenByteCount))
        #expect(after.mappedByteCount - before.mappedByteCount < 1_000)
        try await log.close()
    }

    @Test func twoLogsCountByThemselves() async throws {
        let busy = try await open()
        let idle = try await CheckpointLog.open(at: directory.path.appending("idle").string)
        let before = idle.statistics
        try await busy.checkpoint((0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }, for: "large")
        #expect(busy.statistics.writeCallCount > 0)
        #expect(idle.statistics == before)
        try await busy.close()
        try await idle.close()
    }

    @Test func aCompactionIsSeenWhileItRuns() async throws {
        _ = try await fill()
        let log = try await open()
        let writer = try log.engine.requireWriter()
        let compactor = Lock<Compactor?>(nil)
        let seen = Lock<[Bool]>([])
        let made = Compactor(
            catalog: log.engine.catalog, files: log.engine.files, held: writer.held, appender: writer.appender,
            isThrottled: false
        ) {
            if let compactor = compactor.withLock({ $0 }) { seen.withLock { $0.append(compactor.isCompacting) } }
            try writer.sync.waitUntilSynced($0)
        }
        compactor.withLock { $0 = made }
        #expect(!made.isCompacting)
        #expect(try made.runOnce(fully: true) != nil)
        compactor.withLock { $0 = nil }
        #expect(!made.isCompacting)
        #expect(seen.withLock { $0 }.contains(true))
        #expect(!seen.withLock { $0 }.contains(false))
        #expect(!log.statistics.isCompacting)
        try await log.close()
    }
}
