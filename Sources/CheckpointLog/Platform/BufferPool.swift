/// Buffers for repeated use: a fresh page of memory costs microseconds at its first touch.
package final class BufferPool: Sendable {
    package static let shared = BufferPool()

    /// The most buffers that are kept, and the largest of them in bytes. The pool holds at most their product.
    private static let keptCount = 8
    private static let keptByteCount = 4 << 20

    /// Up to this many bytes the stack is faster than the pool. It is Swift's own limit for temporary memory on the
    /// stack.
    private static let stackByteCount = 1_024

    private let free = Lock<[Buffer]>([])

    /// Calls `body` with a buffer of exactly `byteCount` bytes of undefined content.
    @inline(__always)
    package func withBuffer<Result>(
        byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        if byteCount <= Self.stackByteCount {
            return unsafe try withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16, body)
        }
        return unsafe try withKeptBuffer(byteCount: byteCount, body)
    }

    private func withKeptBuffer<Result>(
        byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        var buffer =
            free.withLock { free in
                let found = free.lastIndex { $0.capacity >= byteCount } ?? free.indices.last
                return found.map { free.remove(at: $0) }
            } ?? Buffer()
        buffer.grow(to: byteCount)
        defer {
            if buffer.capacity <= Self.keptByteCount {
                free.withLock { if $0.count < Self.keptCount { $0.append(buffer) } }
            }
        }
        return unsafe try body(UnsafeMutableRawBufferPointer(rebasing: buffer.storage.bytes[..<byteCount]))
    }

    private struct Buffer: Sendable {
        var storage = Storage(byteCount: 16 << 10)

        var capacity: Int { unsafe storage.bytes.count }

        mutating func grow(to byteCount: Int) {
            guard byteCount > capacity else { return }
            storage = Storage(byteCount: max(byteCount, capacity * 2))
        }
    }

    /// `@unchecked Sendable`: a buffer is either in the pool or with one caller.
    @safe private final class Storage: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer

        init(byteCount: Int) {
            unsafe bytes = .allocate(byteCount: byteCount, alignment: 4_096)
        }

        deinit { unsafe bytes.deallocate() }
    }
}
