import CLZ4
import CZlib

package enum Compression {
    /// The writer does not try to compress fewer bytes than this: the frame's header alone is longer than what it could
    /// win.
    package static let leastByteCount = 256

    /// Compresses `source` into `target` and returns the number of bytes. Returns nil if that saves less than an
    /// eighth, or if samples of a large source save next to nothing.
    package static func compress(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, method: CompressionMethod
    ) -> Int? {
        guard unsafe source.count < probedByteCount || isPromising(BytePieces(source), method) else { return nil }
        return unsafe compress(source, into: target, limit: source.count - source.count / 8, method: method)
    }

    /// For sources of this many bytes and more, two samples are compressed first. Noise in numbers, as in most large
    /// values, does not compress, and a whole pass that finds this out takes a third of the time in which the disk
    /// writes the value.
    private static let probedByteCount = 256 << 10
    /// Half of the distance over which LZ4 finds repetitions.
    private static let probeByteCount = 32 << 10

    /// Whether one of two samples shrinks by a sixteenth or more; true for sources that are too short for samples.
    package static func isPromising(_ source: BytePieces, _ method: CompressionMethod) -> Bool {
        guard source.count >= probedByteCount else { return true }
        return unsafe BufferPool.shared.withBuffer(byteCount: probeByteCount) { room in
            [source.count / 4, source.count / 4 * 3].contains { start in
                unsafe source[start..<start + probeByteCount].withOnePiece { sample in
                    unsafe compress(sample, into: room, limit: probeByteCount / 16 * 15, method: method) != nil
                }
            }
        }
    }

    private static func compress(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, limit: Int,
        method: CompressionMethod
    ) -> Int? {
        let limit = Swift.min(target.count, limit)
        guard limit > 0, source.count <= Int(Int32.max), let from = source.baseAddress, let to = target.baseAddress
        else {
            return nil
        }
        switch method {
        case .none:
            return nil
        case .lz4:
            let count = unsafe LZ4_compress_default(
                from.assumingMemoryBound(to: CChar.self), to.assumingMemoryBound(to: CChar.self), Int32(source.count),
                Int32(limit))
            return count > 0 ? Int(count) : nil
        case .zlib:
            var count = uLongf(limit)
            let code = unsafe compress2(
                to.assumingMemoryBound(to: Bytef.self), &count, from.assumingMemoryBound(to: Bytef.self),
                uLong(source.count), 6)
            return code == Z_OK ? Int(count) : nil
        }
    }

    /// Decompresses all of `source`. Returns true only if the result fills `target` exactly.
    package static func decompress(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, method: CompressionMethod
    ) -> Bool {
        guard source.count > 0, source.count <= Int(Int32.max), target.count > 0, target.count <= Int(Int32.max),
            let from = source.baseAddress, let to = target.baseAddress
        else { return false }
        switch method {
        case .none:
            return false
        case .lz4:
            let count = unsafe LZ4_decompress_safe(
                from.assumingMemoryBound(to: CChar.self), to.assumingMemoryBound(to: CChar.self), Int32(source.count),
                Int32(target.count))
            return Int(count) == target.count
        case .zlib:
            var count = uLongf(target.count)
            var used = uLong(source.count)
            let code = unsafe uncompress2(
                to.assumingMemoryBound(to: Bytef.self), &count, from.assumingMemoryBound(to: Bytef.self), &used)
            return code == Z_OK && Int(count) == target.count && Int(used) == source.count
        }
    }
}
