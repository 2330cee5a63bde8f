import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Small frames that are read again and again are held in memory: which ones, how much of them, and what that changes.
@Suite struct FrameCacheTests {
    private func location(_ number: Int, byteCount: Int = 256) -> FrameLocation {
        FrameLocation(
            segment: SegmentNumber(UInt32(1 + number / 60_000)), offset: number % 60_000 * 1_024, byteCount: byteCount)
    }

    private func frame(_ number: Int, byteCount: Int = 256) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: byteCount)
    }

    /// As a reader does it.
    private func read(_ cache: FrameCache, _ number: Int, byteCount: Int = 256) -> [UInt8]? {
        let place = location(number, byteCount: byteCount)
        switch cache.frame(at: place) {
        case .held(let bytes): return bytes
        case .wanted: unsafe frame(number, byteCount: byteCount).withUnsafeBytes { unsafe cache.insert($0, at: place) }
        case .absent: break
        }
        return nil
    }

    @Test func aFrameIsHeldFromTheThirdReadOn() {
        let cache = FrameCache()
        #expect(read(cache, 7) == nil && cache.byteCount == 0)
        #expect(read(cache, 7) == nil && cache.byteCount == 256)
        #expect(read(cache, 7) == frame(7))
    }

    @Test func aPassOverManyKeysLeavesWhatIsHeld() {
        let cache = FrameCache()
        let often = 0..<2_000
        for _ in 0..<2 { for number in often { _ = read(cache, number) } }
        let held = often.filter { read(cache, $0) != nil }
        // Some share a place, of which one has it.
        #expect(held.count > 1_850)
        for number in 10_000..<110_000 { #expect(read(cache, number) == nil) }
        #expect(held.allSatisfy { read(cache, $0) == frame($0) })
    }

    @Test func noMoreIsHeldThanTheLimit() {
        let cache = FrameCache()
        for number in 0..<100_000 {
            for _ in 0..<2 { _ = read(cache, number, byteCount: 1_000) }
            if number % 1_000 == 0 { #expect(cache.byteCount <= FrameCache.byteLimit) }
        }
        #expect(cache.byteCount > FrameCache.byteLimit * 9 / 10)
        #expect(
            (0..<100_000).allSatisfy { number in
                read(cache, number, byteCount: 1_000).map { $0 == frame(number, byteCount: 1_000) } ?? true
            })
    }

    @Test func longFramesAreNotHeld() {
        let cache = FrameCache()
        for _ in 0..<3 { #expect(read(cache, 1, byteCount: 1_200) == nil) }
        #expect(cache.byteCount == 0)
    }

    /// What comes from memory is checked like what comes from the disk, and is of the record that is asked for.
    @Test func aRestoreIsAnsweredFromMemoryAndANewerVersionFromTheDisk() throws {
        let disk = SimulatedFileSystem(seed: 5)
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.usesMapping = false
        let engine = try LogEngine.open(at: "/log", configuration)
        func put(_ text: String) throws {
            _ = try engine.append(Array(text.utf8), try engine.attributes(1).adding(.raw), key: "key")
        }
        func restored() throws -> String? {
            unsafe try engine.withContent(RecordQuery(key: "key", level: 1)) {
                unsafe String(decoding: $1, as: UTF8.self)
            }
        }
        try put("first")
        let place = try #require(try engine.newest(RecordQuery(key: "key", level: 1)))
        for _ in 0..<3 { #expect(try restored() == "first") }
        guard case .frame(let entry, _, _) = place else {
            Issue.record("the record is in memory")
            return
        }
        #expect(engine.frames.cache.byteCount > 0)
        // The disk's copy is gone bad; the checked one in memory is not.
        let name = SegmentName(entry.location.segment, .log).fileName
        let file = FilePath("/log/\(name)")
        var bytes = try #require(disk.contents(of: file))
        bytes[entry.location.offset + FrameHeader.byteCount + 4] ^= 1
        disk.setContents(bytes, of: file)
        #expect(try restored() == "first")
        try put("second")
        #expect(try restored() == "second")
        // Another number at a location that is held is no answer.
        let record = FrameReader.Record(
            at: entry.location, number: SequenceNumber(rawValue: entry.sequenceNumber.rawValue + 1), level: 1)
        let error = #expect(throws: CheckpointLogError.self) {
            unsafe try engine.frames.withContent(of: record) { _, _ in }
        }
        #expect(error?.code == .damaged)
        try engine.close()
    }

    /// A snapshot shares what its log has read; another log does not.
    @Test func aSnapshotHasTheFramesOfItsLog() throws {
        let disk = SimulatedFileSystem(seed: 6)
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        let engine = try LogEngine.open(at: "/log", configuration)
        _ = try engine.append([1, 2, 3], try engine.attributes(1).adding(.raw), key: "key")
        for _ in 0..<2 { _ = unsafe try engine.withContent(RecordQuery(key: "key", level: 1)) { _, _ in } }
        let snapshot = try engine.snapshot()
        #expect(snapshot.frames.cache === engine.frames.cache && snapshot.frames.cache.byteCount > 0)
        try snapshot.close()
        try engine.close()
    }
}
