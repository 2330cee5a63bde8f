import CBOR
import Foundation
import TestSupport
import Testing

/// What `Codable` types do beyond the synthesized: each held against `JSONEncoder` and `JSONDecoder`.
@Suite struct OddShapesTests {
    enum Key: String, CodingKey { case a, b, c }

    struct Failing: Encodable {
        struct Failure: Error {}
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode("half", forKey: .a)
            var nested = container.nestedUnkeyedContainer(forKey: .b)
            try nested.encode(1)
            throw Failure()
        }
    }

    /// Goes on after a value that failed.
    struct Forgiving: Encodable {
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(1, forKey: .a)
            try? container.encode(Failing(), forKey: .b)
            var list = container.nestedUnkeyedContainer(forKey: .c)
            try list.encode(1)
            try? list.encode(Failing())
            try list.encode(2)
        }
    }

    struct ManyKeys: Encodable {
        struct Name: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { return nil }
        }
        /// Each key twice: the second value stands, also beyond the keys whose hashes are kept.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            for round in 0..<2 {
                for index in 0..<40 {
                    try container.encode(index * 100 + round, forKey: Name(stringValue: "a key of many, \(index)"))
                }
            }
        }
    }

    struct Empty: Codable, Equatable {}

    struct NoContainer: Encodable { func encode(to encoder: any Encoder) throws {} }

    struct Optionals: Codable, Equatable {
        var present: Int? = 1
        var absent: Int?
        var inner: [Int??] = [1, nil]
        var empty = Empty()
        var emptyList: [Empty] = [Empty()]
        var emptyTable: [String: Int] = [:]
    }

    struct Nested: Encodable {
        func encode(to encoder: any Encoder) throws {
            var list = encoder.unkeyedContainer()
            var inner = list.nestedUnkeyedContainer()
            var deepest = inner.nestedUnkeyedContainer()
            try deepest.encode(true)
            try inner.encodeNil()
            try list.encode(contentsOf: ["x", "y"])
            try [1, 2].encode(to: list.superEncoder())
            _ = list.nestedContainer(keyedBy: Key.self)
        }
    }

    enum Payload: Codable, Equatable { case none, one(Int), named(left: String, right: [Double]) }

    struct Wide: Codable, Equatable {
        var big: Int128 = .min
        var great: UInt128 = .max
        var small: Int128 = -1
        var list: [Int128] = [0, -(1 << 64) - 1, 1 << 64]
    }

    func sameAsJSON(_ value: some Encodable) throws {
        let bytes = try CBOREncoder().encode(value)
        try CBORValidation.check(bytes)
        let json = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
        #expect(try CBORDecoder().decode(AnyItem.self, from: bytes).value == json)
    }

    func roundTrip<Value: Codable & Equatable>(_ value: Value) throws {
        #expect(try CBORDecoder().decode(Value.self, from: CBOREncoder().encode(value)) == value)
    }

    @Test func aValueThatFailsLeavesItsContainerWhole() throws { try sameAsJSON(Forgiving()) }
    @Test func manyKeysEncodedTwiceKeepTheLastValue() throws { try sameAsJSON(ManyKeys()) }
    @Test func nestedListsAreInTheirPlaces() throws { try sameAsJSON(Nested()) }
    @Test func optionalsAndEmptyContainersAreAsInJSON() throws { try sameAsJSON(Optionals()) }

    @Test func oddShapesComeBack() throws {
        try roundTrip(Optionals())
        try roundTrip(Empty())
        try roundTrip([Payload.none, .one(-1), .named(left: "é", right: [.infinity])])
        try roundTrip([[1: "one"], [:]])
        try roundTrip([[0.5: [1], -0.5: []]])
        try roundTrip([UUID(): URL(string: "https://example.org/ä")])
        try roundTrip(Wide())
    }

    @Test func aValueThatEncodesNothingIsAnErrorOnlyAtTheTop() throws {
        #expect(throws: EncodingError.self) { try CBOREncoder().encode(NoContainer()) }
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(NoContainer()) }
        try sameAsJSON([NoContainer()])
    }

    @Test(arguments: ["0", "-1", "0.1", "123456789012345678901234567890.12345678", "-1e-100", "5e120"])
    func decimalsComeBack(text: String) throws {
        let value = try #require(Decimal(string: text))
        try roundTrip(value)
        try roundTrip([value])
        #expect(try CBOREncoder().encode(value).first == 0xC4)
    }

    /// The arrays inside of a value are not taken for its end.
    @Test func whatFollowsAValueWithArraysIsFound() throws {
        struct Sides: Codable, Equatable { var left = [1.5]; var right = ["r"] }
        struct Sample: Codable, Equatable {
            var sides = Sides()
            var table = ["k": [1, 2]]
            var list = [[UInt8(7)], []]
            var texts = ["a", "b"]
            var numbers: [Int16] = [1]
            var last = 3
        }
        try roundTrip(Sample())
        // The form that `Decimal` itself encodes, with an array as its last value.
        struct Priced: Codable, Equatable { var price: Decimal; var name: String }
        struct Old: Encodable {
            struct Parts: Encodable {
                var exponent = -1, length = 1, isNegative = false, isCompact = true,
                    mantissa = [15] + Array(repeating: 0, count: 7)
            }
            var price = Parts()
            var name = "n"
        }
        let bytes = try CBOREncoder().encode(Old())
        #expect(try CBORDecoder().decode(Priced.self, from: bytes) == Priced(price: 1.5, name: "n"))
    }

    /// Numbers that were written in one piece are read by who asks for them otherwise, as from JSON.
    @Test func typedArraysAreReadElementByElement() throws {
        let (encoder, decoder) = (CBOREncoder(), CBORDecoder())
        #expect(try decoder.decode(Set<Int>.self, from: encoder.encode([3, -1, 1 << 40])) == [3, -1, 1 << 40])
        #expect(try decoder.decode([Int].self, from: encoder.encode([-3, 7] as [Int16])) == [-3, 7])
        #expect(try decoder.decode([UInt8].self, from: encoder.encode([255, 0] as [UInt32])) == [255, 0])
        #expect(try decoder.decode(Data.self, from: encoder.encode([255, 0] as [UInt32])) == Data([255, 0]))
        #expect(
            try decoder.decode([Double].self, from: encoder.encode([0.5, .infinity] as [Float])) == [0.5, .infinity])
        #expect(try decoder.decode([Double].self, from: encoder.encode([1, -2] as [Int])) == [1, -2])
        #expect(try decoder.decode(ContiguousArray<Double>.self, from: encoder.encode([0.1, -0.0])) == [0.1, 0])
        #expect(try decoder.decode([Int?].self, from: encoder.encode([1, 2])) == [1, 2])
        // Halves, big-endian: 1 and -2.
        #expect(try decoder.decode([Float].self, from: [0xD8, 0x50, 0x44, 0x3C, 0, 0xC0, 0]) == [1, -2])
        #expect(throws: DecodingError.self) {
            try decoder.decode([UInt8].self, from: encoder.encode([256, 0] as [UInt32]))
        }
        #expect(throws: DecodingError.self) { try decoder.decode([Int].self, from: encoder.encode([0.5])) }
        #expect(throws: DecodingError.self) { try decoder.decode([Double].self, from: [0xD8, 0x52, 0x41, 0]) }
        #expect(throws: DecodingError.self) { try decoder.decode([Float].self, from: [0xD8, 0x52, 0x41, 0]) }
    }

    @Test func decimalsAreReadFromEveryNumber() throws {
        #expect(try CBORDecoder().decode(Decimal.self, from: CBOREncoder().encode(Decimal.nan)).isNaN)
        #expect(try CBORDecoder().decode(Decimal.self, from: CBOREncoder().encode(-7)) == -7)
        #expect(try CBORDecoder().decode(Decimal.self, from: CBOREncoder().encode(0.1)) == Decimal(string: "0.1"))
        // An exponent that no Decimal has, and a mantissa that is none.
        #expect(throws: DecodingError.self) {
            try CBORDecoder().decode(Decimal.self, from: [0xC4, 0x82, 0x19, 0x01, 0x00, 0x01])
        }
        #expect(throws: DecodingError.self) {
            try CBORDecoder().decode(Decimal.self, from: [0xC4, 0x82, 0x01, 0x61, 0x61])
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0.0), ("2000-02-29T12:00:00.25+01:30", 951_820_200.25),
        ("1969-12-31T23:59:59-00:00", -1), ("0001-01-01T00:00:00Z", -62_135_596_800),
    ])
    func datesAsTextAreRead(text: String, seconds: Double) throws {
        let bytes = [0xC0] + (try CBOREncoder().encode(text))
        #expect(try CBORDecoder().decode(Date.self, from: bytes) == Date(timeIntervalSince1970: seconds))
    }

    @Test(arguments: [
        "", "2000", "2000-13-01T00:00:00Z", "2000-01-01T24:00:00Z", "2000-01-01T00:00:00", "2000-01-01T00:00:00.Z",
    ])
    func whatIsNoDateIsAnError(text: String) throws {
        let bytes = [0xC0] + (try CBOREncoder().encode(text))
        #expect(throws: DecodingError.self) { try CBORDecoder().decode(Date.self, from: bytes) }
    }

    @Test func referencesToOtherItemsAreRefused() {
        for tag in [[0xD8, 0x1D], [0xD8, 0x19]] as [[UInt8]] {
            #expect(throws: DecodingError.self) { try CBORDecoder().decode(Int.self, from: tag + [0]) }
            #expect(throws: DecodingError.self) { try CBORDecoder().decode([Int].self, from: [0x81] + tag + [0]) }
        }
    }

    @Test func numbersAreKeysToo() throws {
        // {1: "one", -2: "two"}, and the same with an indefinite length.
        let entries: [UInt8] = [0x01, 0x63, 0x6F, 0x6E, 0x65, 0x21, 0x63, 0x74, 0x77, 0x6F]
        for bytes in [[0xA2] + entries, [0xBF] + entries + [0xFF]] {
            #expect(try CBORDecoder().decode([Int: String].self, from: bytes) == [1: "one", -2: "two"])
        }
        #expect(throws: CBORError.self) { try CBORValidation.check([0xBF, 0x01, 0xFF]) }
    }

    /// A type whose decoder is used after its decoding came to an end.
    struct Keeper: Decodable {
        var decoder: any Decoder
        init(from decoder: any Decoder) { self.decoder = decoder }
    }

    @Test func aKeptDecoderReadsOn() throws {
        let keeper = try CBORDecoder().decode(Keeper.self, from: CBOREncoder().encode([1, 2, 3].map(String.init)))
        var list = try keeper.decoder.unkeyedContainer()
        #expect(try (list.decode(String.self), list.decode(String.self)) == ("1", "2"))
        #expect(try [String](from: keeper.decoder) == ["1", "2", "3"])
        #expect(throws: DecodingError.self) { try String(from: keeper.decoder) }
    }

    @Test func userInfoReachesBothWays() throws {
        struct Scaled: Codable {
            static let factor = CodingUserInfoKey(rawValue: "factor")
            var value: Int
            init(value: Int) { self.value = value }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(value * (Self.factor.flatMap { encoder.userInfo[$0] as? Int } ?? 1))
            }
            init(from decoder: any Decoder) throws {
                let factor = Self.factor.flatMap { decoder.userInfo[$0] as? Int } ?? 1
                value = try decoder.singleValueContainer().decode(Int.self) / factor
            }
        }
        let key = try #require(Scaled.factor)
        var (encoder, decoder) = (CBOREncoder(), CBORDecoder())
        encoder.userInfo[key] = 3
        let bytes = try encoder.encode([Scaled(value: 5)])
        #expect(try CBORDecoder().decode([Int].self, from: bytes) == [15])
        decoder.userInfo[key] = 5
        #expect(try decoder.decode([Scaled].self, from: bytes).map(\.value) == [3])
    }

    @Test func encodingErrorsNameTheCodingPath() throws {
        struct Inner: Encodable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(0, .init(codingPath: encoder.codingPath, debugDescription: ""))
            }
        }
        struct Outer: Encodable { var list: [[String: Inner]] }
        func path(_ encode: () throws -> Void) -> [String]? {
            do { try encode() } catch EncodingError.invalidValue(_, let context) {
                return context.codingPath.map(\.stringValue)
            } catch {}
            return nil
        }
        let value = Outer(list: [[:], ["k": Inner()]])
        let ours = path { _ = try CBOREncoder().encode(value) }
        #expect(ours == path { _ = try JSONEncoder().encode(value) })
        #expect(ours == ["list", "Index 1", "k"])
    }

    @Test(arguments: 0..<100) func generatedRecordsComeBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let record = PeerRecord(using: &random)
        let buffer = CBOREncodingBuffer()
        try buffer.encode(record)
        let back = unsafe try CBORDecoder().decode(PeerRecord.self, from: buffer.bytes)
        // Compared as text: a NaN is not equal to itself.
        #expect(back.description == record.description)
        buffer.removeAll()
        try buffer.encode(back)
        #expect(unsafe try CBORDecoder().decode(PeerRecord.self, from: buffer.bytes).description == record.description)
    }
}
