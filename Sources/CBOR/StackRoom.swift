internal import CPlatform

/// The part of a thread's stack that values may take by encoding or decoding themselves in one another.
///
/// A quarter of the stack, and 256 KiB at the most, is left to what a value puts there between two calls of the coder.
/// The stack is asked for at the first look: most values have none in them that encode themselves.
struct StackRoom {
    private var low: UInt = 0
    private var byteCount: UInt = 0

    /// Whether the caller's frame is in it. On another thread than the one that it was asked for, that thread's stack
    /// counts.
    @inline(__always)
    mutating func isLeft() -> Bool {
        checkpoint_frame_address() &- low < byteCount || isLeftOnThisThread()
    }

    @inline(never)
    private mutating func isLeftOnThisThread() -> Bool {
        let bounds = checkpoint_stack_bounds()
        // Where the system does not tell, everything is room.
        guard bounds.high > bounds.low else { return true }
        let size = bounds.high - bounds.low
        byteCount = size - min(size / 4, 256 << 10)
        low = bounds.high - byteCount
        return checkpoint_frame_address() &- low < byteCount
    }
}
