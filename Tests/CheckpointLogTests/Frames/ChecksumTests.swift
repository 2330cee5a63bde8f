import CChecksum
import CheckpointLog
import TestSupport
import Testing

/// CRC-32C by tables and by instructions, against RFC 3720, appendix B.4.
@Suite struct ChecksumTests {
    static let checkValues: [([UInt8], UInt32)] = [
        (Array("123456789".utf8), 0xE306_9283),
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        ((0..<32).map { UInt8($0) }, 0x46DD_794E),
        ((0..<32).reversed().map { UInt8($0) }, 0x113F_DB5C),
    ]

    @Test(arguments: checkValues) func checkValuesHold(bytes: [UInt8], expected: UInt32) {
        #expect(Checksum.of(bytes) == expected)
        #expect(unsafe checkpoint_crc32c_table(0, bytes, bytes.count) == expected)
    }

    @Test func tablesAndInstructionsAgreeAtEveryLength() {
        var generator = SeededGenerator(seed: testSeed(11))
        let bytes = (0..<40_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let lengths = Array(0..<1_100) + [4_096 * 3 - 1, 4_096 * 3, 4_096 * 3 + 9, 30_000, 39_990]
        for length in lengths {
            unsafe bytes.withUnsafeBytes { buffer in
                let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[(length % 8)..<(length % 8) + length])
                let table = unsafe checkpoint_crc32c_table(7, part.baseAddress, length)
                #expect(unsafe checkpoint_crc32c(7, part.baseAddress, length) == table)
            }
        }
    }
}
