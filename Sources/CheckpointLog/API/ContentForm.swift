internal import CBOR

/// What a restore makes of the content of a record.
protocol ContentForm<Result> {
    associatedtype Result

    /// The result, if a record of the memory level holds it as it is.
    func remembered(_ record: MemoryRecord) -> Result?

    /// The result from a large value, read directly into the result's memory; nil if that is not possible.
    func received(_ facts: ContentFacts, _ reader: LargeValueReader) throws -> Result?

    /// The result from the content of a record of `key`.
    func decoded(_ content: UnsafeRawBufferPointer, _ facts: ContentFacts, _ key: CheckpointKey) throws -> Result
}

extension ContentForm {
    func remembered(_ record: MemoryRecord) -> Result? { nil }

    func received(_ facts: ContentFacts, _ reader: LargeValueReader) throws -> Result? { nil }
}

/// A value of one type.
struct OneValue<Value: Codable>: ContentForm {
    func remembered(_ record: MemoryRecord) -> Value? {
        guard case .value(let value) = record.content else { return nil }
        return cast(value, Value.self)
    }

    /// An array of numbers is read directly into its memory: copying a large one costs as much as reading it.
    func received(_ facts: ContentFacts, _ reader: LargeValueReader) throws -> Value? {
        guard facts.flags.isDisjoint(with: [.raw, .severalValues]) else { return nil }
        let beginning = try reader.beginning(limit: CBORDecoder.arrayHeadByteLimit)
        return unsafe try beginning.withUnsafeBytes {
            unsafe try CBORDecoder().decodeArray(Value.self, beginning: $0, byteCount: reader.byteCount) {
                unsafe try reader.read(from: $0, into: $1)
            }
        }
    }

    func decoded(_ content: UnsafeRawBufferPointer, _ facts: ContentFacts, _ key: CheckpointKey) throws -> Value {
        unsafe try Self.decode(content, flags: facts.flags, key: key, level: Int(facts.level))
    }

    static func decode(
        _ content: UnsafeRawBufferPointer, flags: FrameHeader.Flags, key: CheckpointKey, level: Int
    ) throws -> Value {
        do {
            guard flags.isDisjoint(with: [.raw, .severalValues]) else {
                throw DecodingError.typeMismatch(
                    Value.self, .init(codingPath: [], debugDescription: "The checkpoint is not of one value."))
            }
            return unsafe try CBORDecoder().decode(Value.self, from: content)
        } catch {
            throw CheckpointLogError.decodingFailed(
                key: key, level: level, stored: unsafe storedForm(flags, content), wanted: "\(Value.self)",
                cause: error)
        }
    }
}

/// Values of several types, that were saved as one checkpoint.
struct SeveralValues<each Value: Codable>: ContentForm {
    func remembered(_ record: MemoryRecord) -> (repeat each Value)? {
        guard case .values(let values) = record.content else { return nil }
        var index = 0
        func next<One>(_ type: One.Type) throws -> One {
            guard index < values.count, let value = cast(values[index], type) else { throw OtherType() }
            index += 1
            return value
        }
        guard let tuple = try? (repeat next((each Value).self)), index == values.count else { return nil }
        return tuple
    }

    func decoded(
        _ content: UnsafeRawBufferPointer, _ facts: ContentFacts, _ key: CheckpointKey
    ) throws -> (repeat each Value) {
        unsafe try Self.decode(content, flags: facts.flags, key: key, level: Int(facts.level))
    }

    static func decode(
        _ content: UnsafeRawBufferPointer, flags: FrameHeader.Flags, key: CheckpointKey, level: Int
    ) throws -> (repeat each Value) {
        do {
            guard flags.contains(.severalValues) else {
                throw DecodingError.typeMismatch(
                    [Any].self, .init(codingPath: [], debugDescription: "The checkpoint is not of several values."))
            }
            let elements = unsafe try CBORArrayDecoder(content)
            let values = (repeat try elements.decodeNext((each Value).self))
            guard elements.isAtEnd else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: [], debugDescription: "The checkpoint holds more values."))
            }
            return values
        } catch {
            var wanted: [String] = []
            for type in repeat (each Value).self { wanted.append("\(type)") }
            throw CheckpointLogError.decodingFailed(
                key: key, level: level, stored: unsafe storedForm(flags, content),
                wanted: "(\(wanted.joined(separator: ", ")))", cause: error)
        }
    }
}

/// The bytes as they are stored.
struct StoredBytes: ContentForm {
    func received(_ facts: ContentFacts, _ reader: LargeValueReader) throws -> [UInt8]? { try reader.bytes() }

    func decoded(_ content: UnsafeRawBufferPointer, _ facts: ContentFacts, _ key: CheckpointKey) throws -> [UInt8] {
        unsafe Array(content)
    }
}

/// What a closure makes of the content.
@safe struct Decoded<Result>: ContentForm, Sendable {
    let body: @Sendable (UnsafeRawBufferPointer, ContentFacts) throws -> Result

    func decoded(_ content: UnsafeRawBufferPointer, _ facts: ContentFacts, _ key: CheckpointKey) throws -> Result {
        unsafe try body(content, facts)
    }
}

/// The form of what is stored, found from its bytes: the log does not store names of types.
func storedForm(_ flags: FrameHeader.Flags, _ content: UnsafeRawBufferPointer) -> String {
    if flags.contains(.raw) { return "\(content.count) bytes that are not CBOR" }
    let form = unsafe CBORDiagnostic.outline(of: content)
    return flags.contains(.severalValues) ? "several values (\(form))" : form
}

/// The value itself if it has exactly this type. Otherwise the value has to be encoded and decoded.
private func cast<Value>(_ value: any Sendable, _ type: Value.Type) -> Value? {
    Swift.type(of: value) == type ? value as? Value : nil
}

/// Thrown inside a cast if the values are of other types than those asked for.
private struct OtherType: Error {}
