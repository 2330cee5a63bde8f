import CBOR
import Testing

/// The codec goes through an array of structs by itself. The bytes, the values and the errors are those of the standard
/// library's way, by `Array`'s own conformance.
@Suite struct ElementwiseTests {
    /// An array that is coded by its own conformance.
    struct Spelled<Element: Codable>: Codable {
        var elements: [Element]

        init(_ elements: [Element]) { self.elements = elements }
        init(from decoder: any Decoder) throws { elements = try [Element](from: decoder) }
        func encode(to encoder: any Encoder) throws { try elements.encode(to: encoder) }
    }

    struct Inside<Value: Codable>: Codable {
        var before = 1
        var value: Value
        var after = "end"
    }

    struct Point: Codable, Equatable {
        var x: Double
        var label: String?
        var inner: [Point] = []
    }

    final class Node: Codable, Equatable {
        let name: String

        init(_ name: String) { self.name = name }
        static func == (left: Node, right: Node) -> Bool { left.name == right.name }
    }

    /// Of one word, as an array is.
    struct Word: Codable, Equatable { var value: Int }

    /// One type of array after another, and what is stored as an array between them.
    struct Several: Codable, Equatable {
        var words = [Word(value: 1)]
        var set: Set = [5]
        var nodes = [Node("a"), Node("b")]
        var lists = [[Word(value: 2)], []]
        var more = [Word(value: 3)]
    }

    struct Silent: Codable, Equatable {
        init() {}
        init(from decoder: any Decoder) {}
        func encode(to encoder: any Encoder) {}
    }

