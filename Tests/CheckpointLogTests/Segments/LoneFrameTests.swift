import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A frame that will be synced alone is written, not stored: its sync then finds no mapped page.
@Suite struct LoneFrameTests {
    let disk = SimulatedFileSystem(seed: 92)

    /// How the frames of each period between two syncs reached the segment: "w" for a write, "s" for a store.
    ///
    /// - Parameter counts: how many frames each period has.
    func ways(_ counts: [Int]) throws -> [String] {
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        let writer = try engine.requireWriter()
        var ways: [String] = []
        for count in counts {
            disk.isTracing = true
            for number in 0..<count {
                _ = try engine.append([UInt8(number)], engine.attributes(1).adding(.raw), key: "key-\(number)")
            }
            ways.append(
                disk.trace.filter { $0.path.string.contains(".log") }
                    .map { $0.operation == .write ? "w" : $0.operation == .store ? "s" : "?" }.joined())
            disk.isTracing = false
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        }
        try engine.close()
        return ways
    }

    @Test func onlyFramesThatAreSyncedAloneAreWritten() throws {
        // What the next period will be is guessed from the one before; a second frame in it is stored in any case.
        #expect(
            try ways([1, 1, 1, 3, 3, 1, 1, 2, 2])
                == ["s", "w", "w", "wss", "sss", "s", "w", "ws", "ss"])
    }
}
