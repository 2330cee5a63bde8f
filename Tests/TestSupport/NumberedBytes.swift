import CheckpointLog

/// Bytes that a number determines, so that a reader can tell whose they are and that none is missing.
///
/// Here rather than beside the tests, which sweep over millions of them and are not optimized in a release build.
package enum NumberedBytes {
    /// The number, then bytes that it is the seed of.
    package static func bytes(_ number: Int, count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(number))
        var isFirst = true
        return words(byteCount: max(count, 8)) {
            defer { isFirst = false }
            return isFirst ? UInt64(number) : generator.next()
        }
    }

    private static func words(byteCount: Int, _ next: () -> UInt64) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount + 7) { buffer, filled in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: byteCount, by: 8) {
                unsafe bytes.storeBytes(of: next().littleEndian, toByteOffset: offset, as: UInt64.self)
            }
            filled = byteCount
        }
    }

    /// The number of ``bytes(_:count:)``; nil for bytes that are not exactly those of one.
    package static func number(of bytes: [UInt8]) -> Int? {
        var cursor = ByteCursor(bytes)
        guard let number = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)) else { return nil }
        return Self.bytes(number, count: bytes.count) == bytes ? number : nil
    }

    /// Bytes that the number and the count determine; those of every third number compress well.
    package static func fill(_ number: Int, count: Int) -> [UInt8] {
        if number % 3 == 0 { return [UInt8](repeating: UInt8(truncatingIfNeeded: number / 3), count: count) }
        var generator = SeededGenerator(seed: UInt64(truncatingIfNeeded: number))
        return words(byteCount: count) { generator.next() }
    }

    /// Bytes of which every other 256 compress well.
    package static func halfCompressible(count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(count))
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            for index in 0..<count {
                unsafe buffer[index] = index % 512 < 256 ? 7 : UInt8(truncatingIfNeeded: generator.next())
            }
            filled = count
        }
    }

    package static func areSame(_ bytes: [UInt8]?, _ others: [UInt8]?) -> Bool { bytes == others }

    package static func isFill(_ bytes: [UInt8], of number: Int, count: Int) -> Bool {
        bytes == fill(number, count: count)
    }
}
