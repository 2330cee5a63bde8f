import CBOR
import Testing

/// A buffer that keeps large arrays instead of copying them has the same bytes, in pieces.
@Suite struct LendingTests {
    static let limit = 64

    /// The pieces of a buffer in one.
    static func joined(_ buffer: CBOREncodingBuffer) -> [UInt8] {
        unsafe buffer.withPieces { unsafe $0.flatMap { unsafe Array($0) } }
    }

    /// The encoding of a value whose arrays are all lent, up to the number that a buffer keeps.
    static func joined(_ value: some Encodable) throws -> [UInt8] {
        let buffer = CBOREncodingBuffer(CBOREncoder(), lendingFrom: 1)
        try buffer.encode(value)
        let pieces = joined(buffer)
        guard pieces.count == buffer.count, unsafe pieces == Array(buffer.bytes) else { return [] }
        return pieces
    }

    struct State: Codable, Equatable {
        var step = 7
        var weights = (0..<100).map { Double($0) / 3 }
        var mask = (0..<70).map { UInt8($0) }
        var note = "after the arrays"
        var small: [Float] = [1, 2]
    }

    private func buffer() -> CBOREncodingBuffer { CBOREncodingBuffer(CBOREncoder(), lendingFrom: Self.limit) }

    @Test func largeArraysStayWhereTheyAre() throws {
        let (buffer, state) = (buffer(), State())
        try buffer.encode(state)
        let expected = try CBOREncoder().encode(state)
        #expect(buffer.isInPieces && buffer.count == expected.count && buffer.capacity == 512)
        let places = unsafe buffer.withPieces { unsafe $0.map { UInt(bitPattern: $0.baseAddress) } }
        #expect(places.count == 5)
        #expect(unsafe state.weights.withUnsafeBytes { places[1] == UInt(bitPattern: $0.baseAddress) })
        #expect(unsafe state.mask.withUnsafeBytes { places[3] == UInt(bitPattern: $0.baseAddress) })
        #expect(Self.joined(buffer) == expected)
        // Whoever asks for the bytes in one piece gets them.
        #expect(unsafe Array(buffer.bytes) == expected)
        #expect(!buffer.isInPieces && Self.joined(buffer) == expected)
        try buffer.encode(state)
        #expect(Self.joined(buffer) == expected + expected)
        buffer.removeAll()
        #expect(!buffer.isInPieces && buffer.count == 0 && Self.joined(buffer).isEmpty)
    }

    @Test func aLaterChangeDoesNotReachTheBuffer() throws {
        let buffer = buffer()
        var state = State()
        try buffer.encode(state)
        let expected = try CBOREncoder().encode(state)
        for index in state.weights.indices { state.weights[index] = -1 }
        state.mask.removeAll()
        #expect(Self.joined(buffer) == expected)
    }

    /// The head of a map of 24 entries and more becomes longer when the map ends, and from 17 keys on all are read
    /// again.
    @Test(arguments: [3, 16, 17, 23, 24, 60, 300]) func headsBecomeLongerAroundLentArrays(count: Int) throws {
        let maps = (0..<3).map { turn in
            Dictionary(
                uniqueKeysWithValues: (0..<count).map { ("key \($0)", [Double](repeating: 1, count: turn * 9 + $0)) })
        }
        struct Ordered: Encodable {
            var maps: [[String: [Double]]]

            func encode(to encoder: any Encoder) throws {
                var outer = encoder.unkeyedContainer()
                for map in maps {
                    var inner = outer.nestedContainer(keyedBy: KeptDecodersTests.CodingKeyOfText.self)
                    for (key, value) in map.sorted(by: { $0.key < $1.key }) {
                        try inner.encode(value, forKey: KeptDecodersTests.CodingKeyOfText(key))
                    }
                }
            }
        }
        let buffer = buffer()
        try buffer.encode(Ordered(maps: maps))
        let expected = try CBOREncoder().encode(Ordered(maps: maps))
        #expect(Self.joined(buffer) == expected)
        #expect(try CBORDecoder().decode([[String: [Double]]].self, from: expected) == maps)
    }

    /// What a value wrote before it failed goes again, lent arrays too.
    @Test func aFailureGivesArraysBack() throws {
        struct Failing: Encodable {
            var array = [Double](repeating: 2, count: 50)

            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(array)
                throw EncodingError.invalidValue(1, .init(codingPath: [], debugDescription: "as wanted"))
            }
        }
        struct Forgiving: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(State())
                try? container.encode(Failing())
                try container.encode(State())
            }
        }
        let buffer = buffer()
        try buffer.encode(State())
        #expect(throws: EncodingError.self) { try buffer.encode(Failing()) }
        let state = try CBOREncoder().encode(State())
        #expect(Self.joined(buffer) == state)
        try buffer.encode(Forgiving())
        #expect(Self.joined(buffer) == state + [0x82] + state + state)
    }

    /// Lent bytes count for the limit, and in what a refusal says.
    @Test func lentBytesCountForTheLimit() throws {
        var encoder = CBOREncoder()
        encoder.byteLimit = 500
        let buffer = CBOREncodingBuffer(encoder, lendingFrom: Self.limit)
        for _ in 0..<3 { try buffer.encode([Double](repeating: 1, count: 60)) }
        #expect(throws: CBORError(.overByteLimit, at: 805)) { try buffer.encode([Double](repeating: 1, count: 100)) }
        #expect(Self.joined(buffer).count == 3 * 485)
    }

    /// More pieces than this would cost more than the copies.
    @Test func aBufferKeepsSixteenArrays() throws {
        let buffer = buffer()
        let arrays = (0..<40).map { [Int32](repeating: Int32($0), count: 20) }
        try buffer.encode(arrays)
        #expect(unsafe buffer.withPieces { unsafe $0.count } == 33)
        #expect(Self.joined(buffer) == (try CBOREncoder().encode(arrays)))
    }
}
