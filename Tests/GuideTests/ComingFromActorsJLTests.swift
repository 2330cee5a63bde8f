import CheckpointLog
import Testing

/// The samples of "Coming from Actors.jl"; the one with the macro is a test of the macro.
@Suite struct ComingFromActorsJLTests {
    let sample: SampleLog
    let directory: String
    let a = 1
    let b = 2.5
    let c = "three"
    let trainer = Trainer()

    init() throws {
        sample = try SampleLog()
        directory = sample.directory
    }

    @Test func anActorIsStarted() async throws {
        var configuration = Configuration()
        configuration.name = "C4"
        configuration.rank = 2
        configuration.intervals = Intervals(on: true, update: .seconds(5))
        let log = try await CheckpointLog.open(at: directory, configuration: configuration)
        #expect(log.name == "C4" && log.rank == 2)
        #expect(await log.intervals.on)
        try await log.close()
    }

    @Test func anActorWithoutAFileKeepsItsStoreInTheMemory() async throws {
        let log = try await CheckpointLog.inMemory()
        try await log.checkpoint(a, for: "mykey")
        #expect(try await log.restore(Int.self, for: "mykey") == 1)
        try await log.close()
    }

    @Test func severalValuesAreSavedAndRestored() async throws {
        let log = try await sample.open()
        try await log.checkpoint(a, b, c, for: "mykey")
        try await log.checkpoint(a, b, c, for: "mykey", level: 2)
        try await submit(log)
        try await restore(log)
        try await forget(log)
        try await log.close()
    }

    private func submit(_ log: CheckpointLog) async throws {
        let receipt = try log.submit(a, b, c, for: "mykey")
        try await receipt.wait(for: .synced)
    }

    private func restore(_ log: CheckpointLog) async throws {
        let (a, b, c) = (0, 0.0, "")
        if let (a, b, c) = try await log.restore(Int.self, Double.self, String.self, for: "mykey") {
            print(a, b, c)
        }
        let model = try await log.restore(Model.self, for: "model", level: 2) ?? Model()
        #expect(
            try #require(await log.restore(Int.self, Double.self, String.self, for: "mykey")) == (
                self.a, self.b, self.c
            ))
        #expect(model == Model() && (a, b, c) == (0, 0, ""))
    }

    private func forget(_ log: CheckpointLog) async throws {
        try await log.removeCheckpoint(for: "mykey")
        try await log.removeAllCheckpoints()
        #expect(try await log.keys().isEmpty)
    }

    @Test func aKeyIsAString() async throws {
        let (log, state, worker) = (try await sample.open(), State(step: 1), 7)
        try await log.checkpoint(state, for: "worker/\(worker)")
        #expect(try await log.keys() == ["worker/7"])
        try await log.close()
    }

    @Test func intervalsAreChanged() async throws {
        let log = try await sample.open()
        try await log.setInterval(update: .milliseconds(500), save: .seconds(30))
        print(await log.intervals.update)
        #expect(await log.intervals == Intervals(on: false, update: .milliseconds(500), save: .seconds(30)))
        try await log.close()
    }

    @Test func checkpointsAreTakenByTheClock() async throws {
        let log = try await sample.open()
        try await log.register(source: "model", level: 2) { await trainer.state }
        await log.startCheckpointing()
        await log.stopCheckpointing()
        try await log.update()
        #expect(try await log.restore(Model.self, for: "model", level: 2) == Model(loss: 0.25))
        try await list(log)
        try await log.close()
    }

    private func list(_ log: CheckpointLog) async throws {
        for checkpoint in try await log.checkpoints() {
            print(checkpoint.key, checkpoint.level, checkpoint.date, checkpoint.byteCount)
        }
        let models = try await log.restoreAll(as: Model.self, level: 2)
        #expect(models == ["model": Model(loss: 0.25)])
    }

    @Test func anotherLogIsLoaded() async throws {
        let other = try await sample.open()
        try await other.checkpoint(a, for: "mykey")
        try await other.close()
        let log = try await CheckpointLog.inMemory()
        try await load(log)
        #expect(try await log.restore(Int.self, for: "mykey") == 1)
        try await log.close()
    }

    private func load(_ log: CheckpointLog) async throws {
        try await log.load(from: directory)
    }

    @Test func everythingIsSaved() async throws {
        let log = try await sample.open()
        try log.submit(a, for: "mykey", level: 2)
        try await log.save()
        try await log.close()
    }

    @Test func aParentTakesOverFromItsChildren() async throws {
        let worker = try await sample.open()
        try await worker.checkpoint(a, for: "mykey")
        var configuration = Configuration()
        configuration.name = "C1"
        let log = try await CheckpointLog.inMemory(configuration: configuration)
        try await log.checkpoint(b, for: "mykey")
        configuration.name = "C4"
        configuration.rank = 2
        let parent = try await CheckpointLog.inMemory(configuration: configuration)
        try await parent.register(log)
        try await parent.register(directory: directory, name: "C3")
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "mykey", origin: "C3") == 1)
        #expect(try await parent.restore(Double.self, for: "mykey", origin: "C1") == 2.5)
        for log in [parent, log, worker] { try await log.close() }
    }
}
