import CheckpointLog
import TestSupport
import Testing

@Suite struct CompressionTests {
    static func compressedByteCount(_ bytes: [UInt8], _ method: CompressionMethod) -> Int? {
        var room = [UInt8](repeating: 0, count: bytes.count)
        return unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { unsafe Compression.compress(source, into: $0, method: method) }
        }
    }

    static func noise(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: 3)
        return generator.bytes(count)
    }

    @Test(arguments: [CompressionMethod.lz4, .zlib], [1 << 10, 255 << 10, 256 << 10, 1 << 20])
    func whatRepeatsGetsSmallerAndNoiseIsLeft(method: CompressionMethod, count: Int) throws {
        #expect(Self.compressedByteCount(Self.noise(count), method) == nil)
        let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 % 64 / 3) }
        #expect(try #require(Self.compressedByteCount(text, method)) < count / 4)
    }

    /// One sample that gets smaller is enough for the whole to be tried, and less than an eighth is still not worth it.
    @Test(arguments: [CompressionMethod.lz4, .zlib]) func aLargeSourceIsTriedWhereASampleSaysSo(
        method: CompressionMethod
    ) throws {
        let count = 1 << 20
        var half = Self.noise(count)
        half.replaceSubrange(count / 2..<count, with: repeatElement(0, count: count / 2))
        #expect(try #require(Self.compressedByteCount(half, method)) < count * 5 / 8)
        var sixteenth = Self.noise(count)
        sixteenth.replaceSubrange(count / 4..<count / 16 * 5, with: repeatElement(0, count: count / 16))
        #expect(Self.compressedByteCount(sixteenth, method) == nil)
        // Both samples are noise: the rest, which would get smaller, is not looked at.
        var outer = [UInt8](repeating: 0, count: count)
        for start in [count / 4, count / 4 * 3] {
            outer.replaceSubrange(start..<start + (32 << 10), with: Self.noise(32 << 10))
        }
        #expect(Self.compressedByteCount(outer, method) == nil)
    }

    @Test func whatIsNotCompressedIsNotDecompressed() {
        let bytes: [UInt8] = [1, 2, 3, 4]
        var room = [UInt8](repeating: 9, count: 4)
        let isDone = unsafe bytes.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { unsafe Compression.decompress(source, into: $0, method: .none) }
        }
        #expect(!isDone && room == [9, 9, 9, 9])
    }
}
