import CBOR
import Foundation

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

    static func encoded(_ number: Int) throws -> [UInt8] { try CBOREncoder().encode(Sample(number)) }

    /// The mean of the encoded lengths of the samples 0..<`count`.
    static func meanByteCount(_ count: Int) throws -> Double {
        let buffer = CBOREncodingBuffer()
        let numbers = stride(from: 0, to: count, by: max(1, count / 1_000))
        for number in numbers { try buffer.encode(Sample(number)) }
        return Double(buffer.count) / Double(Array(numbers).count)
    }
}

/// The sample as a struct with `@Checkpointable` is encoded: what the macro writes, by hand, since the macro would have
/// swift-syntax built with the benchmarks.
struct DirectSample: Codable, Sendable, CBORMapEncodable {
    var sample: Sample

    init(_ number: Int) { sample = Sample(number) }
    init(from decoder: any Decoder) throws { sample = try Sample(from: decoder) }

    func encode(to encoder: any Encoder) throws { try sample.encode(to: encoder) }

    func encodeEntries(into map: CBORMapWriter) throws {
        try map.encode(sample.step, for: "step")
        try map.encode(sample.seed, for: "seed")
        try map.encode(sample.time, for: "time")
        try map.encode(sample.energy, for: "energy")
        try map.encode(sample.name, for: "name")
        try map.encode(sample.phase, for: "phase")
        try map.encode(sample.tags, for: "tags")
        try map.encode(sample.weights, for: "weights")
        try map.encode(sample.isDone, for: "isDone")
    }
}

/// A smaller one, of which many stand in an array: about 30 bytes encoded.
struct Particle: Codable, Sendable, Equatable {
    var id: Int
    var x: Double
    var y: Double

    init(_ number: Int) {
        id = number
        x = Double(number) * 0.1
        y = -Double(number) * 0.3
    }
}

/// As ``DirectSample``.
struct DirectParticle: Codable, Sendable, CBORMapEncodable {
    var particle: Particle

    init(_ number: Int) { particle = Particle(number) }
    init(from decoder: any Decoder) throws { particle = try Particle(from: decoder) }

    func encode(to encoder: any Encoder) throws { try particle.encode(to: encoder) }

    func encodeEntries(into map: CBORMapWriter) throws {
        try map.encode(particle.id, for: "id")
        try map.encode(particle.x, for: "x")
        try map.encode(particle.y, for: "y")
    }
}

/// A generator whose numbers are the same in every run (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014).
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

    /// A number in 0..<1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Ranks 0..<`count` by Zipf's law (Gray et al., "Quickly Generating Billion-Record Synthetic Databases", 1994), spread
/// over the numbers so that those asked for often do not lie side by side.
struct ZipfGenerator {
    private let count: Int
    private let theta: Double
    private let zeta: Double
    private let alpha: Double
    private let eta: Double

    init(count: Int, theta: Double) {
        self.count = count
        self.theta = theta
        zeta = (1...count).reduce(0) { $0 + pow(Double($1), -theta) }
        alpha = 1 / (1 - theta)
        eta = (1 - pow(2 / Double(count), 1 - theta)) / (1 - (1 + pow(0.5, theta)) / zeta)
    }

    func next(using generator: inout SeededGenerator) -> Int {
        let u = generator.unit()
        let rank: Int
        if u * zeta < 1 {
            rank = 0
        } else if u * zeta < 1 + pow(0.5, theta) {
            rank = 1
        } else {
            rank = min(count - 1, Int(Double(count) * pow(eta * u - eta + 1, alpha)))
        }
        var spread = SeededGenerator(UInt64(rank))
        return Int(spread.next() % UInt64(count))
    }
}

/// Doubles that do not compress, or that do.
func doubles(count: Int, isNoisy: Bool, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed)
    if isNoisy { return (0..<count).map { _ in Double(bitPattern: generator.next() >> 2) } }
    return (0..<count).map { Double($0 / 64) * 0.5 }
}
