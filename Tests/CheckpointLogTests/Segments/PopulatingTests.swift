import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Short syncs bring the next pages to the disk as zeros, so that the syncs after them need not allocate.
@Suite struct PopulatingTests {
    let disk = SimulatedFileSystem(seed: 91)

    /// The calls of a log that appends `count` values of 1,500 bytes and syncs after every `span` of them.
    func calls(_ count: Int, span: Int) throws -> [SimulatedCall] {
        var configuration = SpecimenLog.configuration(disk)
        configuration.segmentByteLimit = 1 << 20
        configuration.levels[1] = LevelPolicy(durability: .written, retention: .newest(1_000), compression: .none)
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        let writer = try engine.requireWriter()
        disk.isTracing = true
        for number in 1...count {
            _ = try engine.append(
                PowerLossTests.bytes(number, count: 1_500), engine.attributes(1).adding(.raw), key: "key")
            if number % span == 0 { try writer.sync.waitUntilSynced(writer.appender.writtenPosition) }
        }
        let calls = disk.trace
        disk.isTracing = false
        try engine.close()
        return calls
    }

    @Test func shortSyncsPopulateAhead() throws {
        let calls = try calls(400, span: 2)
        var (end, populated, syncs, behind, count) = (0, 0, 0, 0, 0)
        for (index, call) in calls.enumerated() where call.path.string.contains(".log") {
            switch call.operation {
            case .store:
                end = max(end, call.offset + call.byteCount)
            case .populate:
                count += 1
                // Nothing but what is not used yet, and the next call is the sync that writes it.
                #expect(call.offset == end && call.byteCount <= 64 << 10)
                #expect(calls[index + 1].operation == .sync && calls[index + 1].path == call.path)
                populated = call.offset + call.byteCount
            case .sync:
                syncs += 1
                if end > populated { behind += 1 }
            default:
                break
            }
        }
        // 600 KiB at 64 KiB each, and a few at the ends of what was allocated.
        #expect(syncs == 200 && (9...16).contains(count), "\(syncs) syncs, \(count) populated")
        // Where what is allocated ends, there is nothing to populate until the segment grows.
        #expect(behind <= 4, "\(behind)")
    }

    @Test func longSyncsDoNot() throws {
        let calls = try calls(400, span: 20)
        #expect(calls.contains { $0.operation == .sync && $0.path.string.contains(".log") })
        #expect(!calls.contains { $0.operation == .populate })
    }

    /// Pages that are populated hold what they held; a page past the end of the file, or of the mapping, is left alone.
    @Test(arguments: TestDisk.allCases)
    func populatingChangesNothing(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        guard try file.reserve(byteCount: 32_768), try file.map(byteCount: 1 << 20) else {
            #expect(disk == .posix, "The simulated disk maps.")
            return
        }
        file.store([1, 2], at: 4_095)
        try file.write([3], at: 16_384)
        for range in [0..<10, 100..<20_000, 4_096..<32_768, 30_000..<2 << 20, 3 << 20..<4 << 20] {
            file.populate(range)
        }
        try file.sync()
        file.store([4], at: 8_192)
        file.unmap()
        file.populate(0..<32_768)
        var expected = [UInt8](repeating: 0, count: 32_768)
        expected.replaceSubrange(4_095..<4_097, with: [1, 2])
        (expected[8_192], expected[16_384]) = (4, 3)
        #expect(try file.allBytes() == expected)
    }
}
