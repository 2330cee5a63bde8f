import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// After a failed sync nothing is known of the pages: the log takes nothing more, and the next opening writes them
/// again.
@Suite struct FailedSyncTests {
    /// A log with values whose sync failed.
    static func failed(_ behavior: FailedSyncBehavior) throws -> (SimulatedFileSystem, LogEngine) {
        let disk = SimulatedFileSystem(seed: 14)
        disk.failedSyncBehavior = behavior
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        // Several blocks: the one that the footer comes into is written again in any case.
        for key in ["key", "other", "third", "last"] {
            _ = try engine.append(
                PowerLossTests.bytes(1, count: 3_000), PowerLossTests.content(), key: CheckpointKey(key))
        }
        disk.fail(.sync, where: { $0.string.hasSuffix(".log") }, with: .ioError)
        let error = #expect(throws: CheckpointLogError.self) { try sync(engine) }
        #expect(error?.code == .ioFailure)
        return (disk, engine)
    }

    static func sync(_ engine: LogEngine) throws {
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
    }

    static func number(_ disk: SimulatedFileSystem) throws -> Int? {
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { engine.abandon() }
        return unsafe try engine.withContent(level: 1, key: "key") { unsafe Array($1) }.flatMap(PowerLossTests.number)
    }

    @Test func nothingIsTakenAfterwards() throws {
        let (_, engine) = try Self.failed(.kept)
        defer { engine.abandon() }
        let append = #expect(throws: CheckpointLogError.self) {
            _ = try engine.append([1], PowerLossTests.content(), key: "key")
        }
        #expect(append?.code == .writerFailed)
        let removal = #expect(throws: CheckpointLogError.self) {
            _ = try engine.appendRemoval(of: "key", Level(validating: 1))
        }
        #expect(removal?.code == .writerFailed)
    }

    /// A second sync could succeed although the pages are gone.
    @Test func theSyncIsNotTriedAgain() throws {
        let (disk, engine) = try Self.failed(.dropped)
        defer { engine.abandon() }
        disk.isTracing = true
        let error = #expect(throws: CheckpointLogError.self) { try Self.sync(engine) }
        #expect(error?.code == .writerFailed)
        #expect(!disk.trace.contains { $0.operation == .sync })
    }

    @Test(arguments: [FailedSyncBehavior.kept, .dropped]) func theNextOpeningMakesDurableWhatItFinds(
        behavior: FailedSyncBehavior
    ) throws {
        let (disk, engine) = try Self.failed(behavior)
        engine.abandon()
        #expect(try Self.number(disk) == 1)
        #expect(try Self.number(disk.crashImage(.syncedOnly, boot: .another)) == 1)
    }
}
