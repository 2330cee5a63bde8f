#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension DecodingState {
    /// A byte string, or an array of small numbers.
    func data(at offset: Int, path: CodingPath?) throws -> Data {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        if head.major == .bytes, tag.flatMap(TypedArrayTag.init)?.isBytes != false,
            let content = try reading(path, { () throws(CBORError) in try reader.content(of: head) })
        {
            return unsafe Data(UnsafeRawBufferPointer(rebasing: reader.bytes[content]))
        }
        return Data(try byteArray(at: offset, path: path))
    }

    private func invalid(_ text: String, path: CodingPath?) -> DecodingError {
        .dataCorrupted(.init(codingPath: CodingPath.keys(path), debugDescription: text))
    }

    /// Text of RFC 3339 (tag 0), seconds since 1970 (tag 1), or since 2001 (no tag).
    func date(at offset: Int, path: CodingPath?) throws -> Date {
        let item = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        switch item.tag {
        case 0:
            guard let seconds = DateText.seconds(of: try string(at: item.offset, path: path)) else {
                throw invalid("The text is no date of RFC 3339.", path: path)
            }
            return Date(timeIntervalSince1970: seconds)
        case 1:
            // Read from after the tag. With the tag, the number would be converted to seconds since 2001.
            return Date(timeIntervalSince1970: try double(at: item.offset, path: path))
        case nil, 55_799:
            return Date(timeIntervalSinceReferenceDate: try double(at: item.offset, path: path))
        case let tag?:
            throw DecodingError.typeMismatch(
                Date.self, .init(codingPath: CodingPath.keys(path), debugDescription: "Tag \(tag) is no date."))
        }
    }

    static func referenceSeconds(since1970 seconds: Double) -> Double {
        Date(timeIntervalSince1970: seconds).timeIntervalSinceReferenceDate
    }

    /// The map that a link or a decimal encodes itself as, made from its form in CBOR. It is for a value that decodes
    /// itself.
    ///
    /// - Returns: nil for any other item.
    func ownMap(at offset: Int, path: CodingPath?) throws -> DecodingState? {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        let encoder = EncodingState(CBOREncoder())
        switch (head.major, tag) {
        case (.text, 32): try encoder.encodeOutermost(OwnForm(value: link(at: offset, path: path)))
        case (.array, 4): try encoder.encodeOutermost(OwnForm(value: decimal(at: offset, path: path)))
        default: return nil
        }
        return DecodingState(bytes: encoder.bytes, depthLimit: reader.depthLimit, userInfo: userInfo)
    }

    /// Makes a value encode itself, although the coder has a form for its type.
    private struct OwnForm<Value: Encodable>: Encodable {
        var value: Value
        func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
    }

    /// 16 bytes, or the text that `UUID` itself encodes.
    func identifier(at offset: Int, path: CodingPath?) throws -> UUID {
        if try item(at: offset, path: path).major == .text {
            guard let uuid = UUID(uuidString: try string(at: offset, path: path)) else {
                throw invalid("The text is no UUID.", path: path)
            }
            return uuid
        }
        let bytes = try byteArray(at: offset, path: path)
        guard bytes.count == 16 else { throw invalid("A UUID has 16 bytes.", path: path) }
        var uuid = UUID().uuid
        unsafe withUnsafeMutableBytes(of: &uuid) { unsafe $0.copyBytes(from: bytes) }
        return UUID(uuid: uuid)
    }

    func identifierText(at offset: Int, path: CodingPath?) throws -> String {
        try identifier(at: offset, path: path).uuidString
    }

    func link(at offset: Int, path: CodingPath?) throws -> URL {
        if try item(at: offset, path: path).major == .map {
            return try URL(from: ItemDecoder(state: self, offset: offset, path: path))
        }
        guard let url = URL(string: try string(at: offset, path: path)) else {
            throw invalid("The text is no URL.", path: path)
        }
        return url
    }

    /// A decimal fraction (tag 4), any plain number or bignum, or what `Decimal` itself encodes.
    func decimal(at offset: Int, path: CodingPath?) throws -> Decimal {
        let (head, start, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        switch head.major {
        case .map:
            return try Decimal(from: ItemDecoder(state: self, offset: start, path: path))
        case .array where tag == 4:
            var parts = UnkeyedReader(state: self, head: head, at: start, path: path)
            let exponent = try parts.decode(Int.self)
            let mantissa = try parts.takeOffset()
            // The exponent of a `Decimal` has 8 bits.
            guard parts.isAtEnd, (-128...127).contains(exponent) else { break }
            return try decimal(integerAt: mantissa, exponent: exponent, path: path)
        case .unsigned, .negative, .bytes:
            return try decimal(integerAt: offset, exponent: 0, path: path)
        case .simple where head.additional >= 25 && head.additional <= 27:
            let number = number(of: head)
            if number.isNaN { return Decimal.nan }
            if number.isFinite, let value = Decimal(string: "\(number)") { return value }
        default:
            throw mismatch(Decimal.self, head, path: path)
        }
        throw invalid("The number does not fit Decimal.", path: path)
    }

    private func decimal(integerAt offset: Int, exponent: Int, path: CodingPath?) throws -> Decimal {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        let isNegative: Bool
        var magnitude: UInt128?
        switch (head.major, tag) {
        case (.unsigned, _), (.negative, _):
            isNegative = head.major == .negative
            magnitude = UInt128(head.argument)
        case (.bytes, 2), (.bytes, 3):
            isNegative = tag == 3
            magnitude = try bignum(head, path: path)
        default:
            throw mismatch(Decimal.self, head, path: path)
        }
        if isNegative { magnitude = magnitude.flatMap { $0 == .max ? nil : $0 + 1 } }
        guard let magnitude, let significand = Decimal(string: "\(magnitude)") else {
            throw invalid("The number does not fit Decimal.", path: path)
        }
        return Decimal(sign: isNegative ? .minus : .plus, exponent: exponent, significand: significand)
    }
}
