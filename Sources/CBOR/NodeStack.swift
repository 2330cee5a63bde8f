/// The open and closed containers of an encoding, in memory that is kept from one encoding to the next.
@safe final class NodeStack {
    private var base: UnsafeMutablePointer<EncodingNode>
    private(set) var count = 0
    private var capacity = 16

    init() {
        unsafe base = .allocate(capacity: capacity)
        unsafe base.initialize(repeating: EncodingNode(), count: capacity)
    }

    deinit {
        unsafe base.deinitialize(count: capacity)
        unsafe base.deallocate()
    }

    /// An index comes from the containers themselves: one of a value that kept its encoder beyond its time must not reach memory.
    @inline(__always)
    subscript(index: Int) -> EncodingNode {
        unsafeAddress {
            precondition(index >= 0 && index < count, "A container was used after its value was encoded.")
            return unsafe UnsafePointer(base + index)
        }
        unsafeMutableAddress {
            precondition(index >= 0 && index < count, "A container was used after its value was encoded.")
            return unsafe base + index
        }
    }

    /// Adds a node, which is to begin: it is left as another one was.
    @inline(__always)
    func add() {
        if count == capacity { grow() }
        count += 1
    }

    private func grow() {
        let new = UnsafeMutablePointer<EncodingNode>.allocate(capacity: capacity * 2)
        unsafe new.moveInitialize(from: base, count: capacity)
        unsafe (new + capacity).initialize(repeating: EncodingNode(), count: capacity)
        unsafe base.deallocate()
        unsafe base = new
        capacity *= 2
    }

    func removeLast(_ removed: Int) {
        precondition(removed >= 0 && removed <= count, "More containers removed than there are.")
        for _ in 0..<removed {
            count -= 1
            unsafe base[count].finish()
        }
    }
}
