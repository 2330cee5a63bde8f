#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// The generic functions are inlinable so that the tests, which are in modules of their own, get specialised code.
// Otherwise their sweeps spend most of their time in the witnesses of `FixedWidthInteger`.

extension UnsafeRawBufferPointer {
    /// The little-endian integer at `offset`; the caller has checked that it lies inside.
    @inlinable @safe package func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ type: Integer.Type = Integer.self, at offset: Int
    ) -> Integer {
        precondition(
            offset >= 0 && offset <= count - MemoryLayout<Integer>.size, "An integer is read inside its bytes.")
        return unsafe Integer(littleEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    /// Whether the bytes from `offset` are those of `other`; false if that reaches past the end.
    @safe package func holds(_ other: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        guard offset >= 0, other.count <= count - offset else { return false }
        var index = 0
        while index + 8 <= other.count {
            if integer(UInt64.self, at: offset + index) != other.integer(UInt64.self, at: index) { return false }
            index += 8
        }
        while index < other.count {
            if unsafe self[offset + index] != other[index] { return false }
            index += 1
        }
        return true
    }

    /// Negative if these bytes sort before those of `other`, positive if after, zero if they are equal.
    @safe package func order(to other: UnsafeRawBufferPointer) -> Int {
        guard let first = baseAddress, let second = other.baseAddress else { return count - other.count }
        let order = unsafe memcmp(first, second, Swift.min(count, other.count))
        return order != 0 ? Int(order) : count - other.count
    }

    @safe package func isZero(in range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "Bytes are looked at inside what there is.")
        guard let start = baseAddress, !range.isEmpty else { return true }
        let first = unsafe start + range.lowerBound
        // All bytes are equal if each equals the one before it. The C library compares fast in an unoptimized build
        // too.
        return unsafe self[range.lowerBound] == 0 && memcmp(first, first + 1, range.count - 1) == 0
    }
}

extension UnsafeMutableRawBufferPointer {
    @inlinable @safe package func set<Integer: FixedWidthInteger & BitwiseCopyable>(_ integer: Integer, at offset: Int)
    {
        precondition(
            offset >= 0 && offset <= count - MemoryLayout<Integer>.size, "An integer is stored inside its bytes.")
        unsafe storeBytes(of: integer.littleEndian, toByteOffset: offset, as: Integer.self)
    }
}

extension [UInt8] {
    @inlinable package mutating func append<Integer: FixedWidthInteger>(littleEndian integer: Integer) {
        var rest = integer
        for _ in 0..<MemoryLayout<Integer>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// Appends an integer as LEB128: seven bits per byte, the lowest first. The top bit is set in all bytes but the
    /// last.
    package mutating func append(variableLength integer: UInt64) {
        var rest = integer
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    package mutating func pad(toMultipleOf alignment: Int) {
        while count % alignment != 0 { append(0) }
    }
}

/// Reads integers from bytes, one after another. Every read past the end returns nil.
package struct ByteCursor {
    package let bytes: [UInt8]
    package private(set) var offset: Int
    private let end: Int

    package init(_ bytes: [UInt8], from offset: Int = 0, to end: Int? = nil) {
        self.bytes = bytes
        self.end = Swift.min(end ?? bytes.count, bytes.count)
        self.offset = Swift.min(offset, self.end)
    }

    package var isAtEnd: Bool { offset == end }

    package mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard end - offset >= size else { return nil }
        var result: Integer = 0
        for index in (0..<size).reversed() { result = result << 8 | Integer(truncatingIfNeeded: bytes[offset + index]) }
        offset += size
        return result
    }

    @inline(__always)
    package mutating func byte() -> UInt8? {
        guard offset < end else { return nil }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func variableLength() -> UInt64? {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end {
            let byte = UInt64(bytes[offset])
            offset += 1
            // The tenth byte may have only one bit.
            if shift == 63, byte > 1 { return nil }
            result |= (byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
            if shift > 63 { return nil }
        }
        return nil
    }

    package mutating func slice(byteCount: UInt64) -> ArraySlice<UInt8>? {
        range(byteCount: byteCount).map { bytes[$0] }
    }

    /// The range of the next `byteCount` bytes, which are skipped.
    package mutating func range(byteCount: UInt64) -> Range<Int>? {
        guard let count = Int(exactly: byteCount), count <= end - offset else { return nil }
        defer { offset += count }
        return offset..<offset + count
    }

    package mutating func skipZeros(toMultipleOf alignment: Int) -> Bool {
        while offset % alignment != 0 {
            guard offset < end, bytes[offset] == 0 else { return false }
            offset += 1
        }
        return true
    }
}

extension UnsafeRawBufferPointer {
    package static var empty: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
}
