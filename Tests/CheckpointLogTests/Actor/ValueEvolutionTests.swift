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

    struct Inner: Codable, Sendable, Equatable {
        var name = "none"
    }

    struct LongerInner: Codable, Sendable, Equatable {
        var name = "none"
        var weight = 1.5
    }

    /// A type that is stored as another.
    struct Box<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
        var value: Value

        init(_ value: Value) { self.value = value }
        init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(Value.self) }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }

    struct Short: Codable, Sendable {
        var step = 7
        var inner = Inner(name: "a")
        var boxed = Box(Inner(name: "b"))
        var list = [Inner(name: "c")]
        var table = ["x": 1]
        var note: String?
        var bytes: [UInt8] = [1, 2]
    }

    struct Long: Codable, Sendable, Equatable {
        enum Mode: String, Codable { case fast, slow }
        var step = 0
        var inner = LongerInner()
        var boxed = Box(LongerInner())
        var list = [Inner(name: "default")]
        var table = ["y": 2]
        var note: String? = "default"
        var bytes: [UInt8] = [9]
        var rate = 0.25
        var mode = Mode.slow
        var added: [String: [Double]] = ["k": [1, 2]]
        var optional: Int? = 5
    }

    @Test func whatAStoredValueLacksComesFromTheDefaults() async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string)
        try await log.checkpoint(Short(), for: "state")
        let error = await #expect(throws: CheckpointLogError.self) { try await log.restore(Long.self, for: "state") }
        let message = "\(try #require(error))"
        #expect(message.contains("no field \"weight\"") && message.contains("`defaults:`"), "\(message)")
        #expect(message.contains("restore(for:decoding:)"))
        let restored = try await log.restore(Long.self, for: "state", defaults: Long())
        // What is stored stands as it is, dictionaries and lists whole; what may have been nil is nil.
        let expected = Long(
            step: 7, inner: LongerInner(name: "a", weight: 1.5), boxed: Box(LongerInner(name: "b", weight: 1.5)),
            list: [Inner(name: "c")], table: ["x": 1], note: nil, bytes: [1, 2], rate: 0.25, mode: .slow,
            added: ["k": [1, 2]], optional: nil)
        #expect(restored == expected)
        // A whole value is not touched.
        let whole = Long(step: 1, note: nil, mode: .fast, optional: nil)
        try await log.checkpoint(whole, for: "state")
        #expect(try await log.restore(Long.self, for: "state", defaults: Long()) == whole)
        #expect(try await log.restore(Long.self, for: "nothing", defaults: Long()) == nil)
        // Another type is no value that lacks fields.
        try await log.checkpoint(["step": "seven"], for: "state")
        let refused = await #expect(throws: CheckpointLogError.self) {
            try await log.restore(Long.self, for: "state", defaults: Long())
        }
        #expect(refused?.code == .decodingFailed)
        try await log.close()
    }

    /// An element has no default: nothing says which would be whose.
    @Test func elementsAreNotCompleted() async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string)
        try await log.checkpoint([Inner(), Inner()], for: "list")
        try await log.checkpoint(["a": Inner()], for: "table")
        let list = await #expect(throws: CheckpointLogError.self) {
            try await log.restore([LongerInner].self, for: "list", defaults: [LongerInner()])
        }
        #expect(list?.code == .decodingFailed)
        let table = await #expect(throws: CheckpointLogError.self) {
            try await log.restore([String: LongerInner].self, for: "table", defaults: ["b": LongerInner()])
        }
        #expect(table?.code == .decodingFailed)
        try await log.close()
    }
}
