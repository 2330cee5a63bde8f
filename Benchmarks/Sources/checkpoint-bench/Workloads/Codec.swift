import CBOR
import Foundation

/// W13: the coder alone, beside Foundation's JSON coder.
struct Codec: Workload {
    enum Shape: String, CaseIterable {
        case encodeStruct = "encode-struct"
        case decodeStruct = "decode-struct"
        case encodeDoubles = "encode-doubles"
        case decodeDoubles = "decode-doubles"
    }

    let shape: Shape

    var name: String { "codec-\(shape.rawValue)" }
    var unit: String { shape == .encodeStruct || shape == .decodeStruct ? "ns" : "ns/double" }
    let isRate = false

    private func doubleCount(_ isQuick: Bool) -> Int { isQuick ? 1 << 17 : 1 << 20 }

    func summary(isQuick: Bool) -> String {
        unit == "ns" ? "a struct of 9 fields" : "\(doubleCount(isQuick)) doubles"
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let count = doubleCount(isQuick)
        return [contender("ours", .ours, count, isJSON: false), contender("json", .peer, count, isJSON: true)]
            + (unit == "ns" ? [] : [memcpy(count)])
    }

    private func contender(_ name: String, _ role: Contender.Role, _ count: Int, isJSON: Bool) -> Contender {
        let shape = shape
        let repeats = isJSON ? 5_000 : 50_000
        return Contender(name: name, role: isJSON ? .peer : .ours) { _ in
            let sample = Sample(7)
            let values = doubles(count: count, isNoisy: false, seed: 1).map { $0 + 0.1 }
            let cbor = (try CBOREncoder().encode(sample), try CBOREncoder().encode(values))
            let json = (try JSONEncoder().encode(sample), try JSONEncoder().encode(values))
            let buffer = CBOREncodingBuffer()
            try buffer.encode(values)
            return Session {
                buffer.removeAll()
                switch shape {
                case .encodeStruct:
                    let time = try await seconds {
                        for _ in 0..<repeats {
                            if isJSON { _ = try JSONEncoder().encode(sample) } else {
                                buffer.removeAll()
                                try buffer.encode(sample)
                            }
                        }
                    }
                    return time / Double(repeats) * 1e9
                case .decodeStruct:
                    let time = try await seconds {
                        for _ in 0..<repeats {
                            _ = isJSON ? try JSONDecoder().decode(Sample.self, from: json.0) : try CBORDecoder().decode(Sample.self, from: cbor.0)
                        }
                    }
                    return time / Double(repeats) * 1e9
                case .encodeDoubles:
                    let time = try await seconds {
                        if isJSON { _ = try JSONEncoder().encode(values) } else { try buffer.encode(values) }
                    }
                    return time / Double(count) * 1e9
                case .decodeDoubles:
                    let time = try await seconds {
                        _ = isJSON ? try JSONDecoder().decode([Double].self, from: json.1) : try CBORDecoder().decode([Double].self, from: cbor.1)
                    }
                    return time / Double(count) * 1e9
                }
            }
        }
    }

    private func memcpy(_ count: Int) -> Contender {
        let isFresh = shape == .decodeDoubles
        return Contender(name: "memcpy", role: .limit) { _ in
            let values = doubles(count: count, isNoisy: false, seed: 1)
            let target = Target(count)
            return Session {
                let time = try await seconds {
                    if isFresh { target.values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
                        _ = buffer.initialize(from: values)
                        filled = count
                    } } else {
                        target.values.withUnsafeMutableBufferPointer { target in
                            values.withUnsafeBufferPointer { _ = target.update(from: $0) }
                        }
                    }
                }
                return time / Double(count) * 1e9
            }
        }
    }

    private final class Target: @unchecked Sendable {
        var values: [Double]

        init(_ count: Int) { values = [Double](repeating: 1, count: count) }
    }
}
