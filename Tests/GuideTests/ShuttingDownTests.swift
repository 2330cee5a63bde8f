import CheckpointLog
import Dispatch
import Foundation
import Testing

#if Lifecycle
import CheckpointLogLifecycle
import Logging
import ServiceLifecycle
#endif

/// The samples of "Shutting down".
@Suite struct ShuttingDownTests {
    let sample: SampleLog
    let directory: String
    let trainer = Trainer()

    init() throws {
        sample = try SampleLog()
        directory = sample.directory
    }

    private func restored() async throws -> (State?, Model?) {
        let log = try await CheckpointLog.open(at: directory)
        let report = log.recoveryReport
        if let tail = report.tornTail { print("an unfinished write was cut off: \(tail)") }
        if let lost = report.possiblyLost { print("checkpoints \(lost) were written, and never synced") }
        #expect(report.tornTail == nil && report.possiblyLost == nil)
        defer { Task { try await log.close() } }
        return (try await log.restore(State.self, for: "state"), try await log.restore(Model.self, for: "model"))
    }

    @Test func closingEndsTheLog() async throws {
        let log = try await sample.open()
        try await log.checkpoint(State(step: 3), for: "state")
        try await log.close()
        await #expect(throws: CheckpointLogError.self) { try await log.checkpoint(State(), for: "state") }
        #expect(try await restored().0 == State(step: 3))
    }

    @Test func aSourceIsAskedALastTime() async throws {
        let log = try await sample.open()
        try await log.register(source: "model", level: 2) { await trainer.state }
        await log.startCheckpointing()
        try await log.close(updatingFirst: true)
        #expect(try await restored().1 == Model(loss: 0.25))
    }

    #if Lifecycle
    /// What a program does: it ends when it is asked to, and would take a checkpoint until then.
    private struct Simulation: Service {
        let log: CheckpointLog

        func run() async throws {
            try await log.checkpoint(State(step: 1), for: "state")
            kill(getpid(), SIGTERM)
            try await gracefulShutdown()
            try await log.checkpoint(State(step: 2), for: "state")
        }
    }

    /// In a process of its own, which is the one that gets the signal.
    @Test func aServiceGroupClosesTheLogAtTheSignal() async throws {
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let logger = Logger(label: "simulation")
            let log = try await CheckpointLog.open(at: directory)
            let group = ServiceGroup(
                services: [CheckpointLogService(log, logger: logger), Simulation(log: log)],
                gracefulShutdownSignals: [.sigterm], logger: logger)
            try await group.run()
        }
        #expect(try await restored().0 == State(step: 2))
    }
    #endif

    @Test func aSignalSourceClosesTheLog() async throws {
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let log = try await CheckpointLog.open(at: directory)
            try await log.register(source: "model", level: 2) { Model(loss: 0.5) }
            signal(SIGTERM, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: SIGTERM)
            source.setEventHandler {
                Task {
                    try await log.close(updatingFirst: true)
                    exit(0)
                }
            }
            source.resume()
            // Not before: a signal that comes earlier is ignored.
            source.setRegistrationHandler { kill(getpid(), SIGTERM) }
            // Until the process ends.
            for await _ in AsyncStream<Never>(unfolding: { await withUnsafeContinuation { _ in } }) {}
            withExtendedLifetime(source) {}
        }
        #expect(try await restored().1 == Model(loss: 0.5))
    }
}
