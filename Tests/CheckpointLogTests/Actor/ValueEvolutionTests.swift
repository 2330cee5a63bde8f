import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Yesterday's struct read into today's, and what does not decode still within reach.
@Suite struct ValueEvolutionTests {
    struct Old: Codable, Sendable {
        var steps: Int
    }

    struct New: Codable, Sendable, Equatable {
        var step: Int
        var seed: Int

        init(step: Int, seed: Int) {
            self.step = step
            self.seed = seed
        }
    }

    @Test func yesterdaysStructIsReadIntoTodays() async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string)
        try await log.checkpoint(Old(steps: 5), for: "state")
        let error = await #expect(throws: CheckpointLogError.self) { try await log.restore(New.self, for: "state") }
        #expect(error?.code == .decodingFailed)
        #expect(try await log.diagnosticText(for: "state") == "{\"steps\": 5}")
        let upgrade: @Sendable (any Decoder) throws -> New = { decoder in
            do { return try New(from: decoder) } catch { return New(step: try Old(from: decoder).steps, seed: 1) }
        }
        #expect(try await log.restore(for: "state", decoding: upgrade) == New(step: 5, seed: 1))
        try await log.checkpoint(New(step: 6, seed: 2), for: "state")
        #expect(try await log.restore(for: "state", decoding: upgrade) == New(step: 6, seed: 2))
        try await log.checkpoint(bytes: [1, 255], for: "raw")
        #expect(try await log.diagnosticText(for: "raw") == "h'01ff'")
        let refused = await #expect(throws: CheckpointLogError.self) {
            try await log.restore(for: "raw", decoding: upgrade)
        }
        #expect(refused?.code == .decodingFailed)
        #expect(try await log.restore(for: "nothing", decoding: upgrade) == nil)
        try await log.close()
    }
}
