import CBOR
import Foundation
import Testing

/// Values without an end, and deeper than the limit.
extension ContainerCallsTests {
    @Test func whatHasNoEndIsAnErrorOnASmallStackToo() throws {
        try onSmallThread {
            let cycle = Cycle()
            cycle.next = cycle
            defer { cycle.next = nil }
            var encoder = CBOREncoder()
            #expect(throws: EncodingError.self) { try encoder.encode(cycle) }
            encoder.depthLimit = .max
            #expect(throws: EncodingError.self) { try encoder.encode(cycle) }
            // Single values do not nest in the bytes.
            #expect(throws: EncodingError.self) { try encoder.encode(Endless()) }
            #expect(throws: DecodingError.self) { try CBORDecoder().decode(Endless.self, from: [0]) }
            let deep = [UInt8](repeating: 0x81, count: 100_000) + [0x80]
            var decoder = CBORDecoder()
            decoder.depthLimit = .max
            #expect(throws: DecodingError.self) { try decoder.decode(Chain.self, from: deep) }
            #expect(throws: DecodingError.self) { try CBORDecoder().decode(Chain.self, from: deep) }
        }
    }

    /// Puts 2 KiB on the stack between two values, and many times that where nothing is optimized and each variable is
    /// fenced in.
    struct Endless: Codable {
        struct Frame {
            var lanes = (SIMD64<Double>.zero, SIMD64<Double>.zero, SIMD64<Double>.zero, SIMD64<Double>.zero)
        }

        init() {}

        private static func onFrame<Result>(_ body: () throws -> Result) rethrows -> Result {
            var frame = Frame()
            unsafe withUnsafeMutableBytes(of: &frame) { unsafe $0.storeBytes(of: 1, as: UInt8.self) }
            let result = try body()
            #expect(frame.lanes.0 != .zero)
            return result
        }

        func encode(to encoder: any Encoder) throws {
            var single = encoder.singleValueContainer()
            try Self.onFrame { try single.encode(Endless()) }
        }

        init(from decoder: any Decoder) throws {
            let single = try decoder.singleValueContainer()
            self = try Self.onFrame { try single.decode(Endless.self) }
        }
    }

    @Test func whatIsTooDeepIsAnErrorOnBothSides() throws {
        let bytes = try CBOREncoder().encode(Chain(depth: 512))
        _ = try CBORDecoder().decode(Chain.self, from: bytes)
        #expect(failure { try Chain(depth: 513).encode(to: $0) }?.count == 512)
        _ = try CBOREncoder().encode(By { try Chain(depth: 512).encode(to: $0) })
        var encoder = CBOREncoder()
        encoder.depthLimit = 600
        var decoder = CBORDecoder()
        let deeper = try encoder.encode(Chain(depth: 600))
        #expect(throws: DecodingError.self) { try decoder.decode(Chain.self, from: deeper) }
        decoder.depthLimit = 600
        _ = try decoder.decode(Chain.self, from: deeper)
        // No limit lets a scalar through and nothing else.
        for limit in [0, -1, .min] {
            (encoder.depthLimit, decoder.depthLimit) = (limit, limit)
            #expect(try decoder.decode(Int.self, from: encoder.encode(1)) == 1)
            #expect(throws: EncodingError.self) { try encoder.encode(["a"]) }
            #expect(throws: EncodingError.self) { try encoder.encode(["a": 1]) }
            #expect(throws: DecodingError.self) { try decoder.decode([String].self, from: [0x81, 0x61, 0x61]) }
            #expect(throws: DecodingError.self) { try decoder.decode(Int.self, from: [0xC6, 0x01]) }
        }
        // Containers that are opened without a value, whose calls do not throw.
        #expect(
            failure { encoder in
                var list = encoder.unkeyedContainer()
                for _ in 0..<512 { list = list.nestedUnkeyedContainer() }
            }?.count == 512)
    }
}
