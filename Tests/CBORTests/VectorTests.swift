import CBOR
import Foundation
import Testing

/// The examples of RFC 8949, appendix A.
@Suite struct VectorTests {
    struct Vector: Sendable {
        var hex: String
        var bytes: [UInt8]
        var roundtrip: Bool
        var decoded: JSONValue?
        var diagnostic: String?
    }

    static let vectors: [Vector] = {
        guard
            let url = Bundle.module.url(forResource: "cbor-appendix-a", withExtension: "json", subdirectory: "Vectors"),
            let data = try? Data(contentsOf: url),
            let rows = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
        else { return [] }
        return rows.compactMap { row in
            guard let hex = row["hex"] as? String, let text = row["cbor"] as? String,
                let data = Data(base64Encoded: text)
            else { return nil }
            return Vector(
                hex: hex, bytes: Array(data), roundtrip: row["roundtrip"] as? Bool ?? false,
                decoded: row["decoded"].map(JSONValue.init), diagnostic: row["diagnostic"] as? String)
        }
    }()

    @Test func allVectorsAreThere() { #expect(Self.vectors.count == 82) }

    @Test func everyVectorIsWellFormed() throws {
        // f818 was well-formed under RFC 7049; RFC 8949, section 3.3, forbids it.
        for vector in Self.vectors where vector.hex != "f818" { try CBORValidation.check(vector.bytes) }
        #expect(throws: CBORError.self) { try CBORValidation.check([0xF8, 0x18]) }
    }

    @Test func everyVectorThatJSONCanStateDecodesToIt() throws {
        var compared = 0
        for vector in Self.vectors {
            // Numbers over 64 bits come as bignums, which no Swift type of the vectors' JSON holds exactly.
            guard let decoded = vector.decoded, !vector.hex.hasPrefix("c2"), !vector.hex.hasPrefix("c3") else {
                continue
            }
            guard !["3bffffffffffffffff"].contains(vector.hex) else { continue }
            let value = try CBORDecoder().decode(JSONValue.self, from: vector.bytes)
            if case .number(let left) = value, case .number(let right) = decoded, left != right {
                // The vectors' JSON states some doubles with a digit too few.
                #expect(abs(left / right - 1) < 1e-15, "\(vector.hex)")
            } else if case .number(let left) = value, case .integer(let right) = decoded {
                // JSON does not tell 1.0 from 1.
                #expect(left == Double(right), "\(vector.hex)")
            } else {
                #expect(value == decoded, "\(vector.hex)")
            }
            compared += 1
        }
        #expect(compared > 50)
    }

    @Test func whatIsPreferredIsWrittenAsInTheVectors() throws {
        var compared = 0
        for vector in Self.vectors where vector.roundtrip && vector.decoded != nil {
            guard !vector.hex.hasPrefix("c"), !vector.hex.hasPrefix("d"), vector.hex != "3bffffffffffffffff" else {
                continue
            }
            // JSON does not tell 1.0 from 1, nor keep the order of keys.
            guard !["f9", "fa", "fb", "a2", "a5", "82", "bf"].contains(where: { vector.hex.hasPrefix($0) }) else {
                continue
            }
            let value = try CBORDecoder().decode(JSONValue.self, from: vector.bytes)
            let bytes = try CBOREncoder().encode(value)
            #expect(bytes == vector.bytes, "\(vector.hex)")
            compared += 1
        }
        #expect(compared > 25)
    }

    @Test(arguments: [
        (0.0, "f90000"), (-0.0, "f98000"), (1.0, "f93c00"), (1.1, "fb3ff199999999999a"), (1.5, "f93e00"),
        (65_504.0, "f97bff"), (100_000.0, "fa47c35000"), (3.402_823_466_385_288_6e38, "fa7f7fffff"),
        (1.0e300, "fb7e37e43c8800759c"), (5.960_464_477_539_063e-8, "f90001"), (0.000_061_035_156_25, "f90400"),
        (-4.0, "f9c400"), (-4.1, "fbc010666666666666"), (Double.infinity, "f97c00"), (-Double.infinity, "f9fc00"),
        (Double.nan, "f97e00"),
    ]) func floatsTakeTheirShortestForm(value: Double, hex: String) throws {
        let bytes = try CBOREncoder().encode(value)
        #expect(bytes.map { String(format: "%02x", $0) }.joined() == hex)
    }
}

/// What JSON can state, for the comparison with the vectors.
enum JSONValue: Codable, Equatable, Sendable {
    case null, bool(Bool), integer(Int64), unsigned(UInt64), number(Double), text(String)
    case array([JSONValue]), object([String: JSONValue])

    init(_ any: Any) {
        switch any {
        case let value as String: self = .text(value)
        case let value as [Any]: self = .array(value.map(JSONValue.init))
        case let value as [String: Any]: self = .object(value.mapValues(JSONValue.init))
        case let value as NSNumber:
            if CFNumberIsBoolean(value) {
                self = .bool(value.boolValue)
            } else if let exact = Int64(exactly: value) {
                self = .integer(exact)
            } else if let exact = UInt64(exactly: value) {
                self = .unsigned(exact)
            } else {
                self = .number(value.doubleValue)
            }
        default: self = .null
        }
    }

    init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let value = try? single.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? single.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? single.decode(UInt64.self) {
            self = .unsigned(value)
        } else if let value = try? single.decode(Double.self) {
            self = .number(value)
        } else if let value = try? single.decode(String.self) {
            self = .text(value)
        } else if let value = try? single.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try single.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var single = encoder.singleValueContainer()
        switch self {
        case .null: try single.encodeNil()
        case .bool(let value): try single.encode(value)
        case .integer(let value): try single.encode(value)
        case .unsigned(let value): try single.encode(value)
        case .number(let value): try single.encode(value)
        case .text(let value): try single.encode(value)
        case .array(let value): try single.encode(value)
        case .object(let value): try single.encode(value)
        }
    }
}

private func CFNumberIsBoolean(_ number: NSNumber) -> Bool { unsafe String(cString: number.objCType) == "c" }
