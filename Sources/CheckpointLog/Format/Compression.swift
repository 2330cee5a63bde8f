import CLZ4
import CZlib

package enum Compression {
    /// Below this many bytes nothing is tried: the header alone is longer than what could be won.
    package static let leastByteCount = 256

    /// Compresses `source` into `target` and gives the number of bytes; nil when that would save less than an eighth,
    /// or when samples of a large source save next to nothing.
    package static func compress(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, method: CompressionMethod
    ) -> Int? {
        guard unsafe isPromising(source, target, method) else { return nil }
        return unsafe compress(source, into: target, limit: source.count - source.count / 8, method: method)
    }

    /// Sources of this many bytes and more are tried at two places first. Numbers that are noise, which most large
    /// values are, do not get smaller, and a whole pass that finds it out takes a third as long as the disk takes to
    /// write them.
    private static let probedByteCount = 256 << 10
    /// Half of the distance over which LZ4 finds repetitions.
    private static let probeByteCount = 32 << 10

    /// Whether one of two samples gets smaller by a sixteenth.
    private static func isPromising(
        _ source: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ method: CompressionMethod
    ) -> Bool {
        guard source.count >= probedByteCount, room.count >= probeByteCount else { return true }
        return [source.count / 4, source.count / 4 * 3].contains { start in
            let sample = unsafe UnsafeRawBufferPointer(rebasing: source[start..<start + probeByteCount])
            return unsafe compress(sample, into: room, limit: probeByteCount / 16 * 15, method: method) != nil
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

    /// Decompresses all of `source`; true only when it gives exactly the bytes that fill `target`.
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
