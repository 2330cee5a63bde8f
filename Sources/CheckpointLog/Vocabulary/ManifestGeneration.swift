/// Which replacement of the manifest was in force, as one word with check bits: seven bytes of number and one byte of
/// check bits.
///
/// It only serves to detect a manifest that is older than one that was known.
package struct ManifestGeneration: Hashable, Sendable {
    /// The first number that does not fit into the word; no log gets there.
    private static let limit: UInt64 = 1 << 56

    package var number: UInt64

    /// Nil if the number does not fit into the word.
    package init?(_ number: UInt64) {
        guard number < Self.limit else { return nil }
        self.number = number
    }

    /// A word from a disk; nil if its check bits are wrong, as those of a zero word are.
    package init?(word: UInt64) {
        guard UInt8(truncatingIfNeeded: word) == CheckBits.of(word >> 8) else { return nil }
        number = word >> 8
    }

    package var word: UInt64 { number << 8 | UInt64(CheckBits.of(number)) }

    /// Whether the manifest of `generation` had been replaced when this was stated.
    package func isNewer(than generation: UInt64) -> Bool { number > generation }
}

/// Check bits of a word that is stored as a whole or not at all. FORMAT.md, "Log positions".
package enum CheckBits {
    /// The upper eight bits of a product modulo 2⁶⁴. The addend makes the check of a zero word fail.
    package static func of(_ bits: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: ((bits &+ 0x5851_F42D_4C95_7F2D) &* 0x9E37_79B9_7F4A_7C15) >> 56)
    }
}
