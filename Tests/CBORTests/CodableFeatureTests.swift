import CBOR
import Foundation
import Testing

/// The odd corners of `Codable`, held against what `JSONEncoder` makes of them.
@Suite struct CodableFeatureTests {
    enum Key: String, CodingKey { case a, b, c, x, y }

    struct Interleaved: Encodable {
        func encode(to encoder: any Encoder) throws {
            var outer = encoder.container(keyedBy: Key.self)
            var first = outer.nestedContainer(keyedBy: Key.self, forKey: .a)
            var second = outer.nestedUnkeyedContainer(forKey: .b)
            try first.encode(1, forKey: .x)
            try second.encode("one")
            var inner = second.nestedContainer(keyedBy: Key.self)
            try first.encode([1.5, 2.5], forKey: .y)
            try inner.encode(true, forKey: .x)
            try outer.encode("last", forKey: .c)
            try second.encode("two")
            try inner.encode(["k": 7], forKey: .y)
            for _ in 0..<30 { try second.encode("many") }
            try first.encode("late", forKey: .c)
        }
    }

    class Animal: Codable {
        var legs = 4
        init() {}
        private enum AnimalKey: String, CodingKey { case legs }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: AnimalKey.self)
            try container.encode(legs, forKey: .legs)
        }
        required init(from decoder: any Decoder) throws {
            legs = try decoder.container(keyedBy: AnimalKey.self).decode(Int.self, forKey: .legs)
        }
    }

    /// The superclass asks the same encoder for its container again.
    final class Dog: Animal {
        var name = "Rex"
        override init() { super.init() }
        private enum DogKey: String, CodingKey { case name }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: DogKey.self)
            try container.encode(name, forKey: .name)
            try super.encode(to: encoder)
        }
        required init(from decoder: any Decoder) throws {
            name = try decoder.container(keyedBy: DogKey.self).decode(String.self, forKey: .name)
            try super.init(from: decoder)
        }
    }

    /// The superclass goes under a key of its own.
    final class Cat: Animal {
        var lives = 9
        override init() { super.init() }
        private enum CatKey: String, CodingKey { case lives }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CatKey.self)
            let parent = container.superEncoder()
            try container.encode(lives, forKey: .lives)
            try super.encode(to: parent)
        }
        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CatKey.self)
            lives = try container.decode(Int.self, forKey: .lives)
            try super.init(from: container.superDecoder())
        }
    }

    struct Twice: Encodable {
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode([1, 2, 3], forKey: .a)
            try container.encode("between", forKey: .b)
            try container.encode("again", forKey: .a)
        }
    }

    struct Wrapper<Value: Encodable>: Encodable {
        var value: Value
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }

    func sameAsJSON(_ value: some Encodable) throws {
        let bytes = try CBOREncoder().encode(value)
        try CBORValidation.check(bytes)
        let json = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
        #expect(try CBORDecoder().decode(AnyItem.self, from: bytes).value == json)
    }

    @Test func interleavedContainersKeepTheirItems() throws { try sameAsJSON(Interleaved()) }
    @Test func aKeyEncodedTwiceKeepsTheLastValue() throws { try sameAsJSON(Twice()) }
    @Test func superclassesShareTheContainer() throws { try sameAsJSON(Dog()) }
    @Test func superEncodersHaveAPlaceOfTheirOwn() throws { try sameAsJSON([Cat(), Cat()]) }
    @Test func singleValuesAreTransparent() throws { try sameAsJSON(Wrapper(value: Wrapper(value: Interleaved()))) }

    @Test func classesComeBack() throws {
        let dog = try CBORDecoder().decode(Dog.self, from: CBOREncoder().encode(Dog()))
        #expect(dog.name == "Rex" && dog.legs == 4)
        let cat = try CBORDecoder().decode(Cat.self, from: CBOREncoder().encode(Cat()))
        #expect(cat.lives == 9 && cat.legs == 4)
    }

    @Test func errorsNameTheCodingPath() throws {
        struct Inner: Codable { var numbers: [String] }
        struct Outer: Codable { var inner: [Inner] }
        struct WrongInner: Codable { var numbers: [Int?] }
        struct Wrong: Codable { var inner: [WrongInner] }
        let bytes = try CBOREncoder().encode(Wrong(inner: [WrongInner(numbers: [nil]), WrongInner(numbers: [7])]))
        #expect {
            try CBORDecoder().decode(Outer.self, from: bytes)
        } throws: { error in
            guard case DecodingError.valueNotFound(_, let context) = error else { return false }
            return context.codingPath.map(\.stringValue) == ["inner", "Index 0", "numbers", "Index 0"]
        }
    }

    @Test func missingKeysAreNamed() throws {
        let bytes = try CBOREncoder().encode(["a": 1])
        #expect {
            try CBORDecoder().decode(RoundTripTests.Sample.self, from: bytes)
        } throws: { error in
            guard case DecodingError.keyNotFound(let key, _) = error else { return false }
            return key.stringValue == "step"
        }
    }
}

/// Any item, with typed arrays as arrays of numbers.
struct AnyItem: Decodable {
    var value: JSONValue

    init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        if let map = try? single.decode([String: AnyItem].self) {
            value = .object(map.mapValues(\.value))
        } else if let numbers = try? single.decode([Double].self) {
            value = .array(numbers.map { number in Int64(exactly: number).map { .integer($0) } ?? .number(number) })
        } else if let numbers = try? single.decode([Int].self) {
            value = .array(numbers.map { .integer(Int64($0)) })
        } else if let items = try? single.decode([AnyItem].self) {
            value = .array(items.map(\.value))
        } else {
            value = try single.decode(JSONValue.self)
        }
    }
}
