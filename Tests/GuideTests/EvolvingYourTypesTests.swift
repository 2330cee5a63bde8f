import CheckpointLog
import Testing

/// The samples of "Evolving your types".
@Suite struct EvolvingYourTypesTests {
    let sample: SampleLog

    init() throws { sample = try SampleLog() }

    @Test func aNewPropertyTakesItsDefault() async throws {
        struct OldSettings: Codable, Sendable { var rate = 0.2 }

        let log = try await sample.open()
        try await log.checkpoint(OldSettings(), for: "settings")
        struct Settings: Codable, Sendable {
            var rate = 0.1
            var momentum = 0.9  // New.
        }

        let settings = try await log.restore(Settings.self, for: "settings", defaults: Settings()) ?? Settings()
        #expect(settings.rate == 0.2 && settings.momentum == 0.9)
        try await log.close()
    }

    @Test func anOlderLayoutIsDecoded() async throws {
        let log = try await sample.open()
        try await log.checkpoint(GuideTests.State(step: 3), for: "state")
        struct State: Codable, Sendable { var steps: Int; var loss: Double }
        struct OldState: Codable { var step: Int }

        let state = try await log.restore(for: "state") { decoder in
            do { return try State(from: decoder) } catch {
                return State(steps: try OldState(from: decoder).step, loss: 0)
            }
        }
        #expect(state?.steps == 3)
        try await log.close()
    }

    @Test func theLastThatDecodesIsRestored() async throws {
        let log = try await sample.open()
        try await log.checkpoint(State(step: 3), for: "state")
        try await log.checkpoint("of a newer program", for: "state")
        let state = try await log.restore(
            State.self, for: "state",
            fallback: .lastDecodable { error in print("an older checkpoint is used: \(error)") })
        #expect(state == State(step: 3))
        try await log.close()
    }

    @Test func aCheckpointIsPrintedWithoutItsType() async throws {
        let log = try await sample.open()
        try await log.checkpoint(State(step: 3), for: "state")
        let text = try await log.diagnosticText(for: "state")
        #expect(text == "{\"step\": 3}")
        try await log.close()
    }

    /// What the guide says of a test with a log of the released version.
    @Test func whatDoesNotDecodeIsNamed() async throws {
        let log = try await sample.open()
        try await log.checkpoint(State(step: 3), for: "good")
        try await log.checkpoint("text", for: "bad")
        let error = await #expect(throws: CheckpointLogError.self) { try await log.restoreAll(as: State.self) }
        #expect(error?.code == .decodingFailed && error?.description.contains("bad") == true)
        try await log.close()
    }
}
