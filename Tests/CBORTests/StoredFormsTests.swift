import CBOR
import Foundation
import Testing

/// What the article "How values are stored" says of each type, and "Evolving your types" of changes to a type.
@Suite struct StoredFormsTests {
    static let article: String = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let path = "Sources/CheckpointLog/Documentation.docc/HowValuesAreStored.md"
        return (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }()

    /// The article has a row for `type` with the stored form of `value`.
    func row(_ type: String, _ value: some Encodable, _ note: Comment? = nil) throws {
        let form = CBORDiagnostic.text(of: try CBOREncoder().encode(value))
        let rows = Self.article.split(separator: "\n").filter {
            $0.hasPrefix("| `\(type)`") || $0.contains(", `\(type)`")
        }
        #expect(rows.contains { $0.contains("| `\(form)` |") }, "| `\(type)` | `\(form)` |")
    }

    enum Phase: String, Codable { case warmUp, run }
    enum Event: Codable, Equatable { case stopped, moved(x: Int, y: Int), named(String) }
    struct Point: Codable { var x = 1, y: Int? }
    class Animal: Codable { var legs = 4 }

    @Test func everyTypeIsStoredAsTheArticleSays() throws {
        try row("Bool", true)
        try row("Int", -5)
        try row("Int128", Int128(1) << 64)
        try row("Double", 0.1)
        try row("Float", Float(1.5))
        try row("String", "text")
        try row("Data", Data([1, 2]))
        try row("[UInt8]", [1, 2] as [UInt8])
        try row("[Double]", [1.0])
        try row("[Int32]", [1] as [Int32])
        try row("[String]", ["a", "b"])
        try row("Set<Int>", Set([7]))
        try row("[Int?]", [1, nil] as [Int?])
        try row("[String: Int]", ["a": 1])
        try row("[Int: Bool]", [7: true])
        try row("[Double: Int]", [0.5: 1])
        try row("struct Point", Point())
        try row("enum Phase: String", Phase.run)
        try row("enum Event", Event.moved(x: 1, y: 2))
        try row("Date", Date(timeIntervalSince1970: 1_700_000_000))
        try row("URL", #require(URL(string: "https://example.org")))
        try row("UUID", #require(UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF")))
        try row("Decimal", #require(Decimal(string: "12.5")))
        #expect(
            try CBOREncoder().encode([Event.stopped, .named("a")])
                == CBOREncoder().encode([["stopped": [:]], ["named": ["_0": "a"]]]))
    }

    // MARK: Changing a type

    func changed<Old: Encodable, New: Decodable & Equatable>(_ old: Old, _ new: New?) throws {
        let bytes = try CBOREncoder().encode(["value": old])
        guard let new else {
            let error = #expect(throws: DecodingError.self) {
                try CBORDecoder().decode([String: New].self, from: bytes)
            }
            // The key of the dictionary, at the least.
            guard case .typeMismatch(_, let context) = error else { return }
            #expect(context.codingPath.first?.stringValue == "value")
            return
        }
        #expect(try CBORDecoder().decode([String: New].self, from: bytes)["value"] == new)
    }

    struct OldState: Codable { var step: Int }
    struct State: Codable, Equatable { var step: Int, loss: Double? }
    struct Wrong: Codable, Equatable { var step: Int, loss: Double }
    enum Less: String, Codable { case run }
    enum More: String, Codable { case warmUp, run, done }
    enum FewerEvents: Codable, Equatable { case stopped }

    struct Settings: Codable, Equatable {
        var rate = 0.1
        var momentum = 0.9

        init(rate: Double) { self.rate = rate }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            rate = try container.decode(Double.self, forKey: .rate)
            momentum = try container.decodeIfPresent(Double.self, forKey: .momentum) ?? 0.9
        }
    }

    @Test func changesGiveWhatTheArticleSays() throws {
        try changed(OldState(step: 3), State(step: 3, loss: nil))
        try changed(OldState(step: 3), nil as Wrong?)
        try changed(Wrong(step: 3, loss: 1), State(step: 3, loss: 1))
        try changed(["step": 3, "other": 4], State(step: 3, loss: nil))
        try changed(["rate": 0.5], Settings(rate: 0.5))
        try changed(Int32(-7), -7)
        try changed(300, nil as UInt8?)
        try changed(7, 7.0)
        try changed(Int.max, nil as Double?)
        try changed(7.0, nil as Int?)
        try changed(Float(0.1), Double(Float(0.1)))
        try changed(0.1, Float(0.1))
        try changed(1e300, nil as Float?)
        try changed([1, 2] as [Int32], [1, 2])
        try changed([1, 2] as [Int32], Set([1, 2]))
        try changed([1, 2] as [Int32], [1.0, 2.0])
        try changed([1.0], nil as [Int]?)
        try changed(Phase.run, More.run)
        try changed(Phase.warmUp, nil as Less?)
        try changed(Event.stopped, FewerEvents.stopped)
        try changed(Event.named("a"), nil as FewerEvents?)
        try changed("7", nil as Int?)
        try changed([1], nil as [String: Int]?)
    }

    @Test func anOlderLayoutIsDecodedByTheCallersRule() throws {
        let bytes = try CBOREncoder().encode(OldState(step: 3))
        let state = try unsafe bytes.withUnsafeBytes { bytes in
            unsafe try CBORDecoder().decode(from: bytes) { decoder in
                do { return try Wrong(from: decoder) } catch {
                    return Wrong(step: try OldState(from: decoder).step, loss: 0)
                }
            }
        }
        #expect(state == Wrong(step: 3, loss: 0))
    }
}
