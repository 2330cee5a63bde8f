import Foundation
import TestSupport

/// What both sides of PeerTests exchange: a field for every form the coder has.
struct PeerRecord: Codable, Equatable {
    enum Choice: Codable, Equatable {
        case started
        case named(String)
        case moved(x: Double, y: Double)
    }

    var integer: Int
    var unsigned: UInt64
    var small: Int8
    var short: UInt16
    var wide: Int32
    var huge: Int128
    var vast: UInt128
    var double: Double
    var float: Float
    var flag: Bool
    var text: String
    var maybe: Int?
    var data: Data
    var bytes: [UInt8]
    var doubles: [Double]
    var floats: [Float]
    var ints: [Int]
    var words: [UInt32]
    var shorts: [Int16]
    var texts: [String]
    var flags: [Bool]
    var table: [String: Double]
    var numbered: [Int: String]
    var date: Date
    var identifier: UUID
    var link: URL
    var amount: Decimal
    var choices: [Choice]
    var children: [PeerRecord]
}

// MARK: - Descriptions, as peer.py makes them

extension PeerRecord {
    var description: String {
        var fields = [
            ("integer", Self.of(integer)), ("unsigned", Self.of(unsigned)), ("small", Self.of(small)),
            ("short", Self.of(short)), ("wide", Self.of(wide)), ("huge", Self.of(huge)), ("vast", Self.of(vast)),
            ("double", Self.of(double)), ("float", Self.of(Double(float))), ("flag", "\(flag)"),
            ("text", Self.of(text)), ("data", "h" + Self.hex(data)), ("bytes", "h" + Self.hex(bytes)),
            ("doubles", "Td" + Self.list(doubles.map(Self.of))),
            ("floats", "Tf" + Self.list(floats.map { Self.of(Double($0)) })),
            ("ints", "Tq" + Self.list(ints.map { Self.of($0) })),
            ("words", "TI" + Self.list(words.map { Self.of($0) })),
            ("shorts", "Th" + Self.list(shorts.map { Self.of($0) })),
            ("texts", Self.list(texts.map(Self.of))), ("flags", Self.list(flags.map { "\($0)" })),
            ("table", Self.map(table.map { ($0.key, Self.of($0.value)) })),
            ("numbered", Self.map(numbered.map { ("\($0.key)", Self.of($0.value)) })),
            ("date", "d\(Int((date.timeIntervalSince1970 * 1000).rounded()))"),
            ("identifier", "u" + identifier.uuidString.lowercased().filter { $0 != "-" }),
            ("link", "U" + Self.hex(link.absoluteString.utf8)), ("amount", Self.of(amount)),
            ("choices", Self.list(choices.map(Self.of))), ("children", Self.list(children.map(\.description))),
        ]
        if let maybe { fields.append(("maybe", Self.of(maybe))) }
        return Self.map(fields)
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    private static func of(_ value: some BinaryInteger) -> String { "i\(value)" }
    private static func of(_ value: String) -> String { "s" + hex(value.utf8) }
    private static func of(_ value: Double) -> String {
        value.isNaN ? "fnan" : "f" + String(format: "%016lx", value.bitPattern)
    }

    /// The digits without zeros at their end, and the power of ten.
    private static func of(_ value: Decimal) -> String {
        if value.isNaN { return "Dnan" }
        if value == 0 { return "D0e0" }
        var digits = "\(value.significand.magnitude)"
        var exponent = value.exponent
        while digits.hasSuffix("0") { digits.removeLast(); exponent += 1 }
        return "D\(value < 0 ? "-" : "")\(digits)e\(exponent)"
    }

    private static func of(_ choice: Choice) -> String {
        switch choice {
        case .started: map([("started", map([]))])
        case .named(let name): map([("named", map([("_0", of(name))]))])
        case .moved(let x, let y): map([("moved", map([("x", of(x)), ("y", of(y))]))])
        }
    }

    private static func list(_ items: [String]) -> String { "[" + items.joined(separator: ",") + "]" }

    private static func map(_ entries: [(String, String)]) -> String {
        "{" + entries.map { of($0.0) + "=" + $0.1 }.sorted().joined(separator: ",") + "}"
    }
}

// MARK: - Generated values

extension SeededGenerator {
    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(next() % UInt64(values.count))] }

    mutating func several<Value>(_ make: (inout Self) -> Value) -> [Value] {
        (0..<pick([0, 1, 3, 30])).map { _ in make(&self) }
    }

    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer {
        switch next() % 4 {
        case 0: pick([.min, .max])
        case 1: .random(in: .min ... .max, using: &self)
        default:
            Integer(clamping: pick([0, 23, 24, 255, 256, -1, -24, -25, 65_535, 65_536, 1 << 32, -1 << 32]))
        }
    }

    mutating func double() -> Double {
        pick([
            0, -0.0, 1.5, 0.1, 65_504, 65_505, 0x1p-24, 0x1p-14, 0x1p-25, 3.402_823_466_385_288_6e38,
            .leastNonzeroMagnitude, 1e300,
            .infinity, -.infinity, .nan, Double.random(in: -1e9...1e9, using: &self), Double(bitPattern: next()),
        ])
    }

    mutating func text() -> String {
        pick([
            "", "a", "e\u{301}", "\u{e9}", "\0", "\u{10FFFF}", "\u{FEFF}mark", "אב", "👩‍👧", "fifteen bytes..",
            "sixteen bytes...", "\u{2028}\u{2029}", String(repeating: "x", count: 300),
        ])
    }
}

extension PeerRecord {
    init(using random: inout SeededGenerator, depth: Int = 0) {
        integer = random.integer()
        unsigned = random.integer()
        small = random.integer()
        short = random.integer()
        wide = random.integer()
        huge = random.integer()
        vast = random.integer()
        double = random.double()
        float = Float(random.double())
        flag = random.next() % 2 == 0
        text = random.text()
        maybe = random.next() % 2 == 0 ? random.integer() : nil
        data = Data(random.several { $0.integer(UInt8.self) })
        bytes = random.several { $0.integer() }
        doubles = random.several { $0.double() }
        floats = random.several { Float($0.double()) }
        ints = random.several { $0.integer() }
        words = random.several { $0.integer() }
        shorts = random.several { $0.integer() }
        texts = random.several { $0.text() }
        flags = random.several { $0.next() % 2 == 0 }
        let keys = ["", "a", "ü", "🚀", "key with spaces", String(repeating: "k", count: 40), "0"]
        table = [:]
        for _ in 0..<random.next() % 5 { table[random.pick(keys)] = random.double() }
        numbered = [:]
        for _ in 0..<random.next() % 5 { numbered[random.integer()] = random.text() }
        date = Date(
            timeIntervalSince1970: Double(Int.random(in: -1_000_000_000_000...4_000_000_000_000, using: &random)) / 1000
        )
        identifier = UUID(
            uuid: (
                random.integer(), random.integer(), 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, random.integer()
            ))
        link = URL(string: "https://example.org/?q=\(random.next() % 1000)") ?? URL(filePath: "/")
        let magnitude = Decimal(string: "\(random.integer(UInt64.self))\(random.next() % 1_000_000_000)") ?? 0
        amount = Decimal(
            sign: random.pick([.plus, .minus]), exponent: random.pick([-30, -3, 0, 7]), significand: magnitude)
        choices = random.several { random in
            random.pick([.started, .named(random.text()), .moved(x: random.double(), y: random.double())])
        }
        children = []
        for _ in 0..<(depth < 2 ? random.next() % 3 : 0) {
            children.append(PeerRecord(using: &random, depth: depth + 1))
        }
    }
}
