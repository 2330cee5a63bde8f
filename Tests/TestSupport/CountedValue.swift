/// A value that its key and its number determine wholly, so that a mixture of two shows.
///
/// ```swift
/// try await log.checkpoint(CountedValue(7, of: "state"), for: "state")
/// ```
package struct CountedValue: Codable, Equatable, Sendable {
    package let number: Int
    private let padding: [UInt8]

    package init(_ number: Int, of key: String) {
        self.number = number
        // FNV-1a.
        var salt: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in key.utf8 { salt = (salt ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let start = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15 &+ salt
        padding = (0..<Self.byteCount(number)).map { UInt8(truncatingIfNeeded: start >> 40 &+ UInt64($0) &* 31) }
    }

    package func isWhole(of key: String) -> Bool { self == CountedValue(number, of: key) }

    /// Mostly a few hundred bytes, at times what smaller limits call large, and seldom what all of them do.
    private static func byteCount(_ number: Int) -> Int {
        if number % 997 == 996 { return 100_000 }
        return number % 40 == 39 ? 20_000 : 200 + number % 300
    }
}
