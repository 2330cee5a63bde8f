import CBOR
import Foundation
import Testing

/// Values go through bytes and come back as they were.
@Suite struct RoundTripTests {
    struct Sample: Codable, Equatable {
        var step = 41
        var loss = 0.125
        var rate = 1e-3
        var name = "run"
        var note = "a longer text with ümlauts and 🚀"
        var tags = ["a", "bc", ""]
        var weights: [Float] = [1, 2.5, -3]
        var done = false
        var count: UInt64 = .max
    }

    struct Tree: Codable, Equatable {
        var value: Int
        var children: [Tree]
        var label: String?
    }

    enum Event: Codable, Equatable {
        case started
        case moved(x: Double, y: Double)
        case named(String)
    }

    struct Everything: Codable, Equatable {
        var date: Date
        var identifier: UUID
        var link: URL
        var amount: Decimal
        var data: Data
        var table: [Int: String]
        var events: [Event]
        var maybe: [Int?]
        var doubles: [Double]
        var nested: [[Int32]]
        var bytes: [UInt8]
    }

    func roundTrip<Value: Codable & Equatable>(_ value: Value) throws {
        let bytes = try CBOREncoder().encode(value)
        try CBORValidation.check(bytes)
        #expect(try CBORDecoder().decode(Value.self, from: bytes) == value)
    }

    @Test func structsComeBack() throws {
        try roundTrip(Sample())
        try roundTrip(Tree(value: 1, children: [Tree(value: 2, children: [], label: "x")], label: nil))
        try roundTrip([Event.started, .moved(x: 1, y: -2), .named("n")])
    }

    @Test func foundationTypesComeBack() throws {
        try roundTrip(
            Everything(
                date: Date(timeIntervalSinceReferenceDate: 761_234_567.123_456_7), identifier: UUID(),
                link: #require(URL(string: "https://example.org/a?b=c")),
                amount: #require(Decimal(string: "12345678901.000000000123")),
                data: Data([0, 255, 7]), table: [1: "one", -5: "minus five"], events: [.named("")],
                maybe: [nil, 3, nil],
                doubles: [.pi, -0.0, .infinity], nested: [[1, -1], [], [.max, .min]], bytes: [1, 2, 3]))
    }

    @Test(arguments: 0..<200) func datesComeBackBitForBit(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        state ^= state >> 29
        let date = Date(timeIntervalSinceReferenceDate: Double(Int64(bitPattern: state) >> 20) / 7)
        let bytes = try CBOREncoder().encode(date)
        let back = try CBORDecoder().decode(Date.self, from: bytes)
        #expect(back.timeIntervalSinceReferenceDate.bitPattern == date.timeIntervalSinceReferenceDate.bitPattern)
    }

    @Test func scalarsKeepEveryBit() throws {
        for value in [
            0.0, -0.0, 1, 1.1, 65_504, 5.960_464_477_539_063e-8, 6.1e-5, .greatestFiniteMagnitude,
            .leastNonzeroMagnitude,
        ] {
            let back = try CBORDecoder().decode(Double.self, from: CBOREncoder().encode(value))
            #expect(back.bitPattern == value.bitPattern)
        }
        let nan = try CBORDecoder().decode(Double.self, from: CBOREncoder().encode(Double.nan))
        #expect(nan.isNaN)
        for value in [Int.min, -1, 0, 23, 24, 255, 256, 65_535, 65_536, 1 << 32, Int.max] { try roundTrip(value) }
        try roundTrip(UInt64.max)
    }

    @Test(arguments: [0, 1, 23, 24, 255, 256, 70_000]) func countsOfEveryWidthComeBack(count: Int) throws {
        try roundTrip((0..<count).map { "\($0)" })
        try roundTrip((0..<count).map { Tree(value: $0, children: [], label: nil) })
        try roundTrip(Dictionary(uniqueKeysWithValues: (0..<count).map { ("key \($0)", $0) }))
        try roundTrip((0..<count).map(Double.init))
    }

    @Test func aFailedEncodeLeavesTheBufferAsItWas() {
        struct Failing: Encodable {
            struct Failure: Error {}
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(1)
                throw Failure()
            }
        }
        var buffer: [UInt8] = [1, 2, 3]
        #expect(throws: Failing.Failure.self) { try CBOREncoder().encode(Failing(), appendingTo: &buffer) }
        #expect(buffer == [1, 2, 3])
    }

    @Test func theByteLimitIsKept() {
        var encoder = CBOREncoder()
        encoder.byteLimit = 100
        #expect(throws: CBORError.self) { try encoder.encode([UInt8](repeating: 0, count: 101)) }
    }
}
