import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Damage that comes into a log while a reader has it open.
@Suite struct FollowerDamageTests {
    @Test(arguments: [false, true]) func damageInWhatIsNewIsThrownAndGoneAroundInASalvage(isSalvage: Bool) throws {
        let disk = SimulatedFileSystem()
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { engine.abandon() }
        func append(_ number: Int) throws -> Appended {
            try engine.append(PowerLossTests.bytes(number, count: 300), PowerLossTests.content(), key: "key \(number)")
        }
        _ = try append(1)
        try FailedSyncTests.sync(engine)
        let reader = try LogEngine.openForReading(
            at: SpecimenLog.path, SpecimenLog.configuration(disk), isSalvage: isSalvage)
        defer { reader.abandon() }
        let second = try append(2)
        _ = try append(3)
        try FailedSyncTests.sync(engine)
        let path = SpecimenLog.path.appending(SegmentName(second.location.segment, .log).fileName)
        #expect(disk.flipBit((second.location.offset + 20) * 8, of: path))
        guard isSalvage else {
            let error = #expect(throws: CheckpointLogError.self) { try reader.refresh() }
            #expect(error?.code == .damaged)
            return
        }
        try reader.refresh()
        let bytes = unsafe try reader.withContent(level: 1, key: "key 1") { unsafe Array($1) }
        #expect(bytes.flatMap(PowerLossTests.number) == 1)
    }
}
