import CBOR
import Testing

/// Arrays of numbers whose bytes are read to where the array keeps them are the arrays that decoding gives.
@Suite struct ArraysInPlaceTests {
    /// The array by way of `decodeArray`; nil where that leaves the item to the ordinary way.
    private func inPlace<Value>(_ type: Value.Type, _ bytes: [UInt8], byteCount: Int? = nil) throws -> Value? {
        unsafe try bytes.withUnsafeBytes { bytes in
            let beginning = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(CBORDecoder.arrayHeadByteLimit))
            return unsafe try CBORDecoder().decodeArray(
                type, beginning: beginning, byteCount: byteCount ?? bytes.count
            ) { offset, target in
                #expect(offset + target.count == bytes.count)
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset...]))
            }
        }
    }

    private func check<Number: Codable & Equatable & Sendable>(_ numbers: [Number]) throws {
        for count in [0, 1, numbers.count] {
            let array = Array(numbers.prefix(count))
            let bytes = try CBOREncoder().encode(array)
            #expect(try inPlace([Number].self, bytes) == array, "\(Number.self)")
            #expect(try inPlace([Number].self, bytes) == CBORDecoder().decode([Number].self, from: bytes))
            #expect(try inPlace([Number].self, bytes, byteCount: bytes.count + 1) == nil, "a byte too many")
            #expect(try inPlace([Number].self, Array(bytes.dropLast()), byteCount: bytes.count - 1) == nil)
        }
    }

    @Test func everyKindOfNumber() throws {
        try check((0..<300).map { Double($0) * 0.5 } + [.infinity, -0.0])
        try check((0..<300).map { Float($0) * 0.25 })
        try check([.min, .max] + Array(0..<300))
        try check([UInt8](0...255) + [7])
        try check([Int32.min, .max] + (0..<300))
        try check([Int64.min, .max] + (0..<300))
        try check([UInt32.max] + (0..<300))
        try check([UInt64.max] + (0..<300))
        try check([UInt.max] + (0..<300))
        try check([Int16.min, .max] + (0..<300))
        try check([UInt16.max] + (0..<300))
        try check([Int8](-128...127))
    }

    /// Heads of every width are understood, and none claims more than there is.
    @Test func headsOfEveryWidth() throws {
        let content: [UInt8] = [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
        let lengths: [[UInt8]] = [
            [0x48], [0x58, 8], [0x59, 0, 8], [0x5A, 0, 0, 0, 8], [0x5B, 0, 0, 0, 0, 0, 0, 0, 8],
        ]
        let tags: [[UInt8]] = [[0xD8, 86], [0xD9, 0, 86], [0xDA, 0, 0, 0, 86], [0xDB, 0, 0, 0, 0, 0, 0, 0, 86]]
        for tag in tags {
            for length in lengths {
                let bytes = tag + length + content
                #expect(try inPlace([Double].self, bytes) == [1])
                for count in 0..<bytes.count {
                    #expect(try inPlace([Double].self, Array(bytes.prefix(count))) == nil, "\(count) bytes")
                }
            }
        }
    }

    /// What is no array of these numbers, in this order, as one string, is left to the decoder.
    @Test func everythingElseIsLeft() throws {
        let one: [UInt8] = [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]
        let others: [(String, [UInt8])] = [
            ("big-endian", [0xD8, 82, 0x48] + one), ("floats", [0xD8, 85, 0x48] + one),
            ("integers", [0xD8, 79, 0x48] + one), ("no tag", [0x48] + one), ("another tag", [0xD8, 24, 0x48] + one),
            ("two tags", [0xD8, 86, 0xD8, 86, 0x48] + one), ("text", [0xD8, 86, 0x68] + one),
            ("in pieces", [0xD8, 86, 0x5F, 0x48] + one + [0xFF]),
            ("an array", [0x81, 0xFB, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
            ("inside an element", [0xD8, 86, 0x47] + one.dropLast()),
            ("2⁶³ bytes", [0xD8, 86, 0x5B, 0x80, 0, 0, 0, 0, 0, 0, 0] + one),
            ("2⁶⁴ − 1 bytes", [0xD8, 86, 0x5B] + [UInt8](repeating: 0xFF, count: 8) + one),
            ("reserved", [0xD8, 86, 0x5C] + one), ("nothing", []),
        ]
        for (name, bytes) in others {
            #expect(try inPlace([Double].self, bytes) == nil, "\(name)")
        }
        let doubles = try CBOREncoder().encode([1.0, 2.0])
        #expect(try inPlace([Float].self, doubles) == nil)
        #expect(try inPlace([UInt8].self, doubles) == nil)
        #expect(try inPlace([[Double]].self, doubles) == nil)
        #expect(try inPlace([Double?].self, doubles) == nil)
        #expect(try inPlace(String.self, doubles) == nil)
        #expect(try inPlace(Set<Double>.self, doubles) == nil)
    }

    @Test func whatTheReadingThrowsComesThrough() throws {
        struct Unreadable: Error {}
        let bytes = try CBOREncoder().encode([1.0, 2.0])
        #expect(throws: Unreadable.self) {
            unsafe try bytes.withUnsafeBytes {
                unsafe try CBORDecoder().decodeArray([Double].self, beginning: $0, byteCount: bytes.count) { _, _ in
                    throw Unreadable()
                }
            }
        }
    }
}
