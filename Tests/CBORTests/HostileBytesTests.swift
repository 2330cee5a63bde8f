import CBOR
import Testing

/// Bytes that mean harm give errors: no trap, no endless loop, no allocation of what they claim.
@Suite struct HostileBytesTests {
    static func sample() throws -> [UInt8] {
        try CBOREncoder().encode([RoundTripTests.Sample(), RoundTripTests.Sample()])
    }

    @Test func everyTruncationIsAnError() throws {
        let bytes = try Self.sample()
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) {
                try CBORDecoder().decode([RoundTripTests.Sample].self, from: Array(bytes[..<count]))
            }
        }
    }

    @Test func everyFlippedBitIsAnErrorOrAValue() throws {
        let bytes = try Self.sample()
        var failures = 0
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << (bit % 8)
            if (try? CBORDecoder().decode([RoundTripTests.Sample].self, from: flipped)) == nil { failures += 1 }
        }
        #expect(failures > bytes.count)
    }

    @Test(arguments: [0x81, 0x9F, 0xC1, 0xD8] as [UInt8]) func aMillionLevelsAreAnError(byte: UInt8) {
        let bytes = [UInt8](repeating: byte, count: 1_000_000) + [0]
        #expect(throws: CBORError.self) { try CBORValidation.check(bytes) }
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([[Int]].self, from: bytes) }
    }

    @Test(
        arguments: [
            [0x9B, 0x80, 0, 0, 0, 0, 0, 0, 0], [0xBB, 0x80, 0, 0, 0, 0, 0, 0, 0],
            [0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x7B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            [0xD8, 0x56, 0x5B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF8],
        ] as [[UInt8]]) func hugeCountsAreErrors(bytes: [UInt8])
    {
        #expect(throws: CBORError.self) { try CBORValidation.check(bytes) }
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([Double].self, from: bytes) }
        #expect(throws: DecodingError.self) { try CBORDecoder().decode([String: Int].self, from: bytes) }
    }

    @Test func invalidUTF8AndTrailingBytesAreErrors() {
        #expect(throws: DecodingError.self) { try CBORDecoder().decode(String.self, from: [0x62, 0xC3, 0x28]) }
        #expect(throws: DecodingError.self) { try CBORDecoder().decode(Int.self, from: [0x01, 0x02]) }
    }
}
