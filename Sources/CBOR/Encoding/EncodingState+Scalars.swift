extension EncodingState {
    @inline(__always)
    func append<Integer: BinaryInteger>(_ value: Integer) {
        if value >= 0 {
            bytes.appendHead(.unsigned, UInt64(value))
        } else {
            bytes.appendHead(.negative, UInt64(bitPattern: ~Int64(value)))
        }
    }

    /// An integer over 64 bits becomes a bignum (RFC 8949, section 3.4.3), any other one a plain integer.
    func append(wide value: Int128) {
        // −1 − value does not overflow for any negative number.
        append(magnitude: UInt128(truncatingIfNeeded: value < 0 ? ~value : value), isNegative: value < 0)
    }

    /// The number `magnitude`, or −1 − `magnitude`.
    func append(magnitude: UInt128, isNegative: Bool) {
        if let argument = UInt64(exactly: magnitude) {
            bytes.appendHead(isNegative ? .negative : .unsigned, argument)
            return
        }
        let count = 16 - magnitude.leadingZeroBitCount / 8
        bytes.appendHead(.tag, isNegative ? 3 : 2)
        bytes.appendHead(.bytes, UInt64(count))
        unsafe withUnsafeBytes(of: magnitude.bigEndian) {
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0.suffix(count)))
        }
    }

    func append(_ value: Bool) { bytes.append(value ? 0xF5 : 0xF4) }

    func appendNull() { bytes.append(0xF6) }

    /// The shortest of the three widths that keeps every bit. A NaN keeps its payload if that fits.
    func append(_ value: Double) {
        let float = Float(value)
        if Double(float).bitPattern == value.bitPattern {
            append(float)
        } else if value.isNaN, value.bitPattern & 0x1FFF_FFFF == 0 {
            append(
                Float(
                    bitPattern: UInt32(truncatingIfNeeded: value.bitPattern >> 32 & 0x8000_0000)
                        | 0x7F80_0000 | UInt32(truncatingIfNeeded: value.bitPattern >> 29 & 0x7F_FFFF)))
        } else {
            bytes.append(0xFB)
            bytes.appendBigEndian(value.bitPattern)
        }
    }

    func append(_ value: Float) {
        if let half = HalfFloat.bits(of: value) {
            bytes.append(0xF9)
            bytes.appendBigEndian(half)
        } else {
            bytes.append(0xFA)
            bytes.appendBigEndian(value.bitPattern)
        }
    }

    @inline(__always)
    func append(_ value: String) {
        // `withUTF8` would need a copy, which is retained and released.
        let isDone = unsafe value.utf8.withContiguousStorageIfAvailable { unsafe bytes.append(text: $0) } != nil
        if !isDone { bytes.append(text: value) }
    }

    func append(byteString value: [UInt8]) {
        bytes.appendHead(.bytes, UInt64(value.count))
        append(memoryOf: value)
    }

    /// Appends the bytes of an array as they are in memory, or lends them.
    @inline(__always)
    private func append<Number: TypedArrayElement>(memoryOf numbers: [Number]) {
        if numbers.count * MemoryLayout<Number>.stride >= lentByteCount, bytes.lentArrayCount < Self.lentArrayLimit {
            bytes.lend(numbers)
        } else {
            unsafe numbers.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        }
    }

    /// A typed array of RFC 8746, little-endian.
    func append<Number: TypedArrayElement>(numbers: [Number]) {
        bytes.appendHead(.tag, Number.tag)
        bytes.appendHead(.bytes, UInt64(numbers.count * MemoryLayout<Number>.stride))
        #if _endian(little)
        append(memoryOf: numbers)
        #else
        unsafe numbers.withUnsafeBytes { source in
            let width = MemoryLayout<Number>.stride
            for start in stride(from: 0, to: source.count, by: width) {
                unsafe bytes.append(contentsOf: source[start..<start + width].reversed())
            }
        }
        #endif
    }
}

/// IEEE 754 binary16, computed from its bits: `Float16` does not exist on every platform.
enum HalfFloat {
    /// The half with exactly this value, if there is one.
    static func bits(of value: Float) -> UInt16? {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16 & 0x8000)
        let exponent = Int(bits >> 23 & 0xFF)
        let fraction = bits & 0x7F_FFFF
        if exponent == 0xFF {
            guard fraction & 0x1FFF == 0 else { return nil }
            return sign | 0x7C00 | UInt16(truncatingIfNeeded: fraction >> 13)
        }
        if exponent == 0 { return fraction == 0 ? sign : nil }
        let unbiased = exponent - 127
        if (-14...15).contains(unbiased) {
            guard fraction & 0x1FFF == 0 else { return nil }
            return sign | UInt16(unbiased + 15) << 10 | UInt16(truncatingIfNeeded: fraction >> 13)
        }
        guard (-24 ... -15).contains(unbiased) else { return nil }
        // A subnormal half: the significand with its hidden bit, shifted to units of 2⁻²⁴.
        let shift = UInt32(-1 - unbiased)
        let significand = fraction | 0x80_0000
        guard significand & ((1 << shift) - 1) == 0 else { return nil }
        return sign | UInt16(truncatingIfNeeded: significand >> shift)
    }

    static func value(of bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10 & 0x1F)
        let fraction = UInt32(bits & 0x3FF)
        if exponent == 0x1F { return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13) }
        if exponent == 0 {
            let magnitude = Float(fraction) * 0x1p-24
            return sign == 0 ? magnitude : -magnitude
        }
        return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