    struct Refusing: Codable {
        var number: Int

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if number == 2 {
                throw EncodingError.invalidValue(number, .init(codingPath: encoder.codingPath, debugDescription: "no"))
            }
            try container.encode(number)
        }
    }

    static func path(_ error: any Error) -> String {
        let context: [any CodingKey]? =
            switch error {
            case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
                DecodingError.keyNotFound(_, let context), DecodingError.dataCorrupted(let context):
                context.codingPath
            case EncodingError.invalidValue(_, let context): context.codingPath
            default: nil
            }
        return context.map { $0.map(\.stringValue).joined(separator: ".") } ?? "\(error)"
    }

    static func outcome<Value>(_ body: () throws -> Value) -> Result<Value, Failure> {
        do { return .success(try body()) } catch { return .failure(Failure(path: path(error))) }
    }

    struct Failure: Error, Equatable { var path: String }

    private func check<Element: Codable & Equatable>(_ elements: [Element]) throws {
        let bytes = try CBOREncoder().encode(elements)
        #expect(try CBOREncoder().encode(Spelled(elements)) == bytes)
        #expect(try CBORDecoder().decode([Element].self, from: bytes) == elements)
        #expect(try CBORDecoder().decode(Spelled<Element>.self, from: bytes).elements == elements)

        let within = try CBOREncoder().encode(Inside(value: elements))
        #expect(try CBOREncoder().encode(Inside(value: Spelled(elements))) == within)
        let back = try CBORDecoder().decode(Inside<[Element]>.self, from: within)
        #expect(back.value == elements && back.after == "end")

        // The state of a buffer stays, with the last type of an array.
        let buffer = CBOREncodingBuffer()
        for _ in 0..<3 {
            buffer.removeAll()
            try buffer.encode([elements, elements])
            try buffer.encode([elements.first])
            try buffer.encode([Word(value: 7)])
        }
        let list = try CBOREncoder().encode([Spelled(elements), Spelled(elements)])
        let expected = try list + CBOREncoder().encode([elements.first]) + [0x81] + wordBytes()
        #expect(unsafe buffer.bytes.elementsEqual(expected))
    }

    private func wordBytes() throws -> [UInt8] { try CBOREncoder().encode(Word(value: 7)) }

    @Test func anArrayIsCodedAsItsConformanceDoes() throws {
        try check([Point(x: 1, label: "a"), Point(x: 2, inner: [Point(x: 3), Point(x: 4, label: "d")])])
        try check([Point]())
        try check([Node("a"), Node("b")])
        try check([Word(value: 1), Word(value: -1)])
        try check([[Word(value: 1)], [], [Word(value: 2), Word(value: 3)]])
        try check([Word?.none, Word(value: 2), nil])
        try check([["a": 1], [:]])
        // Of an array's size, stored as arrays, and none.
        try check([Set([1]), []])
        try check([ContiguousArray([1, 2]), []])
        try check([Several(), Several()])
        try check((0..<5_000).map { Point(x: Double($0)) })
    }

    @Test func anElementThatWritesNothingIsAnEmptyMap() throws {
        try check([Silent(), Silent()])
    }

    /// Bytes that are not what the type writes: each prefix and each changed byte of an array, and other forms of it.
    @Test func whatIsReadAndRefusedIsTheSame() throws {
        let points = [Point(x: 1, label: "a"), Point(x: 2, inner: [Point(x: 3)])]
        let within = try CBOREncoder().encode(Inside(value: points))
        for index in within.indices {
            var bytes = within
            bytes[index] ^= 0x20
            #expect(
                Self.outcome { try CBORDecoder().decode(Inside<[Point]>.self, from: bytes).value }
                    == Self.outcome {
                        try CBORDecoder().decode(Inside<Spelled<Point>>.self, from: bytes).value.elements
                    },
                "\(index)")
        }
        let whole = try CBOREncoder().encode(points)
        var inputs = (0..<whole.count).map { Array(whole[..<$0]) }
        for index in whole.indices {
            for flip in [0x01, 0x20, 0x80, 0xFF] as [UInt8] {
                var bytes = whole
                bytes[index] ^= flip
                inputs.append(bytes)
            }
        }
        // Without a length, behind a tag, null, a number, and a length that nothing could hold.
        inputs += [[0x9F] + whole[1...] + [0xFF], [0xD9, 0xD9, 0xF7] + whole, [0xF6], [0x07]]
        inputs.append([0x9B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] + whole[1...])
        var refused = 0
        for bytes in inputs {
            let ours = Self.outcome { try CBORDecoder().decode([Point].self, from: bytes) }
            let theirs = Self.outcome { try CBORDecoder().decode(Spelled<Point>.self, from: bytes).elements }
            #expect(ours == theirs, "\(bytes)")
            if case .failure = ours { refused += 1 }
        }
        #expect(refused > whole.count && refused < inputs.count)
        // Numbers of a typed array, for elements that are structs of numbers.
        let numbers = try CBOREncoder().encode([1.5, 2.5])
        #expect(
            Self.outcome { try CBORDecoder().decode([Word].self, from: numbers) }
                == Self.outcome { try CBORDecoder().decode(Spelled<Word>.self, from: numbers).elements })
    }

    @Test func anElementThatFailsIsNamed() {
        let elements = [Refusing(number: 1), Refusing(number: 2)]
        let ours = Self.outcome { try CBOREncoder().encode(Inside(value: elements)) }
        #expect(ours == Self.outcome { try CBOREncoder().encode(Inside(value: Spelled(elements))) })
        #expect(ours == .failure(Failure(path: "value.Index 1")))
    }

    struct Nest: Codable, Equatable {
        var inner: [Nest] = []

        init(depth: Int) { if depth > 1 { inner = [Nest(depth: depth - 1)] } }
    }

    @Test func theLimitOfTheDepthIsTheSame() throws {
        let nest = [Nest(depth: 8)]
        let bytes = try CBOREncoder().encode(nest)
        for limit in 0...20 {
            var (encoder, decoder) = (CBOREncoder(), CBORDecoder())
            encoder.depthLimit = limit
            decoder.depthLimit = limit
            #expect(
                Self.outcome { try encoder.encode(nest) } == Self.outcome { try encoder.encode(Spelled(nest)) },
                "\(limit)")
            #expect(
                Self.outcome { try decoder.decode([Nest].self, from: bytes) }
                    == Self.outcome { try decoder.decode(Spelled<Nest>.self, from: bytes).elements }, "\(limit)")
        }
    }
}
