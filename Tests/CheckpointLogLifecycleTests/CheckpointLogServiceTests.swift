#if Lifecycle
import CheckpointLog
import CheckpointLogLifecycle
import Logging
import ServiceLifecycle
import ServiceLifecycleTestKit
import SystemPackage
import TestSupport
import Testing

/// The service at the end of a process: saved, closed, and every failure told.
@Suite struct CheckpointLogServiceTests {
    let disk = SimulatedFileSystem()
    let messages = CollectedMessages()

    var logger: Logger { messages.logger }

    func openLog() async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.fileSystem = disk
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    func restoredAfterPowerLoss(_ key: CheckpointKey) async throws -> Int? {
        var configuration = Configuration()
        configuration.fileSystem = disk.crashImage(.syncedOnly, boot: .another)
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let value = try await log.restore(Int.self, for: key)
        try await log.close()
        return value
    }

    func isClosed(_ log: CheckpointLog) async -> Bool {
        let error = await #expect(throws: CheckpointLogError.self) { try await log.save() }
        return error?.code == .closed
    }

    @Test func gracefulShutdownSavesAndCloses() async throws {
        let log = try await openLog()
        try await log.checkpoint(7, for: "state")
        try await testGracefulShutdown { trigger in
            async let service: Void = CheckpointLogService(log, logger: logger).run()
            trigger.triggerGracefulShutdown()
            try await service
        }
        #expect(await isClosed(log))
        #expect(try await restoredAfterPowerLoss("state") == 7)
        #expect(messages.all.contains("info: the checkpoint log is closed"))
    }

    @Test func servicesAfterItTakeTheirLastCheckpointFirst() async throws {
        let log = try await openLog()
        try await testGracefulShutdown { trigger in
            let group = ServiceGroup(
                services: [CheckpointLogService(log, logger: logger), Worker(log: log)], logger: logger)
            async let running: Void = group.run()
            trigger.triggerGracefulShutdown()
            try await running
        }
        #expect(await isClosed(log))
        // The worker's last act, after the shutdown began.
        #expect(try await restoredAfterPowerLoss("last") == 2)
    }

    @Test func cancellationClosesToo() async throws {
        let log = try await openLog()
        try await log.checkpoint(8, for: "state")
        let service = CheckpointLogService(log, logger: logger)
        let running = Task { try await service.run() }
        running.cancel()
        try await running.value
        #expect(await isClosed(log))
        #expect(try await restoredAfterPowerLoss("state") == 8)
    }

    @Test func aLogThatIsClosedIsLeftAlone() async throws {
        let log = try await openLog()
        try await log.close()
        try await runToTheEnd(CheckpointLogService(log, logger: logger))
    }

    @Test func aLogOpenForReadingIsOnlyClosed() async throws {
        let writer = try await openLog()
        try await writer.checkpoint(11, for: "state")
        try await writer.close()
        var configuration = Configuration()
        configuration.fileSystem = disk
        let log = try await CheckpointLog.openForReading(at: "/log", configuration: configuration)
        try await runToTheEnd(CheckpointLogService(log, logger: logger))
        let error = await #expect(throws: CheckpointLogError.self) { try await log.restore(Int.self, for: "state") }
        #expect(error?.code == .closed)
    }

    @Test func aFailedSyncIsThrownAndTheLogClosed() async throws {
        let log = try await openLog()
        try await log.checkpoint(9, for: "state")
        disk.fail(.sync, with: .ioError, once: false)
        let error = await #expect(throws: CheckpointLogError.self) {
            try await runToTheEnd(CheckpointLogService(log, logger: logger))
        }
        #expect(error?.code == .ioFailure || error?.code == .writerFailed)
        // Closing a log that failed throws as well: that one is logged.
        #expect(messages.all.contains { $0.hasPrefix("error: the checkpoint log failed to close: ") })
        disk.removeFaults()
        try await openLog().close()
    }

    @Test func theDeadlineEndsTheWaitAndTheLateEndIsLogged() async throws {
        let log = try await openLog()
        try await log.checkpoint(10, for: "state")
        let disk = disk
        let isHeld = Lock(true)
        // Every sync waits until the test lets it go.
        disk.observe { call in
            if call.operation == .sync { isHeld.wait { $0 ? nil : () } }
        }
        let error = await #expect(throws: CheckpointLogError.self) {
            try await runToTheEnd(
                CheckpointLogService(log, closingWithin: .seconds(3), on: ImmediateClock(), logger: logger))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("3.0 seconds") == true)

        isHeld.withLock { $0 = false }
        isHeld.wakeAll()
        await messages.wait(for: "notice: the checkpoint log was closed after its deadline")
        #expect(try await restoredAfterPowerLoss("state") == 10)
    }

    /// What the program has come to is what its next start finds, and a source that does not answer keeps nothing else
    /// back.
    @Test func aShutdownUpdatesALastTime() async throws {
        let log = try await openLog()
        let step = Lock(1)
        try await log.register(source: "step", level: 2) { step.withLock { $0 } }
        step.withLock { $0 = 99 }
        try await runToTheEnd(CheckpointLogService(log, logger: logger))
        #expect(try await restoredAfterPowerLoss("step") == 99)
    }

    @Test func aSourceThatHangsKeepsNothingBack() async throws {
        let log = try await openLog()
        try await log.checkpoint(10, for: "state")
        let gate = Gate()
        try await log.register(source: "hangs") {
            await gate.pass()
            return 1
        }
        let clock = ManualClock()
        let service = CheckpointLogService(log, closingWithin: .seconds(10), on: clock, logger: logger)
        let run = Task { try await runToTheEnd(service) }
        // The deadline, and the half of it that the source has.
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(5))
        let error = await #expect(throws: CheckpointLogError.self) { try await run.value }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("5.0 seconds were not enough for the last update") == true)
        #expect(try await restoredAfterPowerLoss("state") == 10)
        gate.open()
    }

    func runToTheEnd(_ service: CheckpointLogService) async throws {
        try await testGracefulShutdown { trigger in
            trigger.triggerGracefulShutdown()
            try await service.run()
        }
    }

    /// A service that takes its last checkpoint when the shutdown reaches it.
    struct Worker: Service {
        let log: CheckpointLog

        func run() async throws {
            try await log.checkpoint(1, for: "last")
            try await gracefulShutdown()
            try await log.checkpoint(2, for: "last")
        }
    }
}
#endif
