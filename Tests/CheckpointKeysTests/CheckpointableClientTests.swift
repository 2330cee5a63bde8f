#if KeyMacro
import CheckpointKeys
import CheckpointLog
import Testing

/// As a program has it that imports no more than the macro's module and the log.
@Suite struct CheckpointableClientTests {
    @Checkpointable
    struct Walker: Codable, Equatable, Sendable {
        var step: Int
        var weights: [Double]
        var note: String?
    }

    @Test func nothingElseIsImported() async throws {
        let log = try await CheckpointLog.inMemory()
        let walker = Walker(step: 3, weights: [0.5, 1], note: nil)
        try await log.checkpoint(walker, for: "walker")
        #expect(try await log.restore(Walker.self, for: "walker") == walker)
        try await log.close()
    }
}
#endif
