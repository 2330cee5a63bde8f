import CChecksum

/// CRC-32C, and its masked form in which every checksum stands on disk.
package enum Checksum {
    package static func extend(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        unsafe checkpoint_crc32c(crc, bytes.baseAddress, bytes.count)
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe extend(0, $0) }
    }

    /// The form in which a checksum is stored. A checksum over bytes that contain checksums detects less unless these
    /// are masked. The rotation and the constant are LevelDB's.
    package static func mask(_ crc: UInt32) -> UInt32 {
        (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    }
}
