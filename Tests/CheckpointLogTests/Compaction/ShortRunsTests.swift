import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A log that is opened for short runs stays small: what is due is judged at opening and at closing, too.
@Suite struct ShortRunsTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.path.appending("log").string }

    func open(_ change: (inout Configuration) -> Void = { _ in }) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        change(&configuration)
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    /// The files of the log, and their blocks' bytes.
    func files() throws -> (count: Int, byteCount: Int) {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        // One that goes meanwhile has none.
        let byteCounts = names.map { name in
            (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.size] as? Int) ?? 0
        }
        return (names.count, byteCounts.reduce(0, +))
    }

    /// One checkpoint of one key for each opening.
    @Test func manyShortRunsLeaveFewFiles() async throws {
        for run in 1...120 {
            let log = try await open()
            try await log.checkpoint(run, for: "run")
            try await log.close()
        }
        let (count, byteCount) = try files()
        #expect(count < 16, "\(count) files")
        #expect(byteCount < 2 << 20, "\(byteCount) bytes")
        let log = try await open()
        #expect(try await log.restore(Int.self, for: "run") == 120)
        try await log.close()
        #expect(await LogVerifier(directory: path, level: .deep).verify().findings.isEmpty)
    }

    /// The same with keys that stay: nothing is lost by it.
    @Test func whatIsLiveStays() async throws {
        for run in 1...60 {
            let log = try await open()
            try await log.checkpoint(run, for: CheckpointKey("key \(run % 40)"), level: 2)
            try await log.close()
        }
        #expect(try files().count < 16)
        let log = try await open()
        for key in 0..<40 {
            let expected = key == 0 ? 40 : key <= 20 ? key + 40 : key
            #expect(try await log.restore(Int.self, for: CheckpointKey("key \(key)"), level: 2) == expected)
        }
        #expect(try await log.history(for: "key 1", level: 2).count == 2)
        try await log.close()
    }

    /// Many checkpoints of one key, and a closing before any compaction had its turn.
    @Test func aClosedLogIsAsSmallAsWhatItHolds() async throws {
        let log = try await open()
        let bytes = NumberedBytes.bytes(7, count: 1_000)
        for _ in 0..<6_000 { try await log.checkpoint(bytes: bytes, for: "key") }
        try await log.close()
        let (count, byteCount) = try files()
        #expect(byteCount < 1 << 20, "\(byteCount) bytes in \(count) files")
    }

    /// What an ended process has left is compacted by the next opening, without an append.
    @Test func anOpeningCompactsWhatIsDue() async throws {
        var log = try await open { $0.compactsAutomatically = false }
        let bytes = NumberedBytes.bytes(7, count: 1_000)
        for _ in 0..<6_000 { try await log.checkpoint(bytes: bytes, for: "key") }
        try await log.close()
        #expect(try files().byteCount > 4 << 20)
        log = try await open()
        let manifest = try log.engine.requireWriter().manifest
        func sealedByteCount() -> Int { manifest.current.segments.reduce(0) { $0 + $1.byteCount } }
        // By the thread in the background, which has its turn between two looks.
        for _ in 0..<1_000_000 where sealedByteCount() > 1 << 20 { await Task.yield() }
        #expect(sealedByteCount() < 1 << 20)
        #expect(log.statistics.liveByteCount < 4_000)
        try await log.close()
    }

    /// A reserve is as large as compaction may need, also after the log has become smaller.
    @Test func theReserveShrinksWithTheLog() async throws {
        var log = try await open { $0.segmentByteLimit = 8 << 20 }
        let bytes = NumberedBytes.bytes(1, count: 100_000)
        for key in 0..<200 { try await log.checkpoint(bytes: bytes, for: CheckpointKey("key \(key)")) }
        try await log.close()
        log = try await open { $0.segmentByteLimit = 8 << 20 }
        try await log.compact()
        let reserve = URL(filePath: path).appending(path: FileName.reserve).path
        func byteCount() throws -> Int {
            try FileManager.default.attributesOfItem(atPath: reserve)[.size] as? Int ?? 0
        }
        #expect(try byteCount() == 8 << 20)
        try await log.removeAllCheckpoints()
        try await log.compact()
        #expect(try byteCount() <= 512 << 10)
        try await log.close()
    }

    /// A closing that finds no room for an output, or whose compaction fails, closes all the same and loses nothing.
    @Test func aFailingCompactionDoesNotKeepALogFromClosing() async throws {
        for error in [Errno.noSpace, .ioError] {
            let disk = SimulatedFileSystem()
            var configuration = SpecimenLog.configuration(disk)
            configuration.compactsAutomatically = true
            func open() throws -> LogEngine { try LogEngine.open(at: SpecimenLog.path, configuration) }
            for run in 1...8 {
                let engine = try open()
                try RemovalMarkerTests.put(engine, "key \(run)", run, level: 1)
                try engine.close()
            }
            let engine = try open()
            try RemovalMarkerTests.put(engine, "key 9", 9, level: 1)
            try FreedValueTests.sync(engine)
            // Only what is after the seal of the tail: `close` throws for anything before it.
            disk.fail(.write, where: { $0.lastComponent?.string.contains(".out") == true }, with: error)
            try engine.close()
            let again = try open()
            for run in 1...9 {
                let found = unsafe try again.withContent(level: 1, key: CheckpointKey("key \(run)")) {
                    unsafe PowerLossTests.number(Array($1))
                }
                #expect(found == run)
            }
            try again.close()
            #expect(await FreedValueTests.findings(disk).filter { $0.severity != .note }.isEmpty)
        }
    }
}
