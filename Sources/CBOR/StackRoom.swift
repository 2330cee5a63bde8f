internal import CPlatform

/// The part of a thread's stack that values may take by encoding or decoding themselves in one another.
///
/// A quarter of the stack, and 256 KiB at the most, is left to what a value puts there between two calls of the coder.
/// The stack is asked for at the first look: most values have none in them that encode themselves.
struct StackRoom {
    private var low: UInt = 0
    private var byteCount: UInt = 0

    /// That of the calling thread; all that there is where the system does not tell.
    @inline(never)
    static func ofThisThread() -> StackRoom {
        let bounds = checkpoint_stack_bounds()
        guard bounds.high > bounds.low else { return StackRoom(low: 0, byteCount: .max) }
        let size = bounds.high - bounds.low
        let byteCount = size - min(size / 4, 256 << 10)
        return StackRoom(low: bounds.high - byteCount, byteCount: byteCount)
    }

    /// Whether the caller's frame is in it.
    @inline(__always)
    var isLeft: Bool { checkpoint_frame_address() &- low < byteCount }
}
