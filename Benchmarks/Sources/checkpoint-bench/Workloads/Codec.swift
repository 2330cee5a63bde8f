import CBOR
import Foundation

/// W13: the coder alone, which every checkpoint and restore pays, beside Foundation's JSON coder, its default for a
/// Swift user.
///
/// Each side keeps its coder and ours its buffer, as the engine does. Times are for each struct, or for each double of
/// an array; JSON codes an eighth of the doubles, which is linear and slow enough. The limit for doubles is `memcpy` of
/// the same. "Codable alone" is the same code of the type with a coder that writes nothing and gives constants:
/// containers, keys and witnesses, which every coder pays. Arrays of doubles
/// are over 32 MiB, so that fresh ones have fresh pages on both sides; see ``RestoreLarge``.
struct Codec: Workload {
    enum Shape: String, CaseIterable {
        case encodeStruct = "encode-struct"
        case decodeStruct = "decode-struct"
        case encodeStructDirect = "encode-struct-direct"
        case encodeStructs = "encode-structs"
        case encodeStructsDirect = "encode-structs-direct"
        case decodeStructs = "decode-structs"
        case encodeDoubles = "encode-doubles"
        case decodeDoubles = "decode-doubles"
    }

    let shape: Shape

    var name: String { "codec-\(shape.rawValue)" }
    var unit: String { isOfDoubles ? "ns/double" : "ns/struct" }
    let isRate = false

    private var isOfDoubles: Bool { shape == .encodeDoubles || shape == .decodeDoubles }

    private func count(_ isQuick: Bool) -> Int {
        switch shape {
        case .encodeStruct, .encodeStructDirect, .decodeStruct: isQuick ? 5_000 : 50_000
        case .encodeStructs, .encodeStructsDirect, .decodeStructs: isQuick ? 10_000 : 100_000
        case .encodeDoubles, .decodeDoubles: isQuick ? 5 << 20 : 8 << 20
        }
    }

    func summary(isQuick: Bool) -> String {
        switch shape {
        case .encodeStruct, .decodeStruct: "a struct of 9 fields, \(count(isQuick)) times"
        case .encodeStructDirect: "a struct of 9 fields that writes its own map, \(count(isQuick)) times"
        case .encodeStructsDirect: "an array of \(count(isQuick)) structs of 3 fields that write their own maps"
        case .encodeStructs, .decodeStructs: "an array of \(count(isQuick)) structs of 3 fields"
        case .encodeDoubles, .decodeDoubles: "an array of \(count(isQuick)) doubles"
        }
    }

    func contenders(isQuick: Bool) throws -> [Contender] {
        let count = count(isQuick)
        let jsonCount = isOfDoubles ? count / 8 : count
        let limit = isOfDoubles ? [memcpy(count)] : []
        switch shape {
        case .encodeStruct: return encoding(Sample(7), repeats: count, elements: 1)
        case .encodeStructDirect:
            return [ours(encoding: DirectSample(7), count, 1), json(encoding: Sample(7), count, 1)]
        case .encodeStructsDirect:
            return [
                ours(encoding: (0..<count).map { DirectParticle($0) }, 1, count),
                json(encoding: (0..<count).map { Particle($0) }, 1, count),
            ]
        case .decodeStruct: return decoding(Sample(7), repeats: count, elements: 1)
        case .encodeStructs: return encoding((0..<count).map { Particle($0) }, repeats: 1, elements: count)
        case .decodeStructs: return decoding((0..<count).map { Particle($0) }, repeats: 1, elements: count)
        case .encodeDoubles:
            return [ours(encoding: Self.values(count), 1, count), json(encoding: Self.values(jsonCount), 1, jsonCount)]
                + limit
        case .decodeDoubles:
            return [ours(decoding: Self.values(count), 1, count), json(decoding: Self.values(jsonCount), 1, jsonCount)]
                + limit
        }
    }

    private static func values(_ count: Int) -> [Double] {
        doubles(count: count, isNoisy: false, seed: 1).enumerated().map { $1 + Double($0) * 0.1 }
    }

    private func encoding<Value: Codable & Sendable>(_ value: Value, repeats: Int, elements: Int) -> [Contender] {
        [
            ours(encoding: value, repeats, elements), json(encoding: value, repeats, elements),
            contender("Codable alone", .shown, repeats, elements) { { try value.encode(to: NullEncoder()) } },
        ]
    }

    private func decoding<Value: Codable & Sendable>(_ value: Value, repeats: Int, elements: Int) -> [Contender] {
        [
            ours(decoding: value, repeats, elements), json(decoding: value, repeats, elements),
            contender("Codable alone", .shown, repeats, elements) {
                { _ = try Value(from: ConstantDecoder(elementCount: elements == 1 ? 2 : elements)) }
            },
        ]
    }

    private func ours<Value: Codable & Sendable>(encoding value: Value, _ repeats: Int, _ elements: Int) -> Contender {
        contender("ours", .ours, repeats, elements) {
            let buffer = CBOREncodingBuffer()
            return {
                buffer.removeAll()
                try buffer.encode(value)
            }
        }
    }

    private func json<Value: Codable & Sendable>(encoding value: Value, _ repeats: Int, _ elements: Int) -> Contender {
        contender("json", .peer, repeats, elements) {
            let encoder = JSONEncoder()
            return { _ = try encoder.encode(value) }
        }
    }

    private func ours<Value: Codable & Sendable>(decoding value: Value, _ repeats: Int, _ elements: Int) -> Contender {
        contender("ours", .ours, repeats, elements) {
            let bytes = try CBOREncoder().encode(value)
            let decoder = CBORDecoder()
            return { _ = try decoder.decode(Value.self, from: bytes) }
        }
    }

    private func json<Value: Codable & Sendable>(decoding value: Value, _ repeats: Int, _ elements: Int) -> Contender {
        contender("json", .peer, repeats, elements) {
            let bytes = try JSONEncoder().encode(value)
            let decoder = JSONDecoder()
            return { _ = try decoder.decode(Value.self, from: bytes) }
        }
    }

    private func contender(
        _ name: String, _ role: Contender.Role, _ repeats: Int, _ elements: Int,
        _ prepare: @escaping @Sendable () throws -> @Sendable () throws -> Void
    ) -> Contender {
        Contender(name: name, role: role) { _ in
            let code = try prepare()
            return Session {
                let time = try await seconds { for _ in 0..<repeats { try code() } }
                return time / Double(repeats * elements) * 1e9
            }
        }
    }

    /// Into memory that was used before, as an encoder does it; into a fresh array, as a decoder must.
    private func memcpy(_ count: Int) -> Contender {
        let isFresh = shape == .decodeDoubles
        return Contender(name: "memcpy", role: .limit) { _ in
            let values = Self.values(count)
            let target = Target(count)
            return Session {
                let time = await seconds {
                    if isFresh {
                        target.values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
                            _ = buffer.initialize(from: values)
                            filled = count
                        }
                    } else {
                        target.values.withUnsafeMutableBufferPointer { target in
                            values.withUnsafeBufferPointer { _ = target.update(from: $0) }
                        }
                    }
                }
                return time / Double(count) * 1e9
            }
        }
    }

    /// Used by the one task that measures.
    private final class Target: @unchecked Sendable {
        var values: [Double]

        init(_ count: Int) { values = [Double](repeating: 1, count: count) }
    }
}
