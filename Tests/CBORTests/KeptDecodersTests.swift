import CBOR
import Testing

/// Decoding uses the places of finished maps, and the paths of finished elements, again. Whatever a value keeps stays
/// its own all the same.
@Suite struct KeptDecodersTests {
    enum Key: String, CodingKey { case number, children, name }

    /// Keeps its decoder and its container, and reads nothing yet.
    struct Keeping: Decodable {
        let decoder: any Decoder
        let container: KeyedDecodingContainer<Key>

        init(from decoder: any Decoder) throws {
            self.decoder = decoder
            container = try decoder.container(keyedBy: Key.self)
        }
    }

    /// Reads its fields around those of its children, last field first.
    struct Tree: Codable, Equatable {
        var number: Int
        var children: [Tree]
        var name: String

        init(_ number: Int, _ children: [Tree]) {
            self.number = number
            self.children = children
            name = "tree \(number)"
        }

        /// A tree of so many levels, with numbers from `next` on.
        init(depth: Int, width: Int, _ next: inout Int) {
            let number = next
            next += 1
            var children: [Tree] = []
            if depth > 1 { for _ in 0..<width { children.append(Tree(depth: depth - 1, width: width, &next)) } }
            self.init(number, children)
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            name = try container.decode(String.self, forKey: .name)
            children = try container.decode([Tree].self, forKey: .children)
            number = try container.decode(Int.self, forKey: .number)
            let again = try decoder.container(keyedBy: Key.self)
            guard try again.decode(String.self, forKey: .name) == name, container.allKeys.count == 3 else {
                throw DecodingError.dataCorruptedError(forKey: .name, in: container, debugDescription: "another map")
            }
        }
    }

    private static func path(_ keys: [any CodingKey]) -> [String] { keys.map(\.stringValue) }

    @Test func whatElementsKeepStaysTheirOwn() throws {
        let trees = (0..<9).map { Tree($0, [Tree($0 + 100, [])]) }
        let kept = try CBORDecoder().decode([Keeping].self, from: CBOREncoder().encode(trees))
        for (index, element) in kept.enumerated() {
            #expect(Self.path(element.decoder.codingPath) == ["Index \(index)"])
            #expect(Self.path(element.container.codingPath) == ["Index \(index)"])
            #expect(try element.container.decode(Int.self, forKey: .number) == index)
            let inner = try element.container.decode([Keeping].self, forKey: .children)
            #expect(Self.path(inner[0].container.codingPath) == ["Index \(index)", "children", "Index 0"])
            #expect(try inner[0].container.decode(String.self, forKey: .name) == "tree \(index + 100)")
            #expect(try Tree(from: element.decoder) == trees[index])
        }
    }

    /// Keeps its decoder only, and is done with its map: the next map uses the same cursor.
    struct KeepingDecoder: Decodable {
        let decoder: any Decoder
        let number: Int

        init(from decoder: any Decoder) throws {
            self.decoder = decoder
            number = try decoder.container(keyedBy: Key.self).decode(Int.self, forKey: .number)
        }
    }

    @Test func aDecoderThatIsKeptWithoutItsMapKeepsItsPath() throws {
        let bytes = try CBOREncoder().encode((0..<9).map { Tree($0, []) })
        let kept = try CBORDecoder().decode([KeepingDecoder].self, from: bytes)
        for (index, element) in kept.enumerated() {
            #expect(element.number == index)
            #expect(Self.path(element.decoder.codingPath) == ["Index \(index)"])
        }
    }

    @Test func mapsInOneAnotherKeepTheirPlaces() throws {
        var next = 0
        let tree = Tree(depth: 8, width: 2, &next)
        #expect(next == 255)
        #expect(try CBORDecoder().decode(Tree.self, from: CBOREncoder().encode(tree)) == tree)
    }

    @Test(arguments: 0..<6) func anErrorNamesItsElement(failing: Int) throws {
        struct Wrong: Encodable {
            var number: Int
            var children: [Int]
            var name: String
        }
        struct Either: Encodable {
            var isWrong: Bool

            func encode(to encoder: any Encoder) throws {
                if isWrong { try Wrong(number: 1, children: [7], name: "").encode(to: encoder) }
                if !isWrong { try Tree(1, [Tree(2, [])]).encode(to: encoder) }
            }
        }
        let bytes = try CBOREncoder().encode((0..<6).map { Either(isWrong: $0 == failing) })
        do {
            _ = try CBORDecoder().decode([Tree].self, from: bytes)
            Issue.record("A number was decoded as a map.")
        } catch DecodingError.typeMismatch(_, let context) {
            #expect(Self.path(context.codingPath) == ["Index \(failing)", "children", "Index 0"])
        }
    }

    /// Maps that are read out of order get a table; the next map in the same place must not use it.
    @Test func aTableIsNotUsedForTheNextMap() throws {
        struct Backwards: Decodable {
            var sum = 0

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeyOfText.self)
                for number in (0..<200).reversed() {
                    sum += try container.decode(Int.self, forKey: CodingKeyOfText("key \(number)"))
                }
            }
        }
        let maps = (1...5).map { factor in
            Dictionary(uniqueKeysWithValues: (0..<200).map { ("key \($0)", $0 * factor) })
        }
        let sums = try CBORDecoder().decode([Backwards].self, from: CBOREncoder().encode(maps)).map(\.sum)
        #expect(sums == (1...5).map { 19_900 * $0 })
    }

    struct CodingKeyOfText: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }
}
