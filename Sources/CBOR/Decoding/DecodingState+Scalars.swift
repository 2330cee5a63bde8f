extension DecodingState {
    func isNull(at offset: Int, path: CodingPath?) throws -> Bool {
        try reading(path) { () throws(CBORError) in try reader.untagged(at: offset).head.isNull }
    }

    @inline(__always)
    func item(at offset: Int, path: CodingPath?) throws -> CBORHead {
        try reading(path) { () throws(CBORError) in try reader.untagged(at: offset).head }
    }

    @inline(__always)
    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int, path: CodingPath?) throws -> Integer
    {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        switch head.major {
        case .unsigned:
            if let value = Integer(exactly: head.argument) { return value }
            throw inexact(type, head.argument, path: path)
        case .negative:
            // Arguments in the upper half are below the smallest Int64.
            let number = head.number ?? 0
            if let value = Integer(exactly: number) { return value }
            throw inexact(type, number, path: path)
        case .bytes where tag == 2 || tag == 3:
            if let magnitude = try bignum(head, path: path) {
                if tag == 2, let value = Integer(exactly: magnitude) { return value }
                if tag == 3, let ones = Int128(exactly: magnitude), let value = Integer(exactly: -1 - ones) {
                    return value
                }
            }
            throw inexact(type, "that integer", path: path)
        case .simple where head.additional >= 25 && head.additional <= 27:
            // Also if it is a whole number, since another type was stored.
            throw inexact(type, "the floating-point number \(number(of: head))", path: path)
        default:
            throw mismatch(type, head, path: path)
        }
    }

    /// The bytes of a bignum as a number; nil over 128 bits.
    func bignum(_ head: CBORHead, path: CodingPath?) throws -> UInt128? {
        let bytes = try reading(path) { () throws(CBORError) in try reader.stringBytes(head) }
        let digits = bytes.drop { $0 == 0 }
        guard digits.count <= 16 else { return nil }
        return digits.reduce(0) { $0 << 8 | UInt128($1) }
    }

    func double(at offset: Int, path: CodingPath?) throws -> Double {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        let number: Double
        if let integer = head.number {
            number = try exactly(Double.self, integer, path: path)
        } else if head.major == .simple, head.additional >= 25 && head.additional <= 27 {
            number = self.number(of: head)
        } else {
            throw mismatch(Double.self, head, path: path)
        }
        // A date that decodes itself asks for the number that `Date` encodes itself as.
        return tag == 1 ? Self.referenceSeconds(since1970: number) : number
    }

    private func exactly<Number: BinaryFloatingPoint>(
        _ type: Number.Type, _ integer: Int128, path: CodingPath?
    ) throws -> Number {
        guard let number = Number(exactly: integer) else { throw inexact(type, integer, path: path) }
        return number
    }

    func float(at offset: Int, path: CodingPath?) throws -> Float {
        let head = try item(at: offset, path: path)
        // A `Float` is taken as it is, so that a NaN keeps its bits; a conversion by way of `Double` need not keep
        // them.
        if head.major == .simple, head.additional == 26 { return Float(bitPattern: UInt32(head.argument)) }
        if let integer = head.number { return try exactly(Float.self, integer, path: path) }
        let number = try double(at: offset, path: path)
        if number.isNaN { return Self.narrowed(number) }
        // Digits may be lost, as for any number that is read into a narrower type, but not the magnitude.
        let value = Float(number)
        guard value.isFinite || number.isInfinite else { throw inexact(Float.self, number, path: path) }
        return value
    }

    func bool(at offset: Int, path: CodingPath?) throws -> Bool {
        let head = try item(at: offset, path: path)
        guard head.major == .simple, head.additional < 24, head.argument == 20 || head.argument == 21 else {
            throw mismatch(Bool.self, head, path: path)
        }
        return head.argument == 21
    }

    func string(at offset: Int, path: CodingPath?) throws -> String {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        // An identifier that decodes itself asks for its text.
        if tag == 37, head.major == .bytes { return try identifierText(at: offset, path: path) }
        guard head.major == .text else { throw mismatch(String.self, head, path: path) }
        return try reading(path) { () throws(CBORError) in try reader.text(head) }
    }

    func number(of head: CBORHead) -> Double {
        switch head.additional {
        case 25:
            return Self.widened(HalfFloat.value(of: UInt16(truncatingIfNeeded: head.argument)))
        case 26:
            return Self.widened(Float(bitPattern: UInt32(truncatingIfNeeded: head.argument)))
        default:
            return Double(bitPattern: head.argument)
        }
    }

    /// The upper bits of a NaN. If these are zero, one bit is set so that it remains a NaN.
    private static func narrowed(_ value: Double) -> Float {
        let bits = value.bitPattern
        let payload = UInt32(truncatingIfNeeded: bits >> 29) & 0x7F_FFFF
        return Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32) & 0x8000_0000 | 0x7F80_0000 | max(payload, 1))
    }

    /// A NaN keeps its bits; the hardware would turn a signalling NaN into a quiet one.
    private static func widened(_ value: Float) -> Double {
        guard value.isNaN else { return Double(value) }
        let bits = UInt64(value.bitPattern)
        return Double(bitPattern: (bits & 0x8000_0000) << 32 | 0x7FF0_0000_0000_0000 | (bits & 0x7F_FFFF) << 29)
    }

    func byteArray(at offset: Int, path: CodingPath?) throws -> [UInt8] {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        guard head.major == .bytes, tag.flatMap(TypedArrayTag.init)?.isBytes != false else {
            return try array(of: UInt8.self, elementwiseAt: offset, path: path)
        }
        return try reading(path) { () throws(CBORError) in try reader.stringBytes(head) }
    }

    /// An array of numbers. A typed array of exactly these elements is copied at once; a plain array is read element by
    /// element.
    @inline(__always)
    func array<Number: TypedArrayElement>(of type: Number.Type, at offset: Int, path: CodingPath?) throws -> [Number] {
        let width = MemoryLayout<Number>.size
        guard let (content, isNative) = try typedArray(of: type, at: offset, path: path) else {
            return try array(of: type, elementwiseAt: offset, path: path)
        }
        return unsafe [Number](unsafeUninitializedCapacity: content.count / width) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(buffer)
            unsafe LargeArrays.wantLargePages(target)
            unsafe content.copy(to: target, from: reader)
            if !isNative {
                for start in stride(from: 0, to: target.count, by: width) {
                    unsafe target[start..<start + width].reverse()
                }
            }
            count = content.count / width
        }
    }

    /// The bytes of a typed array, which are whole elements, and whether they are in this machine's byte order; nil for
    /// any other array.
    private func typedArray<Number: TypedArrayElement>(
        of type: Number.Type, at offset: Int, path: CodingPath?
    ) throws -> (content: StringContent, isNative: Bool)? {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        if head.major == .array { return nil }
        guard head.major == .bytes else { throw mismatch([Number].self, head, path: path) }
        let form = tag.flatMap { TypedArrayTag($0) } ?? .bytes
        guard form.holds(type) else { return nil }
        let content = try reading(path) { () throws(CBORError) -> StringContent in
            // Other encoders may write chunks, which are joined first.
            guard let range = try reader.content(of: head) else { return .joined(try reader.stringBytes(head)) }
            note(range.upperBound, of: offset)
            return .range(range)
        }
        guard content.count % form.width == 0 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: CodingPath.keys(path), debugDescription: "A typed array ends inside an element."))
        }
        return (content, form.isLittleEndian == TypedArrayTag.isNativeLittleEndian)
    }

    /// The content of a string: a range of the bytes that are being decoded, or joined chunks.
    private enum StringContent {
        case range(Range<Int>)
        case joined([UInt8])

        var count: Int {
            switch self {
            case .range(let range): range.count
            case .joined(let bytes): bytes.count
            }
        }

        func copy(to target: UnsafeMutableRawBufferPointer, from reader: CBORReader) {
            switch self {
            case .range(let range):
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: reader.bytes[range]))
            case .joined(let bytes):
                unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
            }
        }
    }

    func strings(at offset: Int, path: CodingPath?) throws -> [String] {
        let head = try item(at: offset, path: path)
        guard head.major == .array else { throw mismatch([String].self, head, path: path) }
        var texts: [String] = []
        if !head.isIndefinite {
            // An array of texts in the simplest form. The container reads or refuses everything else.
            texts.reserveCapacity(min(Int(clamping: head.argument), 4_096))
            var end = head.end
            while texts.count < head.argument, let text = reader.plainText(at: end, end: &end) { texts.append(text) }
            if texts.count == head.argument {
                note(end, of: offset)
                return texts
            }
        }
        return try array(of: String.self, elementwiseAt: offset, path: path)
    }
}
