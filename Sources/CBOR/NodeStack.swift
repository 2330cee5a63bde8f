/// The open and closed containers of an encoding, in memory that is kept from one encoding to the next.
@safe final class NodeStack {
    private var base: UnsafeMutablePointer<EncodingNode>
    private(set) var count = 0
    private var capacity = 16

    init() { unsafe base = .allocate(capacity: capacity) }

    deinit {
        removeLast(count)
        unsafe base.deallocate()
    }

    var indices: Range<Int> { 0..<count }

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

    /// Takes the node over, without a count of its references up and down.
    @inline(__always)
    func append(_ node: consuming EncodingNode) {
        if count == capacity { grow() }
        unsafe (base + count).initialize(to: node)
        count += 1
    }

    private func grow() {
        let new = UnsafeMutablePointer<EncodingNode>.allocate(capacity: capacity * 2)
        unsafe new.moveInitialize(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = new
        capacity *= 2
    }

    func removeLast(_ removed: Int) {
        precondition(removed >= 0 && removed <= count, "More containers removed than there are.")
        count -= removed
        unsafe (base + count).deinitialize(count: removed)
    }
}
