/// Which replacement of the manifest was in force, as one word with check bits: seven bytes of number and one byte of
/// these.
///
/// It tells a manifest that is older than what was known, and nothing else.
package struct ManifestGeneration: Hashable, Sendable {
    /// Numbers from here on have no room in the word; no log gets there.
    private static let limit: UInt64 = 1 << 56

    package var number: UInt64

    /// Nil for a number that has no room in the word.
    package init?(_ number: UInt64) {
        guard number < Self.limit else { return nil }
        self.number = number
    }

    /// A word read from a disk; nil when its check bits are wrong, as those of a zero word are.
    package init?(word: UInt64) {
        guard UInt8(truncatingIfNeeded: word) == CheckBits.of(word >> 8) else { return nil }
        number = word >> 8
    }

    package var word: UInt64 { number << 8 | UInt64(CheckBits.of(number)) }

    /// Whether a manifest of `generation` was replaced before this was stated.
    package func isNewer(than generation: UInt64) -> Bool { number > generation }
}

/// Check bits of a word that is stored whole or not at all. FORMAT.md, "Log positions".
package enum CheckBits {
    /// The upper eight bits of a product modulo 2⁶⁴; the addend keeps a zero word from passing.
    package static func of(_ bits: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: ((bits &+ 0x5851_F42D_4C95_7F2D) &* 0x9E37_79B9_7F4A_7C15) >> 56)
    }
}
