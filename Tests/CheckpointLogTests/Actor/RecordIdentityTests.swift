import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The index knows a hash and a place: what stands there is compared with what was asked for before it is given out.
@Suite struct RecordIdentityTests {
    struct Asked: Sendable, CustomTestStringConvertible {
        var key: CheckpointKey = "key"
        var level: UInt8 = 1
        var origin = Origin.own
        var later: UInt64 = 0
        var testDescription: String { "\(key), level \(level), \(origin.isOwn ? "own" : "child"), number + \(later)" }

        static let others = [
            Asked(key: "yek"), Asked(key: "longer key"), Asked(level: 2), Asked(origin: Origin("child")),
            Asked(later: 1),
        ]
    }

    @Test(arguments: Asked.others) func anEntryThatLeadsToAnotherRecordIsDamage(asked: Asked) throws {
        let disk = SimulatedFileSystem(seed: 15)
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { engine.abandon() }
        let appended = try engine.append([1, 2, 3], PowerLossTests.content(), key: "key")
        let number = SequenceNumber(rawValue: appended.sequenceNumber.rawValue + asked.later)
        let hash = try engine.hash(of: asked.key, level: asked.level, origin: asked.origin)
        _ = engine.catalog.index.insert(
            hash, IndexEntry(sequenceNumber: number, location: appended.location), keep: 1)
        let query = RecordQuery(key: asked.key, level: asked.level, origin: asked.origin)
        let error = #expect(throws: CheckpointLogError.self) { unsafe try engine.withContent(query) { _, _ in } }
        #expect(error?.code == .damaged && error?.lost.first?.key == asked.key)
    }
}
