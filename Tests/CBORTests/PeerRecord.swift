import Foundation

/// A value with a field of every shape that has a form in CBOR, described in words that `peer.py` uses too.
struct PeerRecord: Codable, Equatable {
    enum Choice: Codable, Equatable {
        case started
        case named(String)
        case moved(x: Double, y: Double)
    }

    var integer: Int64
    var unsigned: UInt64
    var small: Int8
    var short: UInt16
    var wide: Int32
    var double: Double
    var float: Float
    var flag: Bool
    var text: String
    var maybe: Int64?
    var data: Data
    var bytes: Data
    var doubles: [Double]
    var floats: [Float]
    var ints: [Int64]
    var words: [UInt32]
    var shorts: [Int16]
    var texts: [String]
    var flags: [Bool]
    var table: [String: Double]
    var numbered: [String: String]
    var date: Date
    var identifier: UUID
    var link: URL
    var choices: [Choice]
    var children: [PeerRecord]

    var description: String {
        var fields: [String: String] = [
            "integer": "i\(integer)", "unsigned": "i\(unsigned)", "small": "i\(small)", "short": "i\(short)",
            "wide": "i\(wide)", "double": Self.describe(double), "float": Self.describe(Double(float)),
            "flag": "\(flag)", "text": Self.describe(text), "data": Self.describe(data),
            "bytes": Self.describe(bytes), "date": "d\(Int((date.timeIntervalSince1970 * 1_000).rounded()))",
            "identifier": "u" + identifier.uuidString.replacing("-", with: "").lowercased(),
            "link": "U" + Self.hex(link.absoluteString.utf8),
        ]
        fields["doubles"] = "Td" + Self.list(doubles.map(Self.describe))
        fields["floats"] = "Tf" + Self.list(floats.map { Self.describe(Double($0)) })
        fields["ints"] = "Tq" + Self.list(ints.map { "i\($0)" })
        fields["words"] = "TI" + Self.list(words.map { "i\($0)" })
        fields["shorts"] = "Th" + Self.list(shorts.map { "i\($0)" })
        fields["texts"] = Self.list(texts.map(Self.describe))
        fields["flags"] = Self.list(flags.map { "\($0)" })
        fields["table"] = Self.map(table.mapValues(Self.describe))
        fields["numbered"] = Self.map(numbered.mapValues(Self.describe))
        fields["choices"] = Self.list(
            choices.map { choice in
                switch choice {
                case .started: Self.map(["started": Self.map([:])])
                case .named(let name): Self.map(["named": Self.map(["_0": Self.describe(name)])])
                case .moved(let x, let y):
                    Self.map(["moved": Self.map(["x": Self.describe(x), "y": Self.describe(y)])])
                }
            })
        fields["children"] = Self.list(children.map(\.description))
        if let maybe { fields["maybe"] = "i\(maybe)" }
        return Self.map(fields)
    }

    private static func describe(_ value: Double) -> String {
        if value.isNaN { return "fnan" }
        let digits = String(value.bitPattern, radix: 16)
        return "f" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func describe(_ value: String) -> String { "s" + hex(value.utf8) }

    private static func describe(_ value: Data) -> String { "h" + hex(value) }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private static func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    private static func map(_ items: [String: String]) -> String {
        "{" + items.map { describe($0.key) + "=" + $0.value }.sorted().joined(separator: ",") + "}"
    }
}
