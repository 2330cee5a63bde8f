#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A type that encodes its map directly, without `Codable`: several times as fast, and to the same bytes.
///
/// `@Checkpointable` of `CheckpointKeys` generates the conformance for a struct whose `encode(to:)` the compiler
/// generates. By hand it looks like this:
///
/// ```swift
/// struct Walker: Codable {
///     var step: Int
///     var weights: [Double]
///     var note: String?
/// }
///
/// extension Walker: CBORMapEncodable {
///     func encodeEntries(into map: CBORMapWriter) throws {
///         try map.encode(step, for: "step")
///         try map.encode(weights, for: "weights")
///         try map.encode(note, for: "note")
///     }
/// }
/// ```
///
/// A ``CBOREncodingBuffer`` calls it for a value of such a type, for an array of them, and for members of such types
/// inside of one. A value that encodes itself with `Codable` also encodes its members with `Codable`. The buffer
/// encodes the first value of a type, the second, the fourth and so on both ways (over 1 MiB only the first). If the
/// bytes differ, the encoding throws, and nothing is written. ``CBOREncoder/encode(_:)`` encodes one value and uses
/// `Codable`.
public protocol CBORMapEncodable: Encodable {
    /// Appends each entry once, in the order of `encode(to:)`.
    ///
    /// - Parameter map: the writer. Do not use it after the call.
    /// - Throws: what the writer throws.
    func encodeEntries(into map: CBORMapWriter) throws
}

/// Writes the map of a ``CBORMapEncodable``.
///
/// Each call appends one entry. No two entries may have the same key. The form for an optional value appends nothing
/// for nil, as the compiler's `encode(to:)` does. The calls throw what ``CBOREncoder/encode(_:)`` throws, with the
/// member's key in the path.
public struct CBORMapWriter {
    let state: EncodingState
    let place: Int

    /// Appends an integer.
    @inline(__always)
    func encode(integer value: some FixedWidthInteger, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends an integer.
    public func encode(_ value: Int, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: Int8, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: Int16, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: Int32, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: Int64, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: UInt, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: UInt8, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: UInt16, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: UInt32, for key: StaticString) throws { try encode(integer: value, for: key) }
    /// Appends an integer.
    public func encode(_ value: UInt64, for key: StaticString) throws { try encode(integer: value, for: key) }

    /// Appends a number in the shortest form that keeps every bit.
    public func encode(_ value: Double, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends a number in the shortest form that keeps every bit.
    public func encode(_ value: Float, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends a truth value.
    public func encode(_ value: Bool, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends a text.
    public func encode(_ value: String, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends an array of numbers in one piece.
    public func encode(_ value: [Double], for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(numbers: value) }
        }
        state.append(numbers: value)
        state.endEntry()
    }

    /// Appends an array of numbers in one piece.
    public func encode(_ value: [Float], for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(numbers: value) }
        }
        state.append(numbers: value)
        state.endEntry()
    }

    /// Appends an array of numbers in one piece.
    public func encode(_ value: [Int], for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(numbers: value) }
        }
        state.append(numbers: value)
        state.endEntry()
    }

    /// Appends bytes as a byte string.
    public func encode(_ value: [UInt8], for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(byteString: value) }
        }
        state.append(byteString: value)
        state.endEntry()
    }

    /// Appends bytes as a byte string.
    public func encode(_ value: Data, for key: StaticString) throws {
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(value) }
        }
        state.append(value)
        state.endEntry()
    }

    /// Appends an array of texts.
    public func encode(_ value: [String], for key: StaticString) throws {
        guard !state.isFull(place) else { return try encode(any: value, for: key) }
        guard state.beginEntry(of: place, key) else {
            return try state.addEntrySlowly(to: place, key) { state.append(texts: value) }
        }
        state.append(texts: value)
        state.endEntry()
    }

    /// Appends a value that writes its own map.
    public func encode<Value: CBORMapEncodable>(_ value: Value, for key: StaticString) throws {
        try state.addNested(to: place, key) {
            try state.encodeMap(value, parent: state.node(of: place), key: TextKey(text: key))
        }
    }

    /// Appends an array of values that write their own maps.
    public func encode<Value: CBORMapEncodable>(_ value: [Value], for key: StaticString) throws {
        try state.addNested(to: place, key) {
            try state.encodeArray(value, parent: state.node(of: place), key: TextKey(text: key))
        }
    }

    /// Appends a value of any other type, as `Codable` encodes it.
    public func encode<Value: Encodable>(_ value: Value, for key: StaticString) throws {
        try encode(any: value, for: key)
    }

    private func encode<Value: Encodable>(any value: Value, for key: StaticString) throws {
        let form = DirectForm(of: Value.self)
        if form == .none {
            try state.addNested(to: place, key) {
                try state.encodeNested(value, parent: state.node(of: place), key: TextKey(text: key))
            }
        } else if form.isContainer, state.isFull(place) {
            try state.addNested(to: place, key) {
                try state.append(value, form, parent: state.node(of: place), key: TextKey(text: key))
            }
        } else {
            guard state.beginEntry(of: place, key) else {
                return try state.addEntrySlowly(to: place, key) { state.append(value, form) }
            }
            state.append(value, form)
            state.endEntry()
        }
    }

    /// Appends a value unless it is nil.
    public func encode<Value: Encodable>(_ value: Value?, for key: StaticString) throws {
        if let value { try encode(any: value, for: key) }
    }

    /// Appends a value that writes its own map unless it is nil.
    public func encode<Value: CBORMapEncodable>(_ value: Value?, for key: StaticString) throws {
        if let value { try encode(value, for: key) }
    }

    /// Appends an array of values that write their own maps unless it is nil.
    public func encode<Value: CBORMapEncodable>(_ value: [Value]?, for key: StaticString) throws {
        if let value { try encode(value, for: key) }
    }
}

/// A key of a ``CBORMapWriter``, in a coding path.
struct TextKey: CodingKey {
    let text: StaticString

    init(text: StaticString) { self.text = text }
    init?(intValue: Int) { return nil }
    init?(stringValue: String) { return nil }

    var intValue: Int? { nil }
    var stringValue: String { "\(text)" }
}
