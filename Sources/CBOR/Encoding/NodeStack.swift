/// The open and the closed containers of an encoding, in memory that is kept for the next encoding.
@safe final class NodeStack {
    private var base: UnsafeMutablePointer<EncodingNode>
    /// The keys of the nodes with named keys. They are kept separately, and are not optional: copying such a key within
    /// a node costs several calls of the runtime.
    private var keys: UnsafeMutablePointer<any CodingKey>
    private(set) var count = 0
    private var capacity = 16

    init() {
        unsafe base = .allocate(capacity: capacity)
        unsafe base.initialize(repeating: EncodingNode(), count: capacity)
        unsafe keys = .allocate(capacity: capacity)
    }

    deinit {
        removeLast(count)
        unsafe keys.deallocate()
        unsafe base.deinitialize(count: capacity)
        unsafe base.deallocate()
    }

    /// The containers supply the index. A value that kept its encoder too long must not reach other memory with it.
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

    /// The key of a node in its container; nil for the outermost.
    func key(of index: Int) -> (any CodingKey)? {
        switch self[index].key {
        case .none: nil
        case .element(let index): IndexKey(index)
        case .named: unsafe keys[index]
        }
    }

    /// Sets the key of a new node, once.
    @inline(__always)
    func setKey<Key: CodingKey>(_ key: Key, of index: Int) {
        // Comparing types costs a fraction of a cast.
        if Key.self == IndexKey.self {
            self[index].key = .element(unsafe unsafeBitCast(key, to: IndexKey.self).index)
        } else if Key.self == NoKey.self {
            self[index].key = .none
        } else {
            self[index].key = .named
            unsafe (keys + index).initialize(to: key)
        }
    }

    /// Adds a node. The caller initializes it: it still has the content of an earlier one.
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
        let newKeys = UnsafeMutablePointer<any CodingKey>.allocate(capacity: capacity * 2)
        for index in 0..<count {
            if case .named = self[index].key { unsafe (newKeys + index).moveInitialize(from: keys + index, count: 1) }
        }
        unsafe keys.deallocate()
        unsafe keys = newKeys
        capacity *= 2
    }

    func removeLast(_ removed: Int) {
        precondition(removed >= 0 && removed <= count, "More containers removed than there are.")
        for _ in 0..<removed {
            let last = count - 1
            if case .named = self[last].key {
                unsafe (keys + last).deinitialize(count: 1)
                self[last].key = .none
            }
            self[last].finish()
            count = last
        }
    }
}
