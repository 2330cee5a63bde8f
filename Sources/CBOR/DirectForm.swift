#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The types that are coded without their own `Codable` conformance. Each row of the table is a case, its type in
/// ``visit(_:)``, and its form in CBOR (``DirectlyCoded``).
enum DirectForm {
    case none
    case int, double, string, float, bool
    case doubles, floats, ints, bytes, int32s, int64s, uint32s, uint64s, uints, int16s, uint16s, int8s, strings
    case data, date, uuid, url, decimal

    /// Whether the form may contain items, as an array or a map.
    @inline(__always)
    var isContainer: Bool {
        switch self {
        case .strings, .decimal, .url: true
        default: false
        }
    }

    /// The form of `type`, found by comparing types. Most types without a form are recognised by their size.
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

    /// Calls `visitor` with the type of the form.
    ///
    /// - Precondition: the form is not ``none``.
    @inline(__always)
    func visit<Visitor: DirectFormVisitor>(_ visitor: Visitor) throws(Visitor.Failure) -> Visitor.Result {
        switch self {
        case .int: try visitor.visit(Int.self)
        case .double: try visitor.visit(Double.self)
        case .string: try visitor.visit(String.self)
        case .float: try visitor.visit(Float.self)
        case .bool: try visitor.visit(Bool.self)
        case .doubles: try visitor.visit([Double].self)
        case .floats: try visitor.visit([Float].self)
        case .ints: try visitor.visit([Int].self)
        case .bytes: try visitor.visit([UInt8].self)
        case .int32s: try visitor.visit([Int32].self)
        case .int64s: try visitor.visit([Int64].self)
        case .uint32s: try visitor.visit([UInt32].self)
        case .uint64s: try visitor.visit([UInt64].self)
        case .uints: try visitor.visit([UInt].self)
        case .int16s: try visitor.visit([Int16].self)
        case .uint16s: try visitor.visit([UInt16].self)
        case .int8s: try visitor.visit([Int8].self)
        case .strings: try visitor.visit([String].self)
        case .data: try visitor.visit(Data.self)
        case .date: try visitor.visit(Date.self)
        case .uuid: try visitor.visit(UUID.self)
        case .url: try visitor.visit(URL.self)
        case .decimal: try visitor.visit(Decimal.self)
        case .none: preconditionFailure("A type without a direct form is coded by itself.")
        }
    }
}

/// What a caller does with the type of a ``DirectForm``.
protocol DirectFormVisitor {
    associatedtype Result
    associatedtype Failure: Error

    func visit<Value: DirectlyCoded>(_ type: Value.Type) throws(Failure) -> Result
}
