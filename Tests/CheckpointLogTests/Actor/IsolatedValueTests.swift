import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Values that cannot go to another thread, and types whose conformance is the main actor's alone.
@Suite struct IsolatedValueTests {
    final class Simulation: Codable {
        var step: Int

        init(step: Int) { self.step = step }
    }

    static func open(_ disk: SimulatedFileSystem) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(5))
        configuration.levels[3] = LevelPolicy(durability: .memory)
        return try await CheckpointLog.open(at: "/log", configuration: configuration)
    }

    /// What is changed after the call does not reach the checkpoint, whichever level it is of.
    @Test(arguments: [1, 2, 3]) func aValueThatIsNotSendableIsEncodedAtOnce(level: Int) async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 1))
        let simulation = Simulation(step: 1)
        try log.submit(simulation, for: "submitted", level: level)
        try await log.checkpoint(simulation, for: "taken", level: level, metadata: ["by": "hand"])
        try log.submit(simulation, 7, for: "several", level: level)
        try await log.commit("group", level: level) { group in
            try group.put(simulation, for: "member")
            try group.put(simulation, 8, simulation, for: "members")
        }
        simulation.step = 1_000
        for key: CheckpointKey in ["submitted", "taken"] {
            #expect(try await log.restore(Simulation.self, for: key, level: level)?.step == 1)
        }
        #expect(try await log.history(for: "taken", level: level).first?.metadata == ["by": "hand"])
        #expect(try await log.diagnosticText(for: "several", level: level) == #"[{"step": 1}, 7]"#)
        let group = try #require(try await log.restoreGroup("group", level: level))
        #expect(try await group.restore(Simulation.self, for: "member")?.step == 1)
        let members = try await group.restore(Simulation.self, Int.self, Simulation.self, for: "members")
        #expect(members?.0.step == 1 && members?.1 == 8 && members?.2.step == 1)
        #expect(try await log.restore(Simulation.self, for: "nothing") == nil)
        try await log.close()
    }

    @MainActor struct State: @MainActor Codable, Equatable {
        var step = 0
        nonisolated init(step: Int) { self.step = step }
    }

    /// That this compiles says that nothing of it leaves the main actor.
    @MainActor @Test func aConformanceOfTheMainActorIsEnough() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 2))
        for level in 1...3 {
            try await log.checkpoint(State(step: level), for: "state", level: level)
            try log.submit(State(step: level), for: "submitted", level: level)
            #expect(try await log.restore(State.self, for: "state", level: level) == State(step: level))
            #expect(try await log.restore(State.self, for: "submitted", level: level) == State(step: level))
        }
        try await log.close()
    }

    /// The fallbacks hold for what the caller's thread decodes, too.
    @Test func whatDoesNotDecodeHereIsGoneAround() async throws {
        let log = try await Self.open(SimulatedFileSystem(seed: 3))
        try await log.checkpoint(Simulation(step: 1), for: "state", level: 2)
        try await log.checkpoint("faulty", for: "state", level: 2)
        try await log.checkpoint(bytes: [255], for: "state", level: 2)
        for fallback: RestoreFallback in [.none, .lastIntact] {
            let error = await #expect(throws: CheckpointLogError.self) {
                _ = try await log.restore(Simulation.self, for: "state", level: 2, fallback: fallback)
            }
            #expect(error?.code == .decodingFailed)
        }
        let skipped = Lock<[CheckpointLogError.Code]>([])
        let found = try await log.restore(
            Simulation.self, for: "state", level: 2,
            fallback: .lastDecodable { error in skipped.withLock { $0.append(error.code) } })
        #expect(found?.step == 1)
        #expect(skipped.withLock { $0 } == [.decodingFailed, .decodingFailed])
        try await log.removeCheckpoint(for: "state", level: 2)
        try await log.checkpoint("faulty", for: "state", level: 2)
        try await log.checkpoint("faulty too", for: "state", level: 2)
        await #expect(throws: CheckpointLogError.self) {
            _ = try await log.restore(Simulation.self, for: "state", level: 2, fallback: .lastDecodable)
        }
        try await log.close()
    }

    @Test func synchronousCodeCanRestoreAnything() async throws {
        let disk = SimulatedFileSystem(seed: 4)
        let log = try await Self.open(disk)
        try await log.checkpoint(Simulation(step: 4), for: "state", level: 2)
        try await log.checkpoint(1, "two", 3.0, for: "several", level: 2)
        try await log.checkpoint(4, "five", 6.0, for: "several", level: 2)
        try await log.checkpoint(7, 8, for: "remembered", level: 3)
        try await log.commit("group") { group in
            try group.put(1, for: "one")
            try group.put(2, "two", for: "two")
        }
        func restore() throws {
            #expect(try log.restoreBlocking(Simulation.self, for: "state")?.step == 4)
            let several = try log.restoreBlocking(Int.self, String.self, Double.self, for: "several")
            #expect(several?.0 == 4 && several?.1 == "five" && several?.2 == 6)
            let remembered = try log.restoreBlocking(Int.self, Int.self, for: "remembered")
            #expect(remembered?.0 == 7 && remembered?.1 == 8)
            let history = try log.historyBlocking(for: "several", level: 2)
            #expect(history.count == 2)
            let first = try log.restoreBlocking(
                Int.self, String.self, Double.self, for: "several", version: .sequence(history[1].sequenceNumber))
            #expect(first?.0 == 1)
            let group = try #require(try log.restoreGroupBlocking("group"))
            #expect(try group.restoreBlocking(Int.self, for: "one") == 1)
            let two = try group.restoreBlocking(Int.self, String.self, for: "two")
            #expect(two?.0 == 2 && two?.1 == "two")
            #expect(try group.restoreBlocking(Int.self, for: "three") == nil)
            #expect(try log.restoreGroupBlocking("nothing") == nil)
        }
        try restore()
        try await log.close()
    }
}
