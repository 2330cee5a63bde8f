import CBOR
import Foundation
import Testing

/// What is restored is what was stored, or an error that says what was found and where.
@Suite struct ExactValuesTests {
    struct Box<Value: Codable>: Codable {
        var value: Value
    }

    /// The error that decoding `value`, inside of a box and an array, as another type ends with.
    private static func refusal<Value: Codable, Other: Codable>(
        _ value: Value, as type: Other.Type
    ) throws -> DecodingError.Context? {
        let bytes = try CBOREncoder().encode([Box(value: value)])
        do {
            let found = try CBORDecoder().decode([Box<Other>].self, from: bytes)
            Issue.record("\(value) was restored as \(found[0].value)")
        } catch DecodingError.typeMismatch(_, let context) {
            #expect(context.codingPath.map(\.stringValue) == ["Index 0", "value"], "\(context.codingPath)")
            return context
        }
        return nil
    }

    @Test func aFloatingPointValueIsNoInteger() throws {
        for number in [1.0, 10.5, -3, 1e300, .infinity] {
            let context = try Self.refusal(number, as: Int.self)
            #expect(context?.debugDescription.contains("floating-point") == true, "\(context?.debugDescription ?? "")")
            #expect(context?.debugDescription.contains("Int") == true)
            _ = try Self.refusal(Float(number), as: UInt8.self)
        }
        // In arrays, which are typed arrays in the bytes, and in a dictionary.
        let bytes = try CBOREncoder().encode([1.0, 2.0])
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([Int].self, from: bytes) }
        let map = try CBOREncoder().encode(["a": 1.0])
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([String: Int].self, from: map) }
    }

    @Test func anIntegerIsAFloatingPointValueWhereThatIsExact() throws {
        for number in [0, 1, -1, 1 << 24, 1 << 53, -(1 << 53), Int.min] {
            let bytes = try CBOREncoder().encode(Box(value: number))
            #expect(try CBORDecoder().decode(Box<Double>.self, from: bytes).value == Double(number))
        }
        for number in [1 << 53 + 1, Int.max, -(1 << 53) - 1] { _ = try Self.refusal(number, as: Double.self) }
        let whole = try CBOREncoder().encode(Box(value: 1 << 24))
        #expect(try CBORDecoder().decode(Box<Float>.self, from: whole).value == 16_777_216)
        _ = try Self.refusal(1 << 24 + 1, as: Float.self)
        _ = try Self.refusal(UInt64.max, as: Double.self)
        let numbers = try CBOREncoder().encode([1, 2, 3])
        #expect(try CBORDecoder().decode([Double].self, from: numbers) == [1, 2, 3])
    }

    @Test func anIntegerThatDoesNotFitIsNamed() throws {
        #expect(try Self.refusal(300, as: UInt8.self)?.debugDescription.contains("300") == true)
        #expect(try Self.refusal(-1, as: UInt.self)?.debugDescription.contains("-1") == true)
        #expect(try Self.refusal(UInt64.max, as: Int64.self)?.debugDescription.contains("\(UInt64.max)") == true)
        _ = try Self.refusal(UInt128.max, as: Int.self)
    }

    @Test func aMagnitudeThatAFloatLacksIsRefusedAndDigitsMayGo() throws {
        for number in [1e300, -1e300, Double(Float.greatestFiniteMagnitude) * 2] {
            _ = try Self.refusal(number, as: Float.self)
        }
        let large = try CBOREncoder().encode([1e300])
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([Float].self, from: large) }
        for number in [0.1, Double.infinity, -Double.infinity, 0, -0.0, 1e-60] {
            let bytes = try CBOREncoder().encode(Box(value: number))
            let value = try CBORDecoder().decode(Box<Float>.self, from: bytes).value
            #expect(value == Float(number) && value.sign == Float(number).sign)
        }
    }

    @Test func aNaNKeepsItsBits() throws {
        let floats: [Float] = [.nan, .signalingNaN, Float(bitPattern: 0xFFC0_1234), Float(bitPattern: 0x7F80_0001)]
        for value in floats {
            let bytes = try CBOREncoder().encode(Box(value: value))
            #expect(try CBORDecoder().decode(Box<Float>.self, from: bytes).value.bitPattern == value.bitPattern)
            let array = try CBOREncoder().encode([value])
            #expect(try CBORDecoder().decode([Float].self, from: array)[0].bitPattern == value.bitPattern)
        }
        for value in [Double.nan, .signalingNaN, Double(bitPattern: 0xFFF8_0000_0000_1234)] {
            let bytes = try CBOREncoder().encode(Box(value: value))
            #expect(try CBORDecoder().decode(Box<Double>.self, from: bytes).value.bitPattern == value.bitPattern)
            #expect(try CBORDecoder().decode(Box<Float>.self, from: bytes).value.isNaN)
        }
    }

    class Person: Codable {
        var name: String
        init(name: String) { self.name = name }
    }

    class Employee: Person {
        var number = 7
        enum Keys: CodingKey { case number }

        required init(from decoder: any Decoder) throws {
            number = try decoder.container(keyedBy: Keys.self).decode(Int.self, forKey: .number)
            try super.init(from: decoder)
        }

        override init(name: String) { super.init(name: name) }

        override func encode(to encoder: any Encoder) throws {
            try super.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(number, forKey: .number)
        }
    }

    @Test func theTypeThatIsPassedCountsAndNotTheStaticOne() throws {
        let bytes = try CBOREncoder().encode(Employee(name: "Ada"))
        let found = try CBORDecoder().decode(Employee.self as Person.Type, from: bytes)
        #expect((found as? Employee)?.number == 7 && found.name == "Ada")
    }

    /// Reads an element as what it is not before it is read as what it is.
    struct Attempts: Decodable {
        var number: Int
        var texts: [String]

        init(from decoder: any Decoder) throws {
            enum Key: CodingKey { case a }
            var elements = try decoder.unkeyedContainer()
            #expect(throws: DecodingError.self) { try elements.nestedContainer(keyedBy: Key.self) }
            #expect(throws: DecodingError.self) { try elements.nestedUnkeyedContainer() }
            #expect(throws: DecodingError.self) { try elements.decode(String.self) }
            #expect(elements.currentIndex == 0)
            number = try elements.decode(Int.self)
            #expect(throws: DecodingError.self) { try elements.nestedContainer(keyedBy: Key.self) }
            var inner = try elements.nestedUnkeyedContainer()
            texts = [try inner.decode(String.self)]
            #expect(elements.isAtEnd)
        }
    }

    @Test func anUnkeyedContainerMovesOnOnlyAfterTheTypeWasRight() throws {
        // [5, ["x"]]
        let attempts = try CBORDecoder().decode(Attempts.self, from: [0x82, 0x05, 0x81, 0x61, 0x78])
        #expect(attempts.number == 5 && attempts.texts == ["x"])
    }

    /// Asks for the decoder of a superclass that encoded nothing.
    struct Heir: Decodable {
        var isNull: Bool
        var isOptional: Bool

        init(from decoder: any Decoder) throws {
            enum Key: CodingKey { case a, parent }
            let container = try decoder.container(keyedBy: Key.self)
            isNull = try container.superDecoder().singleValueContainer().decodeNil()
            isOptional = try Int?(from: container.superDecoder(forKey: .parent)) == nil
            do {
                _ = try Int(from: container.superDecoder(forKey: .parent))
                Issue.record("null is no integer")
            } catch DecodingError.valueNotFound(_, let context) {
                #expect(context.codingPath.map(\.stringValue) == ["parent"])
            }
        }
    }

    @Test func theDecoderOfAMissingSuperclassIsOneOfNull() throws {
        let heir = try CBORDecoder().decode(Heir.self, from: [0xA1, 0x61, 0x61, 0x01])
        #expect(heir.isNull && heir.isOptional)
    }

    /// Keys that are numbers, and one that looks like the end of one.
    struct Numbered: Decodable {
        var n: Int
        var a: Int?

        enum Keys: String, CodingKey {
            case n, a
            var intValue: Int? { self == .n ? 97 : nil }
            init?(intValue: Int) { self = .n }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            n = try container.decode(Int.self, forKey: .n)
            a = try container.decodeIfPresent(Int.self, forKey: .a)
        }
    }

    @Test func aKeyThatIsANumberIsNoTextOfTheSameByte() throws {
        // {97: 5}
        let found = try CBORDecoder().decode(Numbered.self, from: [0xA1, 0x18, 0x61, 0x05])
        #expect(found.n == 5 && found.a == nil)
    }

    @Test(arguments: [
        ("2024-02-29T00:00:00Z", true), ("2023-02-29T00:00:00Z", false), ("2024-02-31T00:00:00Z", false),
        ("2024-04-31T00:00:00Z", false), ("2024-12-31T23:59:60Z", true), ("1900-02-29T00:00:00Z", false),
        ("2000-02-29T00:00:00Z", true), ("2024-01-00T00:00:00Z", false), ("2024-13-01T00:00:00Z", false),
    ])
    func aDateThatIsNotInTheCalendarIsRefused(text: String, isDate: Bool) throws {
        let bytes = [0xC0, 0x74] + Array(text.utf8)
        if isDate {
            _ = try CBORDecoder().decode(Date.self, from: bytes)
        } else {
            #expect(throws: DecodingError.self) { try CBORDecoder().decode(Date.self, from: bytes) }
        }
    }
}
