internal import CBOR
import Synchronization

/// Buffers to encode into, whose memory was used before: a fresh page of memory costs more than a small checkpoint.
@safe final class EncodeBuffers: Sendable {
    private static let countLimit = 8
    /// Bytes over which a buffer's memory is given back.
    private static let byteLimit = 128 << 20

    /// The one that was given back last: one task by itself always finds it here, at the cost of an exchange.
    private let spare = unsafe Atomic<Unmanaged<CBOREncodingBuffer>?>(nil)
    private let others = Lock<[CBOREncodingBuffer]>([])
    private let encoder: CBOREncoder

    init(_ encoder: CBOREncoder) { self.encoder = encoder }

    deinit { unsafe spare.exchange(nil, ordering: .acquiring)?.release() }

    /// An empty buffer, the caller's until it is given back.
    func borrow() -> CBOREncodingBuffer {
        if let spare = unsafe spare.exchange(nil, ordering: .acquiring) { return unsafe spare.takeRetainedValue() }
        return others.withLock { $0.popLast() } ?? CBOREncodingBuffer(encoder)
    }

    /// Takes a buffer back, unless its memory is too much to keep.
    func giveBack(_ buffer: CBOREncodingBuffer) {
        guard buffer.capacity <= Self.byteLimit else { return }
        buffer.removeAll()
        let mine = unsafe Unmanaged.passRetained(buffer)
        if unsafe spare.compareExchange(expected: nil, desired: mine, ordering: .releasing).exchanged { return }
        unsafe mine.release()
        others.withLock { if $0.count < Self.countLimit { $0.append(buffer) } }
    }
}
