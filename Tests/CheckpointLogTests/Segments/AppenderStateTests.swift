import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What an appender does once it takes nothing more, and what it counts.
@Suite struct AppenderStateTests {
    private static func open() throws -> (LogEngine, LogAppender) {
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(SimulatedFileSystem()))
        return (engine, try engine.requireWriter().appender)
    }

    private static func code(_ body: () throws -> Void) -> CheckpointLogError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CheckpointLogError)?.code
        }
    }

    /// A number is a promise that its record can still be written.
    @Test func aLogThatIsClosedOrHasFailedGivesNoNumberAndNoPromise() throws {
        for hasFailed in [false, true] {
            let (engine, appender) = try Self.open()
            defer { engine.abandon() }
            _ = try appender.reserveSequenceNumber()
            try appender.appendPromise()
            let (end, number) = (appender.writtenPosition, appender.lastSequenceNumber)
            if hasFailed {
                appender.poison(CheckpointLogError(FileSystemError(.sync, SpecimenLog.path, .ioError)))
            } else {
                _ = appender.refuseAppends()
            }
            let expected: CheckpointLogError.Code = hasFailed ? .writerFailed : .closed
            #expect(Self.code { _ = try appender.reserveSequenceNumber() } == expected)
            #expect(Self.code { _ = try appender.reserveSequenceNumbers(3) } == expected)
            #expect(Self.code { try appender.appendPromise() } == expected)
            #expect(Self.code { _ = try appender.append(batch: []) } == expected)
            #expect(appender.writtenPosition == end && appender.lastSequenceNumber == number)
        }
    }

    @Test func everySyncOfAFileIsCounted() throws {
        let (engine, appender) = try Self.open()
        defer { engine.abandon() }
        func append() throws {
            _ = try engine.append(PowerLossTests.bytes(1, count: 3_000), PowerLossTests.content(), key: "key")
        }
        try append()
        _ = try appender.syncAll()
        #expect(appender.counters.syncs == 1)
        _ = try appender.syncAll()
        #expect(appender.counters.syncs == 1)
        try append()
        _ = try appender.syncAll()
        #expect(appender.counters.syncs == 2)
    }
}
