#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension EncodingState {
    /// Appends a value of a type that has a form of its own in CBOR, or is written in one piece.
    ///
    /// - Precondition: `form` is that of `Value`.
    func append<Value>(_ value: Value, _ form: DirectForm) {
        switch form {
        case .int: append(Self.read(value, as: Int.self))
        case .double: append(Self.read(value, as: Double.self))
        case .string: append(Self.read(value, as: String.self))
        case .float: append(Self.read(value, as: Float.self))
        case .bool: append(Self.read(value, as: Bool.self))
        case .doubles: append(numbers: Self.read(value, as: [Double].self), tag: 86)
        case .floats: append(numbers: Self.read(value, as: [Float].self), tag: 85)
        case .ints: append(numbers: Self.read(value, as: [Int].self), tag: 79)
        case .bytes: append(byteString: Self.read(value, as: [UInt8].self))
        case .int32s: append(numbers: Self.read(value, as: [Int32].self), tag: 78)
        case .int64s: append(numbers: Self.read(value, as: [Int64].self), tag: 79)
        case .uint32s: append(numbers: Self.read(value, as: [UInt32].self), tag: 70)
        case .uint64s: append(numbers: Self.read(value, as: [UInt64].self), tag: 71)
        case .uints: append(numbers: Self.read(value, as: [UInt].self), tag: 71)
        case .int16s: append(numbers: Self.read(value, as: [Int16].self), tag: 77)
        case .uint16s: append(numbers: Self.read(value, as: [UInt16].self), tag: 69)
        case .int8s: append(numbers: Self.read(value, as: [Int8].self), tag: 72)
        case .strings: append(texts: Self.read(value, as: [String].self))
        case .data: append(Self.read(value, as: Data.self))
        case .date: append(Self.read(value, as: Date.self))
        case .uuid: append(Self.read(value, as: UUID.self))
        case .url: append(Self.read(value, as: URL.self))
        case .decimal: append(Self.read(value, as: Decimal.self))
        case .none: preconditionFailure("A type without a direct form encodes itself.")
        }
    }

    /// A value as what it is: a cast of an array would look at its elements.
    ///
    /// - Precondition: the two types are the same.
    @inline(__always)
    private static func read<Value, Same>(_ value: Value, as type: Same.Type) -> Same {
        unsafe withUnsafePointer(to: value) {
            unsafe UnsafeRawPointer($0).assumingMemoryBound(to: Same.self).pointee
        }
    }

    private func append(texts: [String]) {
        bytes.appendHead(.array, UInt64(texts.count))
        for text in texts { append(text) }
    }

    private func append(_ value: Data) {
        bytes.appendHead(.bytes, UInt64(value.count))
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Epoch time where that gives the same date back, else seconds since 2001 as `Date` itself encodes.
    private func append(_ value: Date) {
        let seconds = value.timeIntervalSince1970
        let back = Date(timeIntervalSince1970: seconds).timeIntervalSinceReferenceDate
        if back.bitPattern == value.timeIntervalSinceReferenceDate.bitPattern {
            bytes.appendHead(.tag, 1)
            append(seconds)
        } else {
            append(value.timeIntervalSinceReferenceDate)
        }
    }

    private func append(_ value: UUID) {
        bytes.appendHead(.tag, 37)
        bytes.appendHead(.bytes, 16)
        unsafe withUnsafeBytes(of: value.uuid) { unsafe bytes.append(contentsOf: $0) }
    }

    /// A link that is relative to another becomes what `URL` itself encodes: its text alone would be another link.
    private func append(_ value: URL) {
        guard let base = value.baseURL else {
            bytes.appendHead(.tag, 32)
            append(value.relativeString)
            return
        }
        bytes.appendHead(.map, 2)
        append("base")
        append(base)
        append("relative")
        append(value.relativeString)
    }

    /// A decimal fraction (RFC 8949, section 3.4.4): exponent and mantissa; what is not a number is the float of that
    /// name.
    private func append(_ value: Decimal) {
        guard !value.isNaN, let magnitude = UInt128("\(value.significand.magnitude)") else {
            append(Double.nan)
            return
        }
        bytes.appendHead(.tag, 4)
        bytes.appendHead(.array, 2)
        append(value.exponent)
        let isNegative = value.sign == .minus && magnitude > 0
        append(magnitude: isNegative ? magnitude - 1 : magnitude, isNegative: isNegative)
    }
}
