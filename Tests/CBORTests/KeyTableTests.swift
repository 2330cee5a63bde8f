import CBOR
import Synchronization
import Testing

/// A buffer that is used again asks an enumeration's keys for their text once; what it writes stays the same.
@Suite struct KeyTableTests {
    private struct Point: Codable, Equatable {
        var x: Int
        var y: Double
    }

    /// Types of keys in turn, in one another and beside one another.
    private struct Scene: Codable, Equatable {
        enum Shape: Codable, Equatable {
            case circle(radius: Double)
            case line(from: Point, to: Point)
            case nothing
        }

        var shapes: [Shape]
        var inner: [Scene]
        var names: [String: Point]

        static func sample(_ depth: Int) -> Scene {
            Scene(
                shapes: [.circle(radius: 2), .line(from: Point(x: depth, y: 1), to: Point(x: 2, y: 0.1)), .nothing],
                inner: depth > 0 ? [sample(depth - 1), sample(depth - 1)] : [],
                names: ["corner": Point(x: -depth, y: 3)])
        }
    }

    /// Texts at the length that fits and over it, one without any, and one that is not ASCII.
    private struct Lengths: Codable, Equatable {
        enum CodingKeys: String, CodingKey {
            case fits = "aTextOfTwentyThreeBytes"
            case isOver = "aTextOfTwentyFour_Bytes_"
            case isLong = "aTextThatIsMuchLongerThanAllThatAnybodyWouldWriteByHand_____________________________________"
            case isEmpty = ""
            case isForeign = "größe"
        }

        var fits = 1
        var isOver = 2
        var isLong = 3
        var isEmpty = 4
        var isForeign = 5
    }

    private struct Single: Codable, Equatable {
        var only: Int
    }

    private struct Many: Encodable {
        enum Key: String, CodingKey, CaseIterable {
            case k00, k01, k02, k03, k04, k05, k06, k07, k08, k09, k10, k11, k12, k13, k14, k15, k16, k17, k18,
                k19, k20, k21, k22, k23, k24, k25, k26, k27, k28, k29, k30, k31, k32, k33, k34, k35, k36, k37, k38,
                k39, k40, k41, k42, k43, k44, k45, k46, k47, k48, k49, k50, k51, k52, k53, k54, k55, k56, k57, k58,
                k59, k60, k61, k62, k63, k64, k65, k66, k67, k68, k69
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            for (index, key) in Key.allCases.enumerated() { try container.encode(index, forKey: key) }
        }
    }

    /// A key of one byte whose text is another one each time.
    private struct Changing: Encodable {
        static let count = Atomic(0)

        struct Key: CodingKey {
            var isFirst: Bool
            var stringValue: String { "\(isFirst)\(Changing.count.load(ordering: .relaxed))" }
            var intValue: Int? { nil }
            init(isFirst: Bool) { self.isFirst = isFirst }
            init?(stringValue: String) { nil }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            Self.count.add(1, ordering: .relaxed)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(1, forKey: Key(isFirst: true))
            try container.encode(2, forKey: Key(isFirst: false))
        }
    }

    /// One key twice, under two types of keys as well.
    private struct Twice: Encodable {
        enum Key: String, CodingKey { case a, b }
        enum OtherKey: String, CodingKey { case b, a }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(1, forKey: .a)
            try container.encode(2, forKey: .b)
            try container.encode(3, forKey: .a)
            var other = encoder.container(keyedBy: OtherKey.self)
            try other.encode(4, forKey: .b)
        }
    }

    private func bytes<Value: Encodable>(_ value: Value, in buffer: CBOREncodingBuffer) throws -> [UInt8] {
        buffer.removeAll()
        try buffer.encode(value)
        return unsafe Array(buffer.bytes)
    }

    @Test func aBufferThatIsUsedAgainWritesTheSame() throws {
        let buffer = CBOREncodingBuffer()
        for round in 0..<4 {
            let point = Point(x: round, y: 0.5)
            #expect(try bytes(point, in: buffer) == CBOREncoder().encode(point))
            for depth in 0..<3 {
                let scene = Scene.sample(depth)
                #expect(try bytes(scene, in: buffer) == CBOREncoder().encode(scene))
                #expect(try CBORDecoder().decode(Scene.self, from: bytes(scene, in: buffer)) == scene)
            }
            #expect(try bytes(Lengths(), in: buffer) == CBOREncoder().encode(Lengths()))
            #expect(try CBORDecoder().decode(Lengths.self, from: bytes(Lengths(), in: buffer)) == Lengths())
            #expect(try bytes(Single(only: round), in: buffer) == CBOREncoder().encode(Single(only: round)))
            let many = try CBORDecoder().decode([String: Int].self, from: bytes(Many(), in: buffer))
            #expect(many == Dictionary(uniqueKeysWithValues: Many.Key.allCases.enumerated().map { ($1.rawValue, $0) }))
            let twice = try CBORDecoder().decode([String: Int].self, from: bytes(Twice(), in: buffer))
            #expect(twice == ["a": 3, "b": 4])
        }
    }

    @Test func manyOfATypeInOneValueAreWrittenTheSame() throws {
        let points = (0..<100).map { Point(x: $0, y: Double($0) / 3) }
        let one = try points.map { try CBOREncoder().encode($0) }
        #expect(try CBOREncoder().encode(points) == [0x98, 100] + one.flatMap(\.self))
    }

    @Test func aKeyThatIsNoEnumerationIsAskedEachTime() throws {
        let buffer = CBOREncodingBuffer()
        for _ in 0..<4 {
            let entries = try CBORDecoder().decode([String: Int].self, from: bytes(Changing(), in: buffer))
            let count = Changing.count.load(ordering: .relaxed)
            #expect(entries == ["true\(count)": 1, "false\(count)": 2])
        }
    }
}
