import CBOR
import Foundation
import TestSupport
import Testing

/// Random programs of container calls, held against `JSONEncoder` and `PropertyListEncoder`, and read back by random
/// calls.
@Suite struct RandomCallsTests {
    static func json(_ program: CallProgram) throws -> JSONValue {
        JSONValue(try JSONSerialization.jsonObject(with: JSONEncoder().encode(program)))
    }

    static func propertyList(_ program: CallProgram) throws -> JSONValue {
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        return JSONValue(unsafe try PropertyListSerialization.propertyList(from: encoder.encode(program), format: nil))
    }

    /// What is wrong with how `program` is encoded; nil where nothing is.
    static func fault(_ program: CallProgram, seed: UInt64) -> String? {
        do {
            let expected = try ReferenceEncoder.encode(program)
            if program.isOrderly {
                let (json, list) = (try json(program), try propertyList(program))
                guard json == expected, list == expected else {
                    return "reference \(expected)\nJSON \(json)\nproperty list \(list)"
                }
            }
            let bytes = try CBOREncoder().encode(program)
            try CBORValidation.check(bytes)
            guard try LendingTests.joined(program) == bytes else { return "other bytes where arrays are lent" }
            let value = try CBORDecoder().decode(AnyItem.self, from: bytes).value
            guard value == expected else { return "CBOR \(value)\nreference \(expected)" }
            try RandomReading.check(bytes, against: expected, seed: seed)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func everyProgramOfCallsGivesWhatOthersGive() throws {
        let seed = testSeed()
        var maker = CallProgram.Maker(seed: seed)
        let count = isLongRun ? 100_000 : isShortRun ? 1_000 : 5_000
        var orderly = 0
        for number in 0..<count {
            let program = maker.program()
            if program.isOrderly { orderly += 1 }
            let readingSeed = seed &+ UInt64(number)
            guard Self.fault(program, seed: readingSeed) != nil else { continue }
            let smallest = program.smallest { Self.fault($0, seed: readingSeed) != nil }
            let fault = Self.fault(smallest, seed: readingSeed) ?? ""
            Issue.record("program \(number) of seed \(seed):\n\(smallest)\n\(fault)")
            return
        }
        tellCounts("RandomCalls", ["programs": count, "orderly": orderly])
        #expect(
            orderly * 5 > count && orderly * 5 < count * 4,
            "\(orderly) of \(count) could be held against Foundation's coders")
    }

    /// A fault is made small: here a made-up one, a list in a list beside a text.
    @Test func aProgramThatFailsIsMadeSmall() throws {
        var maker = CallProgram.Maker(seed: 3)
        func isBad(_ program: CallProgram) -> Bool {
            guard let value = try? ReferenceEncoder.encode(program) else { return false }
            return "\(value)".contains("array([CBORTests.JSONValue.array") && "\(value)".contains("longer")
        }
        let program = try #require(
            (0..<2_000).lazy.map { _ in maker.program() }.first { isBad($0) && "\($0)".count > 2_000 })
        let smallest = program.smallest(isBad)
        #expect(isBad(smallest) && "\(smallest)".count < 800, "\(smallest)")
    }
}

/// A value read by random calls, each of which has to give what is there.
private enum RandomReading {
    struct Wrong: Error, CustomStringConvertible { var description: String }

    static func check(_ bytes: [UInt8], against value: JSONValue, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        try unsafe bytes.withUnsafeBytes { bytes in
            unsafe try CBORDecoder().decode(from: bytes) { try read($0, value, &generator) }
        }
    }

    private static func read(
        _ decoder: any Decoder, _ expected: JSONValue, _ generator: inout SeededGenerator
    ) throws {
        switch expected {
        case .object(let entries): try read(decoder.container(keyedBy: CallProgram.AnyKey.self), entries, &generator)
        case .array(let items):
            var list = try decoder.unkeyedContainer()
            for (index, item) in items.enumerated() {
                guard list.currentIndex == index, !list.isAtEnd else { throw Wrong(description: "index \(index)") }
                // A type that is wrong moves nothing.
                if generator.isOne(in: 3), (try? list.decode(Never.self)) != nil { throw Wrong(description: "Never") }
                if generator.isOne(in: 3), case .object = item, (try? list.nestedUnkeyedContainer()) != nil {
                    throw Wrong(description: "a map is no array")
                }
                switch (generator.number(below: 4), item) {
                case (0, .object(let entries)):
                    try read(list.nestedContainer(keyedBy: CallProgram.AnyKey.self), entries, &generator)
                case (1, _): try read(list.superDecoder(), item, &generator)
                default: try same(list.decode(AnyItem.self).value, item)
                }
            }
            guard list.isAtEnd, (try? list.decode(AnyItem.self)) == nil else {
                throw Wrong(description: "an item more")
            }
        default: try same(decoder.singleValueContainer().decode(AnyItem.self).value, expected)
        }
    }

    private static func read(
        _ map: KeyedDecodingContainer<CallProgram.AnyKey>, _ entries: [String: JSONValue],
        _ generator: inout SeededGenerator
    ) throws {
        guard Set(map.allKeys.map(\.stringValue)) == Set(entries.keys), map.allKeys.count == entries.count else {
            throw Wrong(description: "the keys \(map.allKeys)")
        }
        var keys = entries.keys.sorted()
        if generator.isOne(in: 2) { keys.shuffle(using: &generator) }
        for name in keys {
            guard let item = entries[name] else { continue }
            let key = CallProgram.AnyKey(name)
            if generator.isOne(in: 4), map.contains(.init(name + "?")) {
                throw Wrong(description: "a key that is not there")
            }
            switch (generator.number(below: 5), item) {
            case (0, .object(let entries)):
                try read(map.nestedContainer(keyedBy: CallProgram.AnyKey.self, forKey: key), entries, &generator)
            case (1, _): try read(map.superDecoder(forKey: key), item, &generator)
            case (2, .integer(let number)): try same(.integer(map.decode(Int64.self, forKey: key)), .integer(number))
            case (2, .text(let text)): try same(.text(map.decode(String.self, forKey: key)), .text(text))
            case (3, _): try same(map.decodeIfPresent(AnyItem.self, forKey: key)?.value ?? .null, item)
            default: try same(map.decode(AnyItem.self, forKey: key).value, item)
            }
        }
    }

    private static func same(_ found: JSONValue, _ expected: JSONValue) throws {
        if found != expected { throw Wrong(description: "read \(found), not \(expected)") }
    }
}
