import FoundationEssentials

/// A small generator of random numbers that a seed determines wholly: SplitMix64 (Steele, Lea and Flood, 2014).
/// Inlinable, since whatever draws from it is in another module, and draws often.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    @inlinable package init(seed: UInt64) { state = seed }

    @inlinable package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in `0..<bound`; the bias of the remainder does not matter to tests.
    @inlinable package mutating func number(below bound: Int) -> Int {
        bound <= 1 ? 0 : Int(truncatingIfNeeded: next() % UInt64(bound))
    }

    /// True once in `count` times.
    @inlinable package mutating func isOne(in count: Int) -> Bool { number(below: count) == 0 }

    @inlinable package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// The seed of one test, printed so that a failure can be repeated.
///
/// The environment variable `CHECKPOINT_LOG_SEED` overrides `standard`: a number, or `random` for a new one each time.
package func testSeed(_ standard: UInt64 = 1, test: String = #function) -> UInt64 {
    let wanted = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_SEED"]
    let seed = wanted == "random" ? UInt64.random(in: 0 ... .max) : wanted.flatMap { UInt64($0) } ?? standard
    print("\(test): CHECKPOINT_LOG_SEED=\(seed)")
    return seed
}
