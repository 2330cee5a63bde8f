import CheckpointLog

/// Bytes that a number determines, so that a reader can tell whose they are and that none is missing.
///
/// Here rather than beside the tests, which sweep over millions of them and are not optimized in a release build.
package enum NumberedBytes {
    /// The number, then bytes that it is the seed of.
    package static func bytes(_ number: Int, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(max(count, 8))
        bytes.append(littleEndian: UInt64(number))
        var generator = SeededGenerator(seed: UInt64(number))
        while bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
        return bytes
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
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { bytes.append(littleEndian: generator.next()) }
        bytes.removeLast(bytes.count - count)
        return bytes
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
