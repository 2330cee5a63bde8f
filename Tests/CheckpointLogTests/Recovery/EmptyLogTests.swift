import CheckpointLog
import TestSupport
import Testing

/// A log in which nothing, or nothing more, was written opens again and again.
@Suite struct EmptyLogTests {
    @Test(arguments: [true, false]) func aLogWithoutRecordsOpensAgain(closes: Bool) throws {
        let disk = SimulatedFileSystem()
        for _ in 0..<4 {
            let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
            if closes { try engine.close() } else { engine.abandon() }
        }
    }

    /// An opening begins with the removal of the empty segment that the one before it made: a power cut there must not
    /// make the log look as if it had lost something.
    @Test func aCutInTheOpeningOfAnEmptyLogIsNoDamage() throws {
        let first = SimulatedFileSystem()
        try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(first)).abandon()
        for boot in [CrashBoot.same, .another] {
            for call in 1...60 {
                let disk = first.copy()
                disk.cutPower(atCall: disk.mutatingCallCount + call)
                (try? LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk)))?.abandon()
                let image = disk.crashImage(.syncedOnly, boot: boot)
                try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(image)).close()
            }
        }
    }
}
