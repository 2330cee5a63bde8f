internal import CBOR

/// Facts that a program saves beside a checkpoint's value, such as a step, a metric or a note. Listings show them
/// without reading the value.
///
/// ```swift
/// try await log.checkpoint(model, for: "model", level: 2, metadata: ["step": .integer(step), "loss": .number(loss)])
/// let best = try await log.best(of: "loss", .lowest, for: "model", level: 2)
/// ```
///
/// At most 4,096 bytes when encoded. An integer or a number takes up to nine bytes; a name or text takes its UTF-8.
public typealias CheckpointMetadata = [String: MetadataValue]

/// One value of a checkpoint's metadata.
public enum MetadataValue: Sendable, Hashable {
    /// Text.
    case text(String)
    /// A whole number.
    case integer(Int64)
    /// A floating-point number; infinities and NaN are kept.
    case number(Double)

    /// The number as a `Double`; nil for text. Whole numbers greater than 2⁵³ are rounded.
    public var doubleValue: Double? {
        switch self {
        case .text: nil
        case .integer(let integer): Double(integer)
        case .number(let number): number
        }
    }

    /// The whole number; nil for text and for floating-point numbers.
    public var integerValue: Int64? { if case .integer(let integer) = self { integer } else { nil } }
}

extension MetadataValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    public init(stringLiteral text: String) { self = .text(text) }
    public init(integerLiteral integer: Int64) { self = .integer(integer) }
    public init(floatLiteral number: Double) { self = .number(number) }
}

extension MetadataValue: CustomStringConvertible {
    /// The text or the number as Swift prints it.
    public var description: String {
        switch self {
        case .text(let text): text
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        }
    }
}

/// As the text or the number alone.
extension MetadataValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // This is exact: for a CBOR decoder, a floating-point number is no integer, even if it is whole.
        if let integer = try? container.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(number)
        }
    }
}

/// Which number of a metric is best.
public enum MetricOrder: Sendable, Hashable {
    /// The least number, for example of a loss or an error.
    case lowest
    /// The greatest number, for example of an accuracy or a score.
    case highest
}

/// Metadata in the form that a frame stores: a CBOR map with its names in the order of their bytes. So equal metadata
/// have equal bytes.
package enum EncodedMetadata {
    /// Bytes of the map.
    package static let byteLimit = 4_096

    private struct Name: CodingKey {
        let stringValue: String
        /// Names are texts; a number as a name is refused.
        let intValue: Int?

        init(stringValue: String) {
            self.stringValue = stringValue
            intValue = nil
        }

        init(intValue: Int) {
            stringValue = "\(intValue)"
            self.intValue = intValue
        }
    }

    private struct Map: Codable {
        var metadata: CheckpointMetadata

        init(_ metadata: CheckpointMetadata) { self.metadata = metadata }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
            metadata = [:]
            for name in container.allKeys {
                guard name.intValue == nil else {
                    throw DecodingError.dataCorruptedError(
                        forKey: name, in: container, debugDescription: "A name is a number.")
                }
                metadata[name.stringValue] = try container.decode(MetadataValue.self, forKey: name)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            for (name, value) in metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                try container.encode(value, forKey: Name(stringValue: name))
            }
        }
    }

    /// The bytes of the map; none for no metadata.
    ///
    /// - Throws: `.invalidArgument` over the limit.
    package static func bytes(of metadata: CheckpointMetadata) throws -> [UInt8] {
        if metadata.isEmpty { return [] }
        let bytes = try CBOREncoder().encode(Map(metadata))
        guard bytes.count <= byteLimit else {
            throw CheckpointLogError.overLimit("The metadata", byteCount: bytes.count, limit: byteLimit)
        }
        return bytes
    }

    /// The metadata in the bytes of a frame; nil if the bytes are no such map.
    package static func metadata(in bytes: [UInt8]) -> CheckpointMetadata? {
        if bytes.isEmpty { return [:] }
        return try? CBORDecoder().decode(Map.self, from: bytes).metadata
    }
}
