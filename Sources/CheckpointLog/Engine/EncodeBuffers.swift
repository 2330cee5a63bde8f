internal import CBOR
import Synchronization

/// Keeps encoding buffers for reuse, because a fresh page of memory costs more than a small checkpoint.
@safe final class EncodeBuffers: Sendable {
    private static let countLimit = 8
    /// A buffer with more memory than this is not kept.
    private static let byteLimit = 128 << 20

    /// The buffer that was given back last. A single task always finds its buffer here, at the cost of one atomic
    /// exchange.
    private let spare = unsafe Atomic<Unmanaged<CBOREncodingBuffer>?>(nil)
    private let others = Lock<[CBOREncodingBuffer]>([])
    private let encoder: CBOREncoder
    private let lentByteCount: Int

    /// - Parameter lentByteCount: arrays of so many bytes stay where they are, and are no part of a buffer's memory.
    init(_ encoder: CBOREncoder, lendingFrom lentByteCount: Int) {
        self.encoder = encoder
        self.lentByteCount = lentByteCount
    }

    deinit { unsafe spare.exchange(nil, ordering: .acquiring)?.release() }

    /// Lends an empty buffer until the caller gives it back.
    func borrow() -> CBOREncodingBuffer { unsafe borrowUncounted().takeRetainedValue() }

    /// The same without counting: the caller owns a reference, and gives it back or takes it.
    @inline(__always)
    func borrowUncounted() -> Unmanaged<CBOREncodingBuffer> {
        if let spare = unsafe spare.exchange(nil, ordering: .acquiring) { return unsafe spare }
        return unsafe .passRetained(
            others.withLock { $0.popLast() } ?? CBOREncodingBuffer(encoder, lendingFrom: lentByteCount))
    }

    /// Takes a buffer back, and keeps it unless it is too large.
    func giveBack(_ buffer: CBOREncodingBuffer) { unsafe giveBack(.passRetained(buffer)) }

    /// Takes a buffer back with the caller's reference.
    func giveBack(_ buffer: Unmanaged<CBOREncodingBuffer>) {
        let fits = unsafe buffer._withUnsafeGuaranteedRef { $0.reset(keepingAtMost: Self.byteLimit) }
        if fits, unsafe spare.compareExchange(expected: nil, desired: buffer, ordering: .releasing).exchanged { return }
        let kept = unsafe buffer.takeRetainedValue()
        if fits { others.withLock { if $0.count < Self.countLimit { $0.append(kept) } } }
    }
}
