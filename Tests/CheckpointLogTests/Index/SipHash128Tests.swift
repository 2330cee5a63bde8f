import CheckpointLog
import Testing

/// The wide SipHash-2-4 against the vectors of its authors' reference code.
@Suite struct SipHash128Tests {
    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        let key = HashSecret(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)
        var hash = SipHash128(key: key)
        unsafe bytes.withUnsafeBytes { unsafe hash.update($0) }
        let (first, second) = hash.finish()
        var digest: [UInt8] = []
        digest.append(littleEndian: first)
        digest.append(littleEndian: second)
        return digest
    }

    @Test func theEmptyInputGivesTheReferenceVector() {
        let expected: [UInt8] = [
            0xA3, 0x81, 0x7F, 0x04, 0xBA, 0x25, 0xA8, 0xE6, 0x6D, 0xF6, 0x72, 0x14, 0xC7, 0x55, 0x02, 0x93,
        ]
        #expect(Self.digest([]) == expected)
    }

    @Test func piecesHashAsTheWholeDoes() {
        let bytes = (0..<100).map { UInt8($0) }
        for split in 0...100 {
            let key = HashSecret(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)
            var hash = SipHash128(key: key)
            unsafe Array(bytes[..<split]).withUnsafeBytes { unsafe hash.update($0) }
            unsafe Array(bytes[split...]).withUnsafeBytes { unsafe hash.update($0) }
            let (first, second) = hash.finish()
            var digest: [UInt8] = []
            digest.append(littleEndian: first)
            digest.append(littleEndian: second)
            #expect(digest == Self.digest(bytes))
        }
    }

    @Test func aHashBegunWithFourBytesIsTheHashOfThem() {
        let key = HashSecret(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908)
        for count in 4..<40 {
            let bytes = (0..<count).map { UInt8($0) }
            var hash = SipHash128(key: key, beginning: 0x0302_0100)
            unsafe Array(bytes[4...]).withUnsafeBytes { unsafe hash.update($0) }
            let (first, second) = hash.finish()
            var digest: [UInt8] = []
            digest.append(littleEndian: first)
            digest.append(littleEndian: second)
            #expect(digest == Self.digest(bytes))
        }
    }
}
