import CBOR
import Foundation
import Synchronization
import TestSupport
import Testing

/// A type that writes its own map gives the bytes that its `encode(to:)` gives, in every place.
@Suite struct MapEncodableTests {
    struct Point: Codable, Equatable, CBORMapEncodable {
        var x: Double
        var y: Float
        var label: String?

        func encodeEntries(into map: CBORMapWriter) throws {
            try map.encode(x, for: "x")
            try map.encode(y, for: "y")
            try map.encode(label, for: "label")
        }
    }

    /// Encodes itself by `Codable` alone.
    struct Plain: Codable, Equatable {
        var points: [Point]
        var point: Point?
    }

    /// Keeps its encoder beyond its time, and uses containers in an order that makes trees of all that is under way.
    struct Odd: Codable, Equatable {
        var number = 1

        init(_ number: Int) { self.number = number }

        init(from decoder: any Decoder) throws {
            number = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .number)
        }

        func encode(to encoder: any Encoder) throws {
            var first = encoder.container(keyedBy: CodingKeys.self)
            var inner = first.nestedUnkeyedContainer(forKey: .inner)
            try first.encode(number, forKey: .number)
            try inner.encode(number)
            try inner.encode("\(number)")
        }

        enum CodingKeys: String, CodingKey { case number, inner }
    }

    /// A member of every kind that the writer has a form for, and of those that it leaves to `Codable`.
    struct All: Codable, Equatable, CBORMapEncodable {
        var int = 0
        var int8 = Int8(0)
        var int16 = Int16(0)
        var int32 = Int32(0)
        var int64 = Int64(0)
        var uint = UInt(0)
        var uint8 = UInt8(0)
        var uint16 = UInt16(0)
        var uint32 = UInt32(0)
        var uint64 = UInt64(0)
        var double = 0.0
        var float = Float(0)
        var isSet = false
        var text = ""
        var doubles: [Double] = []
        var floats: [Float] = []
        var ints: [Int] = []
        var bytes: [UInt8] = []
        var data = Data()
        var texts: [String] = []
        var shorts: [Int16] = []
        var date = Date(timeIntervalSince1970: 0)
        var link = URL(filePath: "/")
        var maybeInt: Int?
        var maybeTexts: [String]?
        var maybePoint: Point?
        var maybePoints: [Point]?
        var twice: Int??
        var point = Point(x: 0, y: 0)
        var points: [Point] = []
        var plain = Plain(points: [])
        var odd = Odd(3)
        var table: [String: Point] = [:]
        var wide = UInt128(0)

        init() {}

        init(_ generator: inout SeededGenerator) {
            func number() -> Int { Int(truncatingIfNeeded: generator.next() >> UInt64(generator.number(below: 64))) }
            func list<Item>(_ item: () -> Item) -> [Item] { (0..<generator.number(below: 30)).map { _ in item() } }
            func point() -> Point {
                Point(
                    x: Double(bitPattern: UInt64(bitPattern: Int64(number()))), y: Float(number()),
                    label: generator.isOne(in: 2) ? nil : MapEncodableTests.text(&generator))
            }
            int = number()
            int8 = Int8(truncatingIfNeeded: number())
            int16 = Int16(truncatingIfNeeded: number())
            int32 = Int32(truncatingIfNeeded: number())
            int64 = -Int64(number() & .max)
            uint = UInt(bitPattern: number())
            uint8 = UInt8(truncatingIfNeeded: number())
            uint16 = UInt16(truncatingIfNeeded: number())
            uint32 = UInt32(truncatingIfNeeded: number())
            uint64 = UInt64(bitPattern: Int64(number()))
            double = Double(bitPattern: generator.next())
            float = Float(number())
            isSet = generator.isOne(in: 2)
            text = MapEncodableTests.text(&generator)
            doubles = list { Double(number()) }
            floats = list { Float(number()) }
            ints = list(number)
            bytes = list { UInt8(truncatingIfNeeded: number()) }
            data = Data(list { UInt8(truncatingIfNeeded: number()) })
            texts = list { MapEncodableTests.text(&generator) }
            shorts = list { Int16(truncatingIfNeeded: number()) }
            date = Date(timeIntervalSince1970: Double(number() % 1_000_000))
            link = URL(filePath: "/" + String(number()))
            maybeInt = generator.isOne(in: 2) ? nil : number()
            maybeTexts = generator.isOne(in: 2) ? nil : list { MapEncodableTests.text(&generator) }
            maybePoint = generator.isOne(in: 2) ? nil : point()
            maybePoints = generator.isOne(in: 2) ? nil : list(point)
            twice = [.none, .some(.none), .some(.some(number()))][generator.number(below: 3)]
            self.point = point()
            points = list(point)
            plain = Plain(points: list(point), point: generator.isOne(in: 2) ? nil : point())
            odd = Odd(number())
            table = generator.isOne(in: 2) ? [:] : ["only": point()]
            wide = UInt128(generator.next()) << UInt128(generator.number(below: 64))
        }

        func encodeEntries(into map: CBORMapWriter) throws {
            try map.encode(int, for: "int")
            try map.encode(int8, for: "int8")
            try map.encode(int16, for: "int16")
            try map.encode(int32, for: "int32")
            try map.encode(int64, for: "int64")
            try map.encode(uint, for: "uint")
            try map.encode(uint8, for: "uint8")
            try map.encode(uint16, for: "uint16")
            try map.encode(uint32, for: "uint32")
            try map.encode(uint64, for: "uint64")
            try map.encode(double, for: "double")
            try map.encode(float, for: "float")
            try map.encode(isSet, for: "isSet")
            try map.encode(text, for: "text")
            try map.encode(doubles, for: "doubles")
            try map.encode(floats, for: "floats")
            try map.encode(ints, for: "ints")
            try map.encode(bytes, for: "bytes")
            try map.encode(data, for: "data")
            try map.encode(texts, for: "texts")
            try map.encode(shorts, for: "shorts")
            try map.encode(date, for: "date")
            try map.encode(link, for: "link")
            try map.encode(maybeInt, for: "maybeInt")
            try map.encode(maybeTexts, for: "maybeTexts")
            try map.encode(maybePoint, for: "maybePoint")
            try map.encode(maybePoints, for: "maybePoints")
            try map.encode(twice, for: "twice")
            try map.encode(point, for: "point")
            try map.encode(points, for: "points")
            try map.encode(plain, for: "plain")
            try map.encode(odd, for: "odd")
            try map.encode(table, for: "table")
            try map.encode(wide, for: "wide")
        }
    }

    /// The encoding by the value's own map.
    static func own<Value: Encodable>(_ value: Value, _ encoder: CBOREncoder = CBOREncoder()) throws -> [UInt8] {
        let buffer = CBOREncodingBuffer(encoder)
        try buffer.encode(value)
        return unsafe Array(buffer.bytes)
    }

    static func text(_ generator: inout SeededGenerator) -> String {
        String((0..<generator.number(below: 30)).map { _ in "aäß😀z".randomElement(using: &generator) ?? "b" })
    }

    /// Has its value encoded by `Codable`, and all that is in it.
    struct ByCodable<Value: Encodable>: Encodable {
        var value: Value
        init(_ value: Value) { self.value = value }
        func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
    }

    @Test func bothWaysGiveTheSameBytes() throws {
        var generator = SeededGenerator(seed: testSeed(62))
        let (own, byCodable) = (CBOREncodingBuffer(), CBOREncodingBuffer())
        let lending = CBOREncodingBuffer(CBOREncoder(), lendingFrom: 8)
        for _ in 0..<(takesSamples ? 60 : 400) {
            let value = All(&generator)
            let others = (0..<generator.number(below: 5)).map { _ in All(&generator) }
            own.removeAll()
            byCodable.removeAll()
            try own.encode(value)
            try own.encode(others)
            try byCodable.encode(ByCodable(value))
            try byCodable.encode(ByCodable(others))
            let isSame = unsafe own.bytes.elementsEqual(byCodable.bytes)
            #expect(isSame)
            lending.removeAll()
            try lending.encode(value)
            try lending.encode(others)
            #expect(unsafe LendingTests.joined(lending) == Array(own.bytes))
            guard isSame else { break }
            _ = try CBORDecoder().decode(All.self, from: CBOREncoder().encode(value))
        }
    }

    @Test func mapsOfAnyCountHaveTheRightHead() throws {
        struct Empty: Codable, CBORMapEncodable {
            var nothing: Int?
            func encodeEntries(into map: CBORMapWriter) throws { try map.encode(nothing, for: "nothing") }
        }
        #expect(try Self.own(Empty()) == [0xA0])
        #expect(try Self.own([Empty(), Empty()]) == [0x82, 0xA0, 0xA0])
        #expect(try Self.own([Point]()) == [0x80])
        // More than 23 entries, and more than 23 elements.
        #expect(try Self.own(All()).starts(with: [0xB8, 29]))
        let many = (0..<300).map { Point(x: Double($0), y: 1, label: "\($0)") }
        #expect(try Self.own(many) == CBOREncoder().encode(many))
    }

    /// How often a map was written in the test that follows; by `Codable` it would have the same bytes.
    static let mapCount = Atomic(0)

    /// A class writes its map with the conformance of its superclass, also as the superclass; types take turns in a
    /// buffer; and what writes no map does not, beside what does.
    @Test func everyKindOfTypeIsFound() throws {
        class Base: Encodable, CBORMapEncodable {
            let number: Int
            init(_ number: Int) { self.number = number }
            func encodeEntries(into map: CBORMapWriter) throws {
                MapEncodableTests.mapCount.add(1, ordering: .relaxed)
                try map.encode(number, for: "number")
            }
        }
        final class Derived: Base {}
        struct Generic<Value: Encodable>: Encodable, CBORMapEncodable {
            var value: Value
            func encodeEntries(into map: CBORMapWriter) throws { try map.encode(value, for: "value") }
        }
        let buffer = CBOREncodingBuffer()
        let map = try CBOREncoder().encode(Base(5))
        for _ in 0..<3 {
            buffer.removeAll()
            let (derived, before) = (Derived(5), Self.mapCount.load(ordering: .relaxed))
            try buffer.encode(derived)
            try buffer.encode(derived as Base)
            try buffer.encode([derived])
            #expect(unsafe Array(buffer.bytes) == map + map + [0x81] + map)
            #expect(Self.mapCount.load(ordering: .relaxed) >= before + 3)
            buffer.removeAll()
            try buffer.encode(Generic(value: "text"))
            try buffer.encode(Generic(value: Generic(value: 1)))
            try buffer.encode([[Generic(value: 2)]])
            try buffer.encode(Optional(Generic(value: 3)))
            let encoder = CBOREncoder()
            let parts = [
                try encoder.encode(Generic(value: "text")), try encoder.encode(Generic(value: Generic(value: 1))),
                try encoder.encode([[Generic(value: 2)]]), try encoder.encode(Generic(value: 3)),
            ]
            #expect(unsafe Array(buffer.bytes) == Array(parts.joined()))
        }
    }

    /// What writes other entries than its `encode(to:)` is refused, whichever of the first values shows it.
    @Test func anotherMapThanThatOfCodableIsRefused() throws {
        struct Different: Codable, CBORMapEncodable {
            var a: Int
            var b: Int
            func encodeEntries(into map: CBORMapWriter) throws {
                try map.encode(a, for: "a")
                if b != 7 { try map.encode(b, for: "b") }
            }
        }
        let buffer = CBOREncodingBuffer()
        try buffer.encode("before")
        let before = unsafe Array(buffer.bytes)
        for values in [[7], [0, 7], [0, 0, 0, 7]] {
            let buffer = CBOREncodingBuffer()
            for (index, value) in values.enumerated() where index < values.count - 1 {
                try buffer.encode(Different(a: 1, b: value))
            }
            let error = #expect(throws: EncodingError.self) { try buffer.encode(Different(a: 1, b: 7)) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("Checkpointable"))
        }
        #expect(throws: EncodingError.self) { try buffer.encode([Different(a: 1, b: 7)]) }
        #expect(unsafe Array(buffer.bytes) == before)
    }

    /// Of values over 1 MiB the first alone is encoded both ways: each costs as much memory again.
    @Test func aLargeValueIsComparedOnce() throws {
        struct Large: Codable, CBORMapEncodable {
            var weights = [Double](repeating: 0.1, count: 200_000)
            static let calls = Atomic(0)
            func encode(to encoder: any Encoder) throws {
                Self.calls.add(1, ordering: .relaxed)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(weights, forKey: .weights)
            }
            func encodeEntries(into map: CBORMapWriter) throws { try map.encode(weights, for: "weights") }
        }
        let buffer = CBOREncodingBuffer()
        for _ in 0..<5 {
            buffer.removeAll()
            try buffer.encode(Large())
        }
        #expect(Large.calls.load(ordering: .relaxed) == 1)
        #expect(unsafe Array(buffer.bytes) == (try CBOREncoder().encode(Large())))
    }

    /// An error tells where it arose, through both kinds of members, and leaves the buffer as it was.
    @Test func anErrorHasItsPath() throws {
        struct Refusing: Codable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(1, .init(codingPath: encoder.codingPath, debugDescription: "no"))
            }
        }
        struct Inner: Codable, CBORMapEncodable {
            var refusing = Refusing()
            func encodeEntries(into map: CBORMapWriter) throws { try map.encode(refusing, for: "refusing") }
        }
        struct Outer: Codable, CBORMapEncodable {
            var name = "n"
            var inners = [Inner()]
            func encodeEntries(into map: CBORMapWriter) throws {
                try map.encode(name, for: "name")
                try map.encode(inners, for: "inners")
            }
        }
        let buffer = CBOREncodingBuffer()
        try buffer.encode(1)
        do {
            try buffer.encode(Outer())
            Issue.record("nothing was thrown")
        } catch EncodingError.invalidValue(_, let context) {
            #expect(context.codingPath.map(\.stringValue) == ["inners", "Index 0", "refusing"])
            #expect(buffer.failedCodingPath.map(\.stringValue) == ["inners", "Index 0", "refusing"])
        }
        #expect(unsafe Array(buffer.bytes) == [1])
        try buffer.encode(Point(x: 1, y: 2))
        let point = try CBOREncoder().encode(ByCodable(Point(x: 1, y: 2)))
        #expect(unsafe Array(buffer.bytes.dropFirst()) == point)
    }

    /// What nests too deep throws, as by `Codable`.
    @Test func depthHasItsLimit() throws {
        struct Chain: Codable, CBORMapEncodable {
            var next: [Chain]
            func encodeEntries(into map: CBORMapWriter) throws { try map.encode(next, for: "next") }
            static func of(_ length: Int) -> Chain { Chain(next: length > 1 ? [of(length - 1)] : []) }
        }
        var encoder = CBOREncoder()
        encoder.depthLimit = 20
        for length in 1...14 {
            let own = Result { try Self.own(Chain.of(length), encoder) }
            let byCodable = Result { try encoder.encode(Chain.of(length)) }
            switch (own, byCodable) {
            case (.success(let own), .success(let other)): #expect(own == other)
            case (.failure, .failure): break
            default: Issue.record("a chain of \(length): \(own), \(byCodable)")
            }
        }
    }

    /// A writer that is kept beyond its value writes nothing.
    @Test func aWriterThatIsKeptThrows() throws {
        final class Keeper: @unchecked Sendable { var map: CBORMapWriter? }
        struct Keeping: Codable, CBORMapEncodable {
            var a = 1
            var keeper: Keeper { Keeping.shared }
            static let shared = Keeper()
            func encodeEntries(into map: CBORMapWriter) throws {
                keeper.map = map
                try map.encode(a, for: "a")
            }
        }
        let buffer = CBOREncodingBuffer()
        try buffer.encode(Keeping())
        let before = unsafe Array(buffer.bytes)
        #expect(throws: (any Error).self) { try Keeping.shared.map?.encode(2, for: "b") }
        #expect(throws: (any Error).self) { try Keeping.shared.map?.encode([Point(x: 1, y: 1)], for: "c") }
        #expect(unsafe Array(buffer.bytes) == before)
        Keeping.shared.map = nil
    }

    /// The state of the outer value is not counted while it is encoded: a second use must not let go of it.
    @Test func aValueCannotUseTheBufferThatItIsEncodedInto() async {
        await #expect(processExitsWith: .failure) {
            struct Greedy: Encodable {
                let buffer: CBOREncodingBuffer
                func encode(to encoder: any Encoder) throws { try buffer.encode(1) }
            }
            let buffer = CBOREncodingBuffer()
            try? buffer.encode(Greedy(buffer: buffer))
        }
    }
}
