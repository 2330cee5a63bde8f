#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A type with a ``DirectForm``, and its form in CBOR.
protocol DirectlyCoded {
    static func append(_ value: Self, to state: EncodingState)
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Self
    /// A value whose bytes can be read directly into its memory; nil if they must be decoded.
    static func decode(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> Self?
}

extension DirectlyCoded {
    static func decode(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> Self? { nil }
}

/// An element whose arrays have a direct form.
protocol DirectElement {
    static func append(_ array: [Self], to state: EncodingState)
    static func decodeArray(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> [Self]
    static func decodeArray(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> [Self]?
}

extension Array: DirectlyCoded where Element: DirectElement {
    static func append(_ value: Self, to state: EncodingState) { Element.append(value, to: state) }

    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Self {
        try Element.decodeArray(at: offset, path: path, from: state)
    }

    static func decode(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> Self? {
        unsafe try Element.decodeArray(item, read)
    }
}

/// A number whose arrays are typed arrays (RFC 8746), under this tag.
protocol TypedArrayElement: DirectElement, Decodable, BitwiseCopyable {
    static var tag: UInt64 { get }
}

extension TypedArrayElement {
    static func append(_ array: [Self], to state: EncodingState) { state.append(numbers: array) }

    static func decodeArray(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> [Self] {
        try state.array(of: Self.self, at: offset, path: path)
    }

    static func decodeArray(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> [Self]? {
        unsafe try item.array(of: Self.self, read)
    }
}

// The tags of little-endian elements.
extension UInt16: TypedArrayElement { static var tag: UInt64 { 69 } }
extension UInt32: TypedArrayElement { static var tag: UInt64 { 70 } }
extension UInt64: TypedArrayElement { static var tag: UInt64 { 71 } }
extension UInt: TypedArrayElement { static var tag: UInt64 { 71 } }
extension Int8: TypedArrayElement { static var tag: UInt64 { 72 } }
extension Int16: TypedArrayElement { static var tag: UInt64 { 77 } }
extension Int32: TypedArrayElement { static var tag: UInt64 { 78 } }
extension Int64: TypedArrayElement { static var tag: UInt64 { 79 } }
extension Int: TypedArrayElement { static var tag: UInt64 { 79 } }
extension Float: TypedArrayElement { static var tag: UInt64 { 85 } }
extension Double: TypedArrayElement { static var tag: UInt64 { 86 } }

/// An array of bytes is a byte string, which needs no tag.
extension UInt8: TypedArrayElement {
    static var tag: UInt64 { 64 }

    static func append(_ array: [UInt8], to state: EncodingState) { state.append(byteString: array) }

    static func decodeArray(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> [UInt8] {
        try state.byteArray(at: offset, path: path)
    }
}

/// All texts of an array are encoded in one go, without a call of `Codable` for each.
extension String: DirectElement {
    static func append(_ array: [String], to state: EncodingState) { state.append(texts: array) }

    static func decodeArray(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> [String] {
        try state.strings(at: offset, path: path)
    }

    static func decodeArray(_ item: TypedArrayItem, _ read: TypedArrayItem.Read) throws -> [String]? { nil }
}

extension Int: DirectlyCoded {
    static func append(_ value: Int, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Int {
        try state.integer(Int.self, at: offset, path: path)
    }
}

extension Double: DirectlyCoded {
    static func append(_ value: Double, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Double {
        try state.double(at: offset, path: path)
    }
}

extension Float: DirectlyCoded {
    static func append(_ value: Float, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Float {
        try state.float(at: offset, path: path)
    }
}

extension Bool: DirectlyCoded {
    static func append(_ value: Bool, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Bool {
        try state.bool(at: offset, path: path)
    }
}

extension String: DirectlyCoded {
    static func append(_ value: String, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> String {
        try state.string(at: offset, path: path)
    }
}

extension Data: DirectlyCoded {
    static func append(_ value: Data, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Data {
        try state.data(at: offset, path: path)
    }
}

extension Date: DirectlyCoded {
    static func append(_ value: Date, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Date {
        try state.date(at: offset, path: path)
    }
}

extension UUID: DirectlyCoded {
    static func append(_ value: UUID, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> UUID {
        try state.identifier(at: offset, path: path)
    }
}

extension URL: DirectlyCoded {
    static func append(_ value: URL, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> URL {
        try state.link(at: offset, path: path)
    }
}

extension Decimal: DirectlyCoded {
    static func append(_ value: Decimal, to state: EncodingState) { state.append(value) }
    static func decode(at offset: Int, path: CodingPath?, from state: DecodingState) throws -> Decimal {
        try state.decimal(at: offset, path: path)
    }
}
