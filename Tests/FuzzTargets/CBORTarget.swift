import CBOR
import FoundationEssentials

/// Decoding of CBOR as types of every kind. The input's first byte chooses the type.
enum CBORTarget {
    struct Sample: Codable, Equatable {
        var step: Int
        var loss: Double
        var name: String
        var tags: [String]
        var weights: [Float]
        var isDone: Bool?
        var nested: [Sample]
    }

    enum Event: Codable, Equatable {
        case started
        case moved(x: Double, y: Double)
        case named(String)
    }

    struct Odd: Codable, Equatable {
        var date: Date
        var identifier: UUID
        var link: URL
        var amount: Decimal
        var data: Data
        var table: [Int: String]
        var events: [Event]
    }

    private static let attempts: [@Sendable ([UInt8]) -> Void] = [
        { decode(Int.self, $0) }, { decode(UInt64.self, $0) }, { decode(Double.self, $0) },
        { decode(Float.self, $0) }, { decode(String.self, $0) }, { decode(Bool.self, $0) },
        { decode([Int].self, $0) }, { decode([UInt8].self, $0) }, { decode([Int16].self, $0) },
        { decode([Double].self, $0) }, { decode([Float].self, $0) }, { decode([[Int32]].self, $0) },
        { decode([String: Int].self, $0) }, { decode([Int: [String]].self, $0) }, { decode(Data.self, $0) },
        { decode(Date.self, $0) }, { decode(URL.self, $0) }, { decode(UUID.self, $0) }, { decode(Decimal.self, $0) },
        { decode(Sample.self, $0) }, { decode([Sample].self, $0) }, { decode(Event.self, $0) },
        { decode([Event?].self, $0) }, { decode(Odd.self, $0) }, { decode([UInt64?].self, $0) },
        { decode(Anything.self, $0) },
    ]

    static func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        var isWellFormed = true
        do throws(CBORError) { try CBORValidation.check(bytes) } catch { isWellFormed = false }
        _ = CBORDiagnostic.text(of: bytes)
        attempts[Int(first) % attempts.count](bytes)
        if !isWellFormed {
            precondition(
                (try? CBORDecoder().decode(Anything.self, from: bytes)) == nil, "What is no CBOR has no value.")
        }
    }

    /// A value that was decoded comes back, once it has had the form that this encoder gives it.
    private static func decode<Value: Codable>(_ type: Value.Type, _ bytes: [UInt8]) {
        let value: Value
        do {
            value = try CBORDecoder().decode(type, from: bytes)
        } catch {
            precondition(error is DecodingError, "\(error)")
            return
        }
        // A value may be one that cannot be encoded, such as a date out of range.
        guard let once = try? CBOREncoder().encode(value) else { return }
        do {
            let again = try CBOREncoder().encode(CBORDecoder().decode(type, from: once))
            precondition(again.count == once.count, "\(type) comes back.")
        } catch {
            preconditionFailure("\(type) does not come back: \(error)")
        }
    }

    /// Whatever the bytes hold, by asking in turn.
    indirect enum Anything: Codable {
        case null, bool(Bool), integer(Int64), double(Double), text(String), list([Anything]), map([String: Anything])

        init(from decoder: any Decoder) throws {
            if var list = try? decoder.unkeyedContainer() {
                var items: [Anything] = []
                while !list.isAtEnd { items.append(try list.decode(Anything.self)) }
                self = .list(items)
                return
            }
            let single = try decoder.singleValueContainer()
            if single.decodeNil() {
                self = .null
            } else if let value = try? single.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? single.decode(Int64.self) {
                self = .integer(value)
            } else if let value = try? single.decode(Double.self) {
                // An integer beyond 64 bits, rounded to one within, comes back as that.
                self = Int64(exactly: value).map { .integer($0) } ?? .double(value)
            } else if let value = try? single.decode(String.self) {
                self = .text(value)
            } else {
                self = .map(try single.decode([String: Anything].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var single = encoder.singleValueContainer()
            switch self {
            case .null: try single.encodeNil()
            case .bool(let value): try single.encode(value)
            case .integer(let value): try single.encode(value)
            case .double(let value): try single.encode(value)
            case .text(let value): try single.encode(value)
            case .list(let value): try single.encode(value)
            case .map(let value): try single.encode(value)
            }
        }
    }

    private struct Vector: Decodable {
        var cbor: String
    }

    /// The examples of RFC 8949, as numbers, lists and anything, and one value of each type.
    static func seeds() throws -> [[UInt8]] {
        let url = FuzzTarget.tests.appending(path: "CBORTests/Vectors/cbor-appendix-a.json")
        let vectors = try JSONDecoder().decode([Vector].self, from: Data(contentsOf: url))
        var seeds: [[UInt8]] = []
        for (index, vector) in vectors.enumerated() {
            guard let data = Data(base64Encoded: vector.cbor) else { continue }
            seeds.append([UInt8(index % attempts.count)] + data)
            seeds.append([UInt8(attempts.count - 1)] + data)
        }
        let sample = Sample(
            step: 3, loss: 0.25, name: "run", tags: ["a", "ü"], weights: [1, 2], isDone: nil,
            nested: [Sample(step: -1, loss: .nan, name: "", tags: [], weights: [], isDone: true, nested: [])])
        let odd = Odd(
            date: Date(timeIntervalSince1970: 1.5), identifier: UUID(), link: URL(filePath: "/a"), amount: 12.5,
            data: Data([1, 2]), table: [1: "a"], events: [.started, .moved(x: 1, y: 2), .named("b")])
        seeds.append([19] + (try CBOREncoder().encode(sample)))
        seeds.append([20] + (try CBOREncoder().encode([sample, sample])))
        seeds.append([23] + (try CBOREncoder().encode(odd)))
        seeds.append([9] + (try CBOREncoder().encode([1.0, 2.5])))
        seeds.append([11] + (try CBOREncoder().encode([[Int32(1)], [2, 3]])))
        return seeds
    }
}
