import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The power is cut at every call of a compaction, and right after it: what was durable before is there afterwards.
@Suite struct CompactionCutTests {
    static let keys = ["both", "large", "first", "other"]

    /// - Parameter hasFiles: whether the large value has a file of its own, which a compaction frees first, with syncs.
    static func configuration(_ disk: SimulatedFileSystem, hasFiles: Bool = true) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.snapshotByteCount = .max
        if !hasFiles { configuration.largeValueByteCount = 16 << 10 }
        return configuration
    }

    static func put(_ engine: LogEngine, _ key: String, _ number: Int) throws {
        let bytes = PowerLossTests.bytes(number, count: key == "large" ? 6_000 : 200)
        _ = try engine.append(bytes, PowerLossTests.content(), key: CheckpointKey(key))
    }

    /// A sealed segment with a value of each key; two of the keys have a newer one that is written and not synced.
    static func beforeCompaction(_ disk: SimulatedFileSystem, hasFiles: Bool = true) throws -> LogEngine {
        let configuration = configuration(disk, hasFiles: hasFiles)
        let first = try LogEngine.open(at: SpecimenLog.path, configuration)
        for key in keys { try put(first, key, 1) }
        try first.close()
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        for key in keys.prefix(2) { try put(engine, key, 2) }
        return engine
    }

    @Test(arguments: [true, false]) func everyKeyHasAValueAfterACutAtAnyCall(hasFiles: Bool) throws {
        let whole = SimulatedFileSystem(seed: 12)
        let engine = try Self.beforeCompaction(whole, hasFiles: hasFiles)
        let start = whole.mutatingCallCount
        #expect(try engine.requireWriter().maintenance.compact(fully: true)?.recordCount == 2)
        let end = whole.mutatingCallCount
        engine.abandon()
        #expect(end > start + 8)
        for call in start + 1...end + 1 {
            let disk = SimulatedFileSystem(seed: UInt64(call))
            disk.cutPower(atCall: call, tearing: UInt64(call))
            let engine = try Self.beforeCompaction(disk, hasFiles: hasFiles)
            _ = try? engine.requireWriter().maintenance.compact(fully: true)
            let kinds = [CrashImageKind.syncedOnly, .everything] + (0..<6).map { .random(UInt64(call * 6 + $0)) }
            for kind in kinds {
                try Self.check(disk.crashImage(kind, boot: .another), "cut \(call - start) of \(end - start), \(kind)")
            }
            engine.abandon()
        }
    }

    static func check(_ image: SimulatedFileSystem, _ label: String) throws {
        let engine: LogEngine
        do {
            engine = try LogEngine.open(at: SpecimenLog.path, configuration(image))
        } catch {
            Issue.record("\(label): the log does not open: \(error)")
            return
        }
        for key in keys {
            do {
                let found = unsafe try engine.withContent(level: 1, key: CheckpointKey(key)) { unsafe Array($1) }
                let number = found.flatMap(PowerLossTests.number)
                #expect(number == 1 || number == 2, "\(label): \(key) gives \(number.map(String.init) ?? "nothing")")
            } catch {
                Issue.record("\(label): \(key) gives \(error)")
            }
        }
        try engine.close()
    }

    /// A copy under a new checksum would make damage look sound.
    @Test func aDamagedFrameIsNotCopied() throws {
        let disk = SimulatedFileSystem(seed: 13)
        let engine = try Self.beforeCompaction(disk)
        let hash = try engine.hash(of: "first", level: 1, origin: .own)
        let location = try #require(engine.catalog.index.newest(hash)?.location)
        let path = engine.files.path(of: location.segment)
        disk.flipBit((location.offset + FrameHeader.byteCount + 50) * 8, of: path)
        #expect(throws: CheckpointLogError.self) { try engine.requireWriter().maintenance.compact(fully: true) }
        let error = #expect(throws: CheckpointLogError.self) {
            unsafe try engine.withContent(level: 1, key: "first") { _, _ in }
        }
        #expect(error?.code == .damaged && error?.lost.first?.key == "first")
        engine.abandon()
    }
}
