import CheckpointLog
import Testing

/// The samples of README, of the documentation's first page, and of "Getting started".
@Suite struct FirstStepsTests {
    let sample: SampleLog

    init() throws { sample = try SampleLog() }

    private func simulate(_ directory: String) async throws {
        let log = try await CheckpointLog.open(at: directory)
        var state = try await log.restore(State.self, for: "state") ?? State()
        while !state.isDone {
            state.advance()
            try await log.checkpoint(state, for: "state")  // Survives kill -9 once it returns.
        }
        try await log.close()
    }

    @Test func theSampleOfTheFrontPageGoesOnWhereItWas() async throws {
        var log = try await sample.open()
        try await log.checkpoint(State(step: 3), for: "state")
        try await log.close()
        try await simulate(sample.directory)
        log = try await sample.open()
        #expect(try await log.restore(State.self, for: "state") == State(step: 5))
        #expect(try await log.history(for: "state").count == 3)
        try await log.close()
    }

    private func run(_ directory: String) async throws {
        struct State: Codable, Sendable { var step = 0 }

        let log = try await CheckpointLog.open(at: directory)
        var state = try await log.restore(State.self, for: "state") ?? State()
        print("starting at step \(state.step)")
        while state.step < 10_000_000 {
            state.step += 1
            try await log.checkpoint(state, for: "state")  // Survives kill -9 once it returns.
        }
        try await log.close()
    }

    @Test func theProgramOfTheReadmeGoesOnWhereItWas() async throws {
        var log = try await sample.open()
        try await log.checkpoint(State(step: 9_999_995), for: "state")
        try await log.close()
        try await run(sample.directory)
        log = try await sample.open()
        #expect(try await log.restore(State.self, for: "state") == State(step: 10_000_000))
        #expect(try await log.history(for: "state").count == 5)
        try await log.close()
    }

    @Test func everyThousandthStepSurvivesPowerLoss() async throws {
        let log = try await sample.open()
        for step in [999, 1_000, 1_001] {
            let walk = Walk(step: step, position: 0.5)
            try await log.checkpoint(walk, for: "walk", level: walk.step % 1_000 == 0 ? 2 : 1)
        }
        #expect(try await log.restore(Walk.self, for: "walk", level: 2)?.step == 1_000)
        #expect(try await log.restore(Walk.self, for: "walk")?.step == 1_001)
        try await log.close()
    }
}
