import CBOR
import Foundation
import Testing

/// Whichever way a value was written and whichever way it is read, the same value comes back, or an error.
@Suite struct WaysToReadTests {
    enum Key: String, CodingKey { case a }

    /// Writes its value by one way, and reads it by any.
    struct Written<Value: Encodable>: Encodable {
        enum Way: CaseIterable { case byContainer, byItself, bySingleValue, bySuperEncoder, inList, byItselfInList }
        var value: Value
        var way: Way

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            switch way {
            case .byContainer: try container.encode(value, forKey: .a)
            case .byItself: try container.encode(Itself(value: value), forKey: .a)
            case .bySingleValue: try container.encode(Single(value: value), forKey: .a)
            case .bySuperEncoder: try value.encode(to: container.superEncoder(forKey: .a))
            case .inList:
                var list = container.nestedUnkeyedContainer(forKey: .a)
                try list.encode(value)
            case .byItselfInList:
                var list = container.nestedUnkeyedContainer(forKey: .a)
                try list.encode(Itself(value: value))
            }
        }

        struct Itself: Encodable {
            var value: Value
            func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
        }

        struct Single: Encodable {
            var value: Value
            func encode(to encoder: any Encoder) throws {
                var single = encoder.singleValueContainer()
                try single.encode(value)
            }
        }
    }

    struct Read<Value: Decodable>: Decodable {
        var values: [Value] = []

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            if var list = try? container.nestedUnkeyedContainer(forKey: .a), Self.isOne(container) {
                values = try [list.decode(Value.self)]
                var again = try container.nestedUnkeyedContainer(forKey: .a)
                values.append(try Value(from: again.superDecoder()))
            } else {
                values = try [
                    container.decode(Value.self, forKey: .a), Value(from: container.superDecoder(forKey: .a)),
                    container.decode(Itself.self, forKey: .a).value,
                    container.superDecoder(forKey: .a).singleValueContainer().decode(Value.self),
                ]
            }
        }

        /// Whether the value was put into a list of its own.
        private static func isOne(_ container: KeyedDecodingContainer<Key>) -> Bool {
            (try? container.decode(Value.self, forKey: .a)) == nil
        }

        struct Itself: Decodable {
            var value: Value
            init(from decoder: any Decoder) throws { value = try Value(from: decoder) }
        }
    }

    func comesBack<Value: Codable & Equatable>(_ value: Value) throws {
        for way in Written<Value>.Way.allCases {
            let bytes = try CBOREncoder().encode(Written(value: value, way: way))
            let read = try CBORDecoder().decode(Read<Value>.self, from: bytes)
            #expect(read.values.count >= 2 && read.values.allSatisfy { $0 == value }, "\(value) \(way): \(read.values)")
        }
    }

    @Test(arguments: [0, 1, -0.5, 1_700_000_000.123_456_7, 721_692_800.123_456_789, -1e12])
    func dates(seconds: Double) throws {
        try comesBack(Date(timeIntervalSince1970: seconds))
        try comesBack(Date(timeIntervalSinceReferenceDate: seconds))
    }

    @Test func identifiersLinksAndDecimals() throws {
        try comesBack(UUID())
        try comesBack(try #require(URL(string: "https://example.org/a?b=c#d")))
        let base = try #require(URL(string: "https://example.org/dir/"))
        let relative = try #require(URL(string: "../other/ä.html", relativeTo: base))
        try comesBack(relative)
        try comesBack(try #require(URL(string: "deeper", relativeTo: relative)))
        for text in ["0", "-1.5", "123456789012345678901234567890.1", "1e-100", "-3e90"] {
            try comesBack(try #require(Decimal(string: text)))
        }
    }

    @Test func bytesAndNumbers() throws {
        try comesBack(Data([0, 255, 7]))
        try comesBack([0, 255, 7] as [UInt8])
        try comesBack([] as [UInt8])
        try comesBack([[1, 2], []] as [[UInt8]])
        try comesBack([1, -2, .max])
        try comesBack([1.5, -.infinity])
        try comesBack([1, -2] as [Int16])
        try comesBack(["x", ""])
        try comesBack(Set([1, 2, 3] as [UInt8]))
        try comesBack(ContiguousArray([1, 2, 3] as [UInt8]))
        try comesBack([1.5: ["x": [1]]])
        try comesBack(Int128.min)
        try comesBack("text")
        try comesBack(true)
        try comesBack(-7 as Int8)
        try comesBack(1.25 as Float)
    }

    /// Bytes are read as whatever holds small numbers.
    @Test func bytesAreNumbersOfEveryKind() throws {
        let bytes = try CBOREncoder().encode([3, 200] as [UInt8])
        let decoder = CBORDecoder()
        #expect(try decoder.decode([Int].self, from: bytes) == [3, 200])
        #expect(try decoder.decode([Double].self, from: bytes) == [3, 200])
        #expect(try decoder.decode(Set<UInt8>.self, from: bytes) == [3, 200])
        #expect(try decoder.decode(ContiguousArray<UInt8>.self, from: bytes) == [3, 200])
        #expect(try decoder.decode(Data.self, from: bytes) == Data([3, 200]))
        #expect(throws: DecodingError.self) { try decoder.decode([Int8].self, from: bytes) }
        #expect(try decoder.decode([Int8].self, from: CBOREncoder().encode([3] as [UInt8])) == [3])
    }

    /// A link is no map, although `URL` encodes itself as one: a type with other keys would find none of them.
    @Test func whatEncodesItselfAsAMapIsNoneForOthers() throws {
        struct Optional: Decodable { var name: String? }
        let link = try CBOREncoder().encode(#require(URL(string: "https://example.org")))
        #expect(throws: DecodingError.self) { try CBORDecoder().decode(Optional.self, from: link) }
        let number = try CBOREncoder().encode(Decimal(1.5))
        #expect(throws: DecodingError.self) { try CBORDecoder().decode(Optional.self, from: number) }
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([String: Int].self, from: number) }
    }

    // MARK: Keys

    /// As many as would take hours if each were looked for from the beginning.
    @Test(.timeLimit(.minutes(5))) func keysAreFoundInAnyOrder() throws {
        struct Number: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(_ number: Int) { stringValue = "key number \(number)" }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { return nil }
        }
        struct Wide: Codable {
            static let count = 100_000
            init() {}
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Number.self)
                for number in 0..<Self.count { try container.encode(number, forKey: Number(number)) }
                // The same again, and containers that are opened and left.
                for number in 0..<Self.count { try container.encode(number + 1, forKey: Number(number)) }
            }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Number.self)
                for number in (0..<Self.count).reversed() {
                    let found = try container.decode(Int.self, forKey: Number(number))
                    guard found == number + 1, !container.contains(Number(-1 - number)) else {
                        throw DecodingError.dataCorrupted(.init(codingPath: [Number(number)], debugDescription: ""))
                    }
                }
            }
        }
        _ = try CBORDecoder().decode(Wide.self, from: CBOREncoder().encode(Wide()))
    }

    @Test(.timeLimit(.minutes(2))) func rowsThatAreOpenedAndLeftTakeLinearTime() throws {
        struct Table: Encodable {
            var rows: Int
            func encode(to encoder: any Encoder) throws {
                var table = encoder.unkeyedContainer()
                for row in 0..<rows {
                    var list = table.nestedUnkeyedContainer()
                    for column in 0..<25 { try list.encode(row + column) }
                }
            }
        }
        let bytes = try CBOREncoder().encode(Table(rows: 100_000))
        let rows = try CBORDecoder().decode([[Int]].self, from: bytes)
        #expect(rows.count == 100_000 && rows.last?.last == 100_000 + 23)
    }

    /// The first error's reason and offset.
    func refusal(_ bytes: [UInt8]) -> CBORError? {
        do {
            _ = try CBORDecoder().decode([String: Int].self, from: bytes)
        } catch DecodingError.dataCorrupted(let context) {
            return context.underlyingError as? CBORError
        } catch {}
        return nil
    }

    @Test func aKeyThatIsThereTwiceIsRefused() throws {
        // {"a": 1, "b": 2, "a": 3}; in chunks; as numbers of two widths; of an indefinite length; inside of another,
        // beside a deep one.
        #expect(refusal([0xA3, 0x61, 0x61, 1, 0x61, 0x62, 2, 0x61, 0x61, 3]) == CBORError(.duplicateKey, at: 7))
        #expect(refusal([0xA2, 0x61, 0x61, 1, 0x7F, 0x61, 0x61, 0xFF, 3]) == CBORError(.duplicateKey, at: 4))
        #expect(refusal([0xA2, 0x05, 1, 0x18, 0x05, 3]) == CBORError(.duplicateKey, at: 3))
        #expect(refusal([0xBF, 0x61, 0x61, 1, 0x61, 0x61, 3, 0xFF]) == CBORError(.duplicateKey, at: 4))
        #expect(refusal([0x82, 0x81, 0x80, 0xA2, 0x40, 1, 0x40, 3]) == CBORError(.duplicateKey, at: 6))
        // A text is not the number of its byte, and the keys of one map are not those of another.
        #expect(
            try CBORDecoder().decode([String: [String: Int]].self, from: [0xA1, 0x61, 0x61, 0xA1, 0x61, 0x61, 1]).count
                == 1)
        #expect(refusal([0xA2, 0x18, 0x61, 1, 0x61, 0x61, 3]) == nil)
        // Among many, each of them in turn.
        for count in [5, 17, 300] {
            let keys = (0..<count).map { "a key, \($0)" }
            for twice in stride(from: 0, to: count, by: max(1, count / 10)) {
                var bytes: [UInt8] = [0xB9, UInt8((count + 1) >> 8), UInt8((count + 1) & 0xFF)]
                for key in keys { bytes += try CBOREncoder().encode(key) + [0] }
                let end = bytes.count
                #expect(refusal([0xB9, UInt8(count >> 8), UInt8(count & 0xFF)] + bytes[3...]) == nil)
                bytes += try CBOREncoder().encode(keys[twice]) + [0]
                #expect(refusal(bytes) == CBORError(.duplicateKey, at: end))
            }
        }
    }

    @Test func aKeyThatIsNoTextIsRefused() {
        #expect(refusal([0xA1, 0x61, 0xFF, 1]) == CBORError(.invalidUTF8, at: 2))
        let long: [UInt8] =
            [0x78, 30] + [UInt8](repeating: 0x61, count: 15) + [0xC0] + [UInt8](repeating: 0x61, count: 14)
        #expect(refusal([0xA1] + long + [1]) == CBORError(.invalidUTF8, at: 3))
        #expect(refusal([0xA1, 0x62, 0xC3, 0xA4, 1]) == nil)
        // Also where nothing asks for it, as in a key that is a list.
        #expect(refusal([0xA1, 0x81, 0x61, 0xFF, 1]) == CBORError(.invalidUTF8, at: 3))
        #expect(refusal([0xA1, 0x61, 0x61, 0x7F, 0x61, 0xC3, 0x61, 0xA4, 0xFF])?.reason == .invalidUTF8)
    }

    /// Of every length, at every place of a list and of both kinds of maps, with every byte of it spoilt in turn.
    @Test func textThatIsNotUTF8IsRefusedWhereverItStands() throws {
        for count in 1...26 {
            let good = try CBOREncoder().encode(String(repeating: "x", count: count))
            for spoilt in good.count - count..<good.count {
                var bad = good
                bad[spoilt] = 0xFF
                for place in 0..<6 {
                    for (head, end) in [([0xA3], []), ([0xBF], [0xFF]), ([0x86], []), ([0x9F], [0xFF])]
                        as [([UInt8], [UInt8])]
                    {
                        var bytes = head
                        var expected = 0
                        for item in 0..<6 {
                            if item == place { expected = bytes.count + good.count - count }
                            bytes += item == place ? bad : try CBOREncoder().encode("\(item)")
                        }
                        #expect(refusal(bytes + end) == CBORError(.invalidUTF8, at: expected))
                    }
                }
            }
        }
    }

    /// Of every length, at every two places of a map, with a short value or a long one between.
    @Test func aKeyThatIsThereTwiceIsRefusedWhereverItStands() throws {
        for count in 0...26 {
            let key = try CBOREncoder().encode(String(repeating: "x", count: count))
            for (first, second) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
                for value in [[7], [0x19, 1, 0], [0xF9, 0, 0], [0x81, 7], [0x61, 0x78], [0xC6, 7]] as [[UInt8]] {
                    var bytes: [UInt8] = [0xA4]
                    var expected = 0
                    for entry in 0..<4 {
                        if entry == second { expected = bytes.count }
                        bytes += entry == first || entry == second ? key : try CBOREncoder().encode("\(entry)")
                        bytes += value
                    }
                    #expect(refusal(bytes) == CBORError(.duplicateKey, at: expected))
                }
            }
        }
    }

    @Test func aTagBeforeAKeyIsSteppedOver() throws {
        #expect(try CBORDecoder().decode([String: Int].self, from: [0xA1, 0xC6, 0x61, 0x61, 1]) == ["a": 1])
        #expect(refusal([0xA2, 0x61, 0x61, 1, 0xC6, 0x61, 0x61, 1]) == CBORError(.duplicateKey, at: 4))
    }
}
