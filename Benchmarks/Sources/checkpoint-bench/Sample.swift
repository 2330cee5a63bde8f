import CBOR

/// The state that the small workloads checkpoint: nine fields, about 115 bytes encoded.
struct Sample: Codable, Sendable, Equatable {
    var step: Int
    var seed: UInt64
    var time: Double
    var energy: Double
    var name: String
    var phase: String
    var tags: [String]
    var weights: [Float]
    var isDone: Bool

    init(_ number: Int) {
        step = number
        seed = UInt64(truncatingIfNeeded: number &* 0x9E37_79B9)
        time = Double(number) * 0.001
        energy = -1.0 / Double(number + 1)
        name = "walker"
        phase = "burn-in"
        tags = ["a", "mcmc"]
        weights = [0.1, 0.2, 0.3, Float(number)]
        isDone = false
    }

    static func encoded(_ number: Int) -> [UInt8] {
        guard let bytes = try? CBOREncoder().encode(Sample(number)) else { preconditionFailure("The sample encodes.") }
        return bytes
    }
}

/// A generator whose numbers are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Doubles that do not compress, or that do.
func doubles(count: Int, isNoisy: Bool, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed)
    if isNoisy { return (0..<count).map { _ in Double(bitPattern: generator.next() >> 2) } }
    return (0..<count).map { Double($0 / 64) * 0.5 }
}
