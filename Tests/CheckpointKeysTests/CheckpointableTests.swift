#if KeyMacro
import CBOR
import CheckpointKeys
import CheckpointLog
import Foundation
import TestSupport
import Testing

/// A struct with `@Checkpointable` gives the bytes that it gives without.
@Suite struct CheckpointableTests {
    @Checkpointable
    struct Neighbour: Codable, Equatable {
        var id: Int
        var distance: Float
        var note: String?
    }

    struct Plain: Codable, Equatable {
        var id: Int
        var neighbour: Neighbour?
    }

    typealias Maybe = Int?

    @Checkpointable
    struct Walker: Codable, Equatable {
        var step: Int
        let kind = "walker"
        var seed = UInt64(7), time = 0.5
        var name: String
        var weights: [Double]
        var tags: [String]?
        var neighbour: Neighbour
        var nearest: Neighbour?
        var neighbours: [Neighbour]
        var plain: Plain
        var plains: [Plain]
        var table: [String: Neighbour]
        var maybe: Maybe
        var optional: Optional<Int>
        var date: Date
        var choice: Choice
        var isDone: Bool { step > 10 }
        static let shared = 1

        enum Choice: Codable, Equatable {
            case none, some(Int)
        }

        enum CodingKeys: String, CodingKey {
            case step, seed, time, name, weights, tags, neighbour, nearest, neighbours, plain, plains, table, maybe
            case optional, date, choice
        }
    }

    @Checkpointable
    struct Renamed: Codable, Equatable {
        var first: Int
        var second: Int
        var third = 5

        enum CodingKeys: String, CodingKey {
            case second = "2"
            case first = "das \"Erste\", größer"
        }
    }

    @Checkpointable
    struct Box<Content: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
        var content: Content
        var others: [Content]
    }

    @Checkpointable
    struct Nothing: Codable, Equatable {}

    struct ByCodable<Value: Encodable>: Encodable {
        var value: Value
        init(_ value: Value) { self.value = value }
        func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
    }

    static func walker(_ generator: inout SeededGenerator) -> Walker {
        func neighbour() -> Neighbour {
            Neighbour(
                id: generator.number(below: 1_000) - 500, distance: Float(generator.number(below: 9)) / 7,
                note: generator.isOne(in: 2) ? nil : "ä")
        }
        func list<Item>(_ item: () -> Item) -> [Item] { (0..<generator.number(below: 4)).map { _ in item() } }
        func plain() -> Plain {
            Plain(id: generator.number(below: 9), neighbour: generator.isOne(in: 2) ? nil : neighbour())
        }
        return Walker(
            step: generator.number(below: 1 << 40), name: String(generator.next()),
            weights: list { Double(generator.number(below: 99)) / 3 },
            tags: generator.isOne(in: 2) ? nil : list { "t" },
            neighbour: neighbour(), nearest: generator.isOne(in: 2) ? nil : neighbour(), neighbours: list(neighbour),
            plain: plain(), plains: list(plain), table: generator.isOne(in: 2) ? [:] : ["a": neighbour()],
            maybe: generator.isOne(in: 2) ? nil : 4, optional: generator.isOne(in: 2) ? nil : 5,
            date: Date(timeIntervalSince1970: 1_000), choice: generator.isOne(in: 2) ? .none : .some(3))
    }

    func expectSame<Value: Codable & Equatable>(_ value: Value) throws {
        let buffer = CBOREncodingBuffer()
        try buffer.encode(value)
        let bytes = unsafe Array(buffer.bytes)
        #expect(bytes == (try CBOREncoder().encode(ByCodable(value))))
        #expect(try CBORDecoder().decode(Value.self, from: bytes) == value)
    }

    @Test func bytesAreThoseOfCodable() throws {
        #expect(Walker.self as Any is any CBORMapEncodable.Type)
        var generator = SeededGenerator(seed: testSeed(63))
        for _ in 0..<500 {
            let walker = Self.walker(&generator)
            try expectSame(walker)
            try expectSame([walker, Self.walker(&generator)])
            try expectSame(Box(content: walker, others: [walker]))
        }
        try expectSame(Renamed(first: 1, second: 2))
        try expectSame(Nothing())
        try expectSame([Nothing(), Nothing()])
        try expectSame(Box(content: [1.5], others: []))
        try expectSame(Box(content: "text", others: ["a"]))
        try expectSame(Box(content: Nothing(), others: [Nothing()]))
    }

    @Test func aCheckpointComesBack() async throws {
        var generator = SeededGenerator(seed: testSeed(64))
        let log = try await CheckpointLog.inMemory()
        let walker = Self.walker(&generator)
        try await log.checkpoint(walker, for: "walker")
        #expect(try await log.restore(Walker.self, for: "walker") == walker)
        try await log.close()
    }
}
#endif
