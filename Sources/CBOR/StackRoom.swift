internal import CPlatform

/// The part of a thread's stack that values may take by encoding or decoding themselves in one another.
///
/// A quarter of the stack, and 256 KiB at the most, is left to what a value puts there between two calls of the coder.
struct StackRoom {
    private var low: UInt = 0
    private var byteCount: UInt = .max

    static var ofThisThread: StackRoom {
        let bounds = checkpoint_stack_bounds()
        var room = StackRoom()
        guard bounds.high > bounds.low else { return room }
        let size = bounds.high - bounds.low
        room.byteCount = size - min(size / 4, 256 << 10)
        room.low = bounds.high - room.byteCount
        return room
    }

    /// Whether the caller's frame is in it. On another thread than the one that it was asked for, that thread's stack counts.
    @inline(__always)
    var isLeft: Bool {
        checkpoint_frame_address() &- low <= byteCount || Self.isLeftOnThisThread
    }

    @inline(never)
    private static var isLeftOnThisThread: Bool {
        let room = ofThisThread
        return checkpoint_frame_address() &- room.low <= room.byteCount
    }
}
