import CheckpointLog
import Foundation
import Testing

/// The samples of "Levels and retention".
@Suite struct LevelsAndRetentionTests {
    let sample: SampleLog
    let directory: String

    init() throws {
        sample = try SampleLog()
        directory = sample.directory
    }

    @Test func aCheapLevelOftenAndADurableOneFromTimeToTime() async throws {
        let log = try await sample.open()
        for step in [1_000, 1_001] {
            let state = State(step: step)
            try await log.checkpoint(state, for: "state")
            if state.step % 1_000 == 0 {
                try await log.checkpoint(state, for: "state", level: 2)
            }
        }
        #expect(try await log.restore(State.self, for: "state")?.step == 1_001)
        #expect(try await log.restore(State.self, for: "state", level: 2)?.step == 1_000)
        let state = State(step: 1_002)
        let receipt = try log.submit(state, for: "state")
        try await receipt.wait(for: .synced)
        #expect(receipt.byteCount > 0)
        try await log.close()
    }

    @Test func levelsAreDefinedWhenTheLogIsOpened() async throws {
        try await define()
        let log = try await CheckpointLog.open(at: directory)
        #expect(try log.policy(for: 1).durability == .memory)
        #expect(try log.policy(for: 2).retention == .newest(3))
        #expect(try log.policy(for: 3).durability == .synced && log.policy(for: 3).retention == .newest(10))
        try await log.close()
    }

    private func define() async throws {
        var configuration = Configuration()
        configuration.levels[1] = LevelPolicy(durability: .memory)
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(3))
        configuration.levels[3] = LevelPolicy(durability: .synced, retention: .newest(10), compression: .zlib)
        let log = try await CheckpointLog.open(at: directory, configuration: configuration)
        try await log.close()
    }

    @Test func anEarlierVersionIsRestored() async throws {
        let log = try await sample.open()
        for loss in [0.3, 0.2, 0.1] { try await log.checkpoint(Model(loss: loss), for: "model", level: 3) }
        let versions = try await log.history(for: "model", level: 3)
        for version in versions {
            print(version.sequenceNumber, version.date, version.byteCount, version.metadata)
        }
        if let oldest = versions.last {
            let old = try await log.restore(Model.self, for: "model", version: .sequence(oldest.sequenceNumber))
            print(old?.loss ?? .nan)
        }
        let yesterday = try await log.restore(
            Model.self, for: "model", version: .asOf(Date(timeIntervalSinceNow: -86_400)))
        #expect(versions.count == 3 && versions[0].sequenceNumber > versions[2].sequenceNumber)
        #expect(yesterday == nil)
        try await log.close()
    }

    @Test func theBestVersionIsKept() async throws {
        let log = try await sample.open(keeping: 1)
        for loss in [0.1, 0.3] {
            let model = Model(loss: loss)
            let receipt = try await log.checkpoint(
                model, for: "model", level: 3, metadata: ["loss": .number(model.loss)])
            if let best = try await log.best(of: "loss", .lowest, for: "model", level: 3) {
                try await log.tag(best.sequenceNumber, of: "model", as: "best", level: 3)
            }
            let best = try await log.restore(Model.self, for: "model", version: .tag("best"))
            try await log.pin(receipt.sequenceNumber, of: "model", level: 3)
            #expect(best?.loss == 0.1)
        }
        #expect(try await log.history(for: "model", level: 3).map(\.isPinned) == [true, true])
        try await log.close()
    }

    @Test func fewerVersionsAreKeptWhereThatIsAllowed() async throws {
        let before = try await sample.open(keeping: 5)
        for loss in [0.3, 0.2] { try await before.checkpoint(Model(loss: loss), for: "model", level: 3) }
        try await before.close()
        try await lessen()
        let log = try await CheckpointLog.open(at: directory)
        #expect(try await log.history(for: "model", level: 3).count == 1)
        try await log.close()
    }

    private func lessen() async throws {
        var configuration = Configuration()
        configuration.levels[3] = LevelPolicy(durability: .synced, retention: .newest(1))
        configuration.allowsDroppingVersions = true
        let log = try await CheckpointLog.open(at: directory, configuration: configuration)
        for change in log.recoveryReport.policyChanges { print(change) }
        #expect(log.recoveryReport.policyChanges.count == 1)
        try await log.close()
    }

    @Test func checkpointsAreRemoved() async throws {
        let log = try await sample.open()
        let version = try await log.checkpoint(Model(loss: 0.3), for: "model", level: 3).sequenceNumber
        try await log.checkpoint(Model(loss: 0.2), for: "model", level: 3)
        try await log.checkpoint(Worker(), for: "worker/7/state", level: 2)
        try await log.checkpoint(State(), for: "state")
        try await log.removeVersion(version, of: "model", level: 3)
        try await log.removeCheckpoint(for: "model")
        try await log.removeCheckpoints(prefix: "worker/7/")
        try await log.removeAllCheckpoints(level: 1)
        try await log.compact()
        #expect(try await log.keys().isEmpty)
        try await log.close()
    }
}
