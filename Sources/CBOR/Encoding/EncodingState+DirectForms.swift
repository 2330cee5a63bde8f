#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension EncodingState {
    /// Appends a value of a type that has a form of its own in CBOR, or that is copied in one piece.
    ///
    /// - Precondition: `form` is that of `Value`.
    func append<Value>(_ value: Value, _ form: DirectForm) {
        unsafe withUnsafePointer(to: value) {
            unsafe form.append(from: UnsafeRawPointer($0), to: self)
        }
    }

    func append(texts: [String]) {
        bytes.appendHead(.array, UInt64(texts.count))
        for text in texts { append(text) }
    }

    func append(_ value: Data) {
        bytes.appendHead(.bytes, UInt64(value.count))
        unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Epoch time if that gives the same date back, otherwise seconds since 2001, as `Date` itself encodes.
    func append(_ value: Date) {
        let seconds = value.timeIntervalSince1970
        let back = Date(timeIntervalSince1970: seconds).timeIntervalSinceReferenceDate
        if back.bitPattern == value.timeIntervalSinceReferenceDate.bitPattern {
            bytes.appendHead(.tag, 1)
            append(seconds)
        } else {
            append(value.timeIntervalSinceReferenceDate)
        }
    }

    func append(_ value: UUID) {
        bytes.appendHead(.tag, 37)
        bytes.appendHead(.bytes, 16)
        unsafe withUnsafeBytes(of: value.uuid) { unsafe bytes.append(contentsOf: $0) }
    }

    /// A link that is relative to another one is encoded as `URL` itself does it: the text alone would be another link.
    func append(_ value: URL) {
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

    /// A decimal fraction (RFC 8949, section 3.4.4): exponent and mantissa. A value that is not a number becomes the
    /// float NaN.
    func append(_ value: Decimal) {
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

extension DirectForm {
    /// Appends the value at `source`, which must be of this form's type.
    fileprivate func append(from source: UnsafeRawPointer, to state: EncodingState) {
        unsafe visit(Appending(source: source, state: state))
    }

    /// Reads the value as its type. A cast of an array would look at its elements.
    @unsafe private struct Appending: DirectFormVisitor {
        let source: UnsafeRawPointer
        let state: EncodingState

        @inline(__always)
        func visit<Value: DirectlyCoded>(_ type: Value.Type) throws(Never) {
            unsafe Value.append(source.assumingMemoryBound(to: Value.self).pointee, to: state)
        }
    }
}
