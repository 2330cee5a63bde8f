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

    /// The first opening syncs the names of the first segment and of the page together. Whichever of the two a power
    /// cut leaves, the log opens; and once something is synced, both are there.
    @Test func aCutInTheFirstOpeningIsNoDamage() throws {
        let kinds = [CrashImageKind.syncedOnly, .everything] + (0..<24).map { .random($0) }
        var (survived, calls) = (0, 0)
        for call in 1...60 {
            let disk = SimulatedFileSystem()
            disk.cutPower(atCall: call)
            var isSynced = false
            if let engine = try? LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk)) {
                if let appended = try? engine.append([7], engine.attributes(1).adding(.raw), key: "key") {
                    isSynced = (try? engine.requireWriter().sync.waitUntilSynced(appended.end)) != nil
                }
                engine.abandon()
            }
            calls = max(calls, disk.mutatingCallCount)
            for kind in kinds {
                let image = disk.crashImage(kind, boot: .another)
                let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(image))
                #expect(engine.report.damage.isEmpty, "call \(call), \(kind)")
                let found = try engine.newest(RecordQuery(key: "key", level: 1))
                #expect(found != nil || !isSynced, "call \(call), \(kind)")
                if isSynced { survived += 1 }
                try engine.close()
            }
        }
        // The cuts reached from the first call to behind the sync.
        #expect(survived >= kinds.count && calls < 60, "\(survived), \(calls)")
    }
}
