import CBOR
import Testing

/// The diagnostic notation of RFC 8949, section 8, with examples of its appendix A.
@Suite struct DiagnosticTests {
    @Test(arguments: [
        ("00", "0"), ("1bffffffffffffffff", "18446744073709551615"), ("3bffffffffffffffff", "-18446744073709551616"),
        ("3903e7", "-1000"), ("f90000", "0.0"), ("f93e00", "1.5"), ("f97c00", "Infinity"), ("f97e00", "NaN"),
        ("fbfff0000000000000", "-Infinity"), ("f4", "false"), ("f6", "null"), ("f7", "undefined"),
        ("f8ff", "simple(255)"),
        ("c11a514b67b0", "1(1363896240)"), ("4401020304", "h'01020304'"), ("60", "\"\""), ("62225c", "\"\\\"\\\\\""),
        ("80", "[]"), ("8301820203820405", "[1, [2, 3], [4, 5]]"), ("a201020304", "{1: 2, 3: 4}"),
        ("826161a161626163", "[\"a\", {\"b\": \"c\"}]"), ("5f42010243030405ff", "(_ h'0102', h'030405')"),
        ("9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]"),
        ("bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"),
    ])
    func theExamplesReadAsTheRFCWritesThem(hex: String, text: String) {
        #expect(CBORDiagnostic.text(of: PeerTests.bytes(hex[...])) == text)
    }

    @Test func theVectorsThatJSONCannotStateReadAsTheRFCWritesThem() {
        var compared = 0
        for vector in VectorTests.vectors {
            guard let diagnostic = vector.diagnostic else { continue }
            // RFC 8949, section 3.3, forbids this one.
            if vector.hex == "f818" { continue }
            #expect(CBORDiagnostic.text(of: vector.bytes) == diagnostic, "\(vector.hex)")
            compared += 1
        }
        #expect(compared > 10)
    }

    @Test(arguments: ["5a00100000", "7a00100000", "9a00100000"]) func theTextIsNotMuchLongerThanItsLimit(head: String) {
        let bytes = PeerTests.bytes(head) + [UInt8](repeating: 0x41, count: 1 << 20)
        let text = CBORDiagnostic.text(of: bytes, characterLimit: 100)
        #expect(text.count < 200)
        #expect(text.contains("…"))
        #expect(!CBORDiagnostic.text(of: bytes, characterLimit: 0).isEmpty)
        #expect(!CBORDiagnostic.text(of: bytes, characterLimit: -1).isEmpty)
    }

    @Test func whatIsNoCBOREndsWithWhatIsWrong() {
        #expect(CBORDiagnostic.text(of: PeerTests.bytes("8201")).hasPrefix("[1"))
        #expect(CBORDiagnostic.text(of: PeerTests.bytes("8201")).contains("…("))
        #expect(CBORDiagnostic.text(of: [UInt8](repeating: 0x81, count: 100_000)).contains("…("))
        #expect(CBORDiagnostic.text(of: PeerTests.bytes("9bffffffffffffffff")).contains("…"))
        #expect(CBORDiagnostic.text(of: [UInt8](repeating: 0x01, count: 1_000), characterLimit: 100).hasSuffix("…"))
    }
}
