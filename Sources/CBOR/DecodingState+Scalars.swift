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
        let head = try item(at: offset, path: path)
        switch head.major {
        case .unsigned:
            if let value = Integer(exactly: head.argument) { return value }
        case .negative:
            // −1 − argument, which is below Int64 for the upper half of arguments.
            if head.argument <= UInt64(Int64.max), let value = Integer(exactly: -1 - Int64(head.argument)) {
                return value
            }
        case .simple where head.additional >= 25 && head.additional <= 27:
            if let value = Integer(exactly: number(of: head)) { return value }
        default:
            throw mismatch(type, head, path: path)
        }
        throw DecodingError.dataCorrupted(
            .init(codingPath: CodingPath.keys(path), debugDescription: "The number does not fit \(type)."))
    }

    func double(at offset: Int, path: CodingPath?) throws -> Double {
        let head = try item(at: offset, path: path)
        switch head.major {
        case .unsigned: return Double(head.argument)
        case .negative: return -1 - Double(head.argument)
        case .simple where head.additional >= 25 && head.additional <= 27: return number(of: head)
        default: throw mismatch(Double.self, head, path: path)
        }
    }

    func float(at offset: Int, path: CodingPath?) throws -> Float {
        let head = try item(at: offset, path: path)
        // A float keeps the bits of a NaN, which a conversion by way of Double need not.
        if head.major == .simple, head.additional == 26 { return Float(bitPattern: UInt32(head.argument)) }
        return Float(try double(at: offset, path: path))
    }

    func bool(at offset: Int, path: CodingPath?) throws -> Bool {
        let head = try item(at: offset, path: path)
        guard head.major == .simple, head.additional < 24, head.argument == 20 || head.argument == 21 else {
            throw mismatch(Bool.self, head, path: path)
        }
        return head.argument == 21
    }

    func string(at offset: Int, path: CodingPath?) throws -> String {
        let head = try item(at: offset, path: path)
        guard head.major == .text else { throw mismatch(String.self, head, path: path) }
        return try reading(path) { () throws(CBORError) in try reader.text(head) }
    }

    private func number(of head: CBORHead) -> Double {
        switch head.additional {
        case 25:
            return Self.widened(HalfFloat.value(of: UInt16(truncatingIfNeeded: head.argument)))
        case 26:
            return Self.widened(Float(bitPattern: UInt32(truncatingIfNeeded: head.argument)))
        default:
            return Double(bitPattern: head.argument)
        }
    }

    /// A NaN keeps its bits: the hardware would make a signalling one quiet.
    private static func widened(_ value: Float) -> Double {
        guard value.isNaN else { return Double(value) }
        let bits = UInt64(value.bitPattern)
        return Double(bitPattern: (bits & 0x8000_0000) << 32 | 0x7FF0_0000_0000_0000 | (bits & 0x7F_FFFF) << 29)
    }

    func byteArray(at offset: Int, path: CodingPath?) throws -> [UInt8] {
        let head = try item(at: offset, path: path)
        if head.major == .array { return try elements(UInt8.self, head, path: path) }
        guard head.major == .bytes else { throw mismatch([UInt8].self, head, path: path) }
        return try reading(path) { () throws(CBORError) in try reader.stringBytes(head) }
    }

    /// An array of numbers: a typed array of exactly this element in one copy, or a plain array element by element.
    func array<Number: Decodable & BitwiseCopyable>(
        _ type: Number.Type, _ element: TypedArrayTag.Element, at offset: Int, path: CodingPath?
    ) throws -> [Number] {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        if head.major == .array { return try elements(type, head, path: path) }
        guard head.major == .bytes, let tag, let form = TypedArrayTag(tag) else {
            throw mismatch([Number].self, head, path: path)
        }
        let width = MemoryLayout<Number>.size
        guard form.element == element, form.width == width else {
            throw DecodingError.typeMismatch(
                [Number].self,
                .init(
                    codingPath: CodingPath.keys(path),
                    debugDescription:
                        "Expected \([Number].self), found a typed array of \(form.element)\(form.width * 8)."))
        }
        guard let content = try reading(path, { () throws(CBORError) in try reader.content(of: head) }) else {
            // Foreign bytes may come in chunks, which are put together first.
            let bytes = try reading(path) { () throws(CBORError) in try reader.stringBytes(head) }
            return unsafe try bytes.withUnsafeBytes { unsafe try numbers(type, $0, form, path: path) }
        }
        return unsafe try numbers(type, UnsafeRawBufferPointer(rebasing: reader.bytes[content]), form, path: path)
    }

    private func numbers<Number: BitwiseCopyable>(
        _ type: Number.Type, _ source: UnsafeRawBufferPointer, _ form: TypedArrayTag, path: CodingPath?
    ) throws -> [Number] {
        let width = MemoryLayout<Number>.size
        guard source.count % width == 0 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: CodingPath.keys(path), debugDescription: "A typed array ends inside an element."))
        }
        return unsafe [Number](unsafeUninitializedCapacity: source.count / width) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(buffer)
            unsafe target.copyMemory(from: source)
            #if _endian(little)
            let isNative = form.isLittleEndian
            #else
            let isNative = !form.isLittleEndian
            #endif
            if !isNative {
                for start in stride(from: 0, to: target.count, by: width) {
                    unsafe target[start..<start + width].reverse()
                }
            }
            count = source.count / width
        }
    }

    private func elements<Number: Decodable>(
        _ type: Number.Type, _ head: CBORHead, path: CodingPath?
    ) throws -> [Number] {
        var container = UnkeyedReader(state: self, head: head, path: path)
        var result: [Number] = []
        result.reserveCapacity(min(container.count ?? 0, 4_096))
        while !container.isAtEnd { result.append(try container.decode(Number.self)) }
        return result
    }
}
