#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The types that are coded without their own `Codable` conformance: each has a form of its own in CBOR, or comes in
/// one piece.
enum DirectForm {
    case none
    case int, double, string, float, bool
    case doubles, floats, ints, bytes, int32s, int64s, uint32s, uint64s, uints, int16s, uint16s, int8s, strings
    case data, date, uuid, url, decimal

    /// Whether the form may be an array or a map of items.
    @inline(__always)
    var isContainer: Bool {
        switch self {
        case .strings, .decimal, .url: true
        default: false
        }
    }

    /// The form of `type`, by comparing types. Most types that have none are told by their size.
    init<Value>(of type: Value.Type) {
        switch MemoryLayout<Value>.size {
        case MemoryLayout<Int>.size: self = Self.ofWord(type)
        case MemoryLayout<String>.size where type == String.self: self = .string
        case MemoryLayout<Bool>.size: self = type == Bool.self ? .bool : .none
        case MemoryLayout<Float>.size: self = type == Float.self ? .float : .none
        default: self = Self.ofFoundation(type)
        }
    }

    private static func ofWord<Value>(_ type: Value.Type) -> DirectForm {
        if type == Int.self { return .int }
        if type == Double.self { return .double }
        if type == [Double].self { return .doubles }
        if type == [Float].self { return .floats }
        if type == [String].self { return .strings }
        if type == [Int].self { return .ints }
        if type == [UInt8].self { return .bytes }
        if type == [Int32].self { return .int32s }
        if type == [Int64].self { return .int64s }
        if type == [UInt32].self { return .uint32s }
        if type == [UInt64].self { return .uint64s }
        if type == [UInt].self { return .uints }
        if type == [Int16].self { return .int16s }
        if type == [UInt16].self { return .uint16s }
        if type == [Int8].self { return .int8s }
        return ofFoundation(type)
    }

    private static func ofFoundation<Value>(_ type: Value.Type) -> DirectForm {
        if MemoryLayout<Value>.size > 24 { return .none }
        if type == Data.self { return .data }
        if type == Date.self { return .date }
        if type == UUID.self { return .uuid }
        if type == URL.self { return .url }
        if type == Decimal.self { return .decimal }
        return .none
    }
}
