import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The next segment is made before it is wanted, on another thread than the appends.
@Suite struct SegmentPreparationTests {
    /// A roll that meets the preparation half way waits for it: two segments that follow the same one would leave a
    /// reader to guess, and the log would not open after a kill at that moment.
    @Test func aRollWaitsForTheSegmentThatIsBeingPrepared() throws {
        let disk = SimulatedFileSystem()
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        let appender = try engine.requireWriter().appender
        let rolled = Lock(false)
        let image = Lock<SimulatedFileSystem?>(nil)
        disk.observe { call in
            // The preparation has made its file and is about to make its name durable.
            guard call.operation == .syncDirectory, image.withLock({ $0 }) == nil else { return }
            image.withLock { $0 = disk }
            _ = NamedThread(name: "appends") {
                for number in 0..<12 {
                    let bytes = PowerLossTests.bytes(number, count: 4_000 * 2)
                    _ = try? engine.append(Array(bytes.prefix(4_000)), PowerLossTests.content(), key: "key \(number)")
                    _ = try? engine.append(Array(bytes.suffix(4_000)), PowerLossTests.content(), key: "key \(number)")
                }
                rolled.withLock { $0 = true }
                rolled.wakeAll()
            }
            // It must not get past the roll; without the rule it would, and long before this time is over.
            _ = rolled.wait(atMost: 300_000_000) { $0 ? () : nil }
            image.withLock { $0 = disk.copy() }
        }
        try appender.prepareNext(early: true)
        rolled.wait { $0 ? () : nil }
        disk.observe(nil)
        #expect(appender.counters.rolls == 1)
        for disk in [try #require(image.withLock { $0 }), disk.copy()] {
            try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk)).close()
        }
        try engine.close()
    }
}
