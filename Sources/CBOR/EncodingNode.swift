/// A container being encoded.
struct EncodingNode {
    enum Form {
        /// A place for one value, of which nothing is known yet.
        case slot
        /// A value of its own, without a head of the node's.
        case value
        case array
        case map
        /// A value whose key was encoded again: what is still written to it is dropped.
        case replaced
    }

    var form: Form
    /// Where its head stands: one byte while it is open, as long as its count needs once it is closed.
    var head: Int
    var headByteCount = 1
    var count = 0
    var isOpen = true
    /// Where its items end, once it is closed.
    var end = 0
    var parent: Int
    var key: (any CodingKey)?
    /// The hashes of the first keys: a hash not among them proves a key new.
    var keyHashes = SIMD16<UInt32>()
    var keyCount = 0
    /// The keys themselves, once they are more than the hashes have room for.
    var keys: Set<String>?

    /// Keeps the hash of a key; false where it was there already, or there is no room for it.
    @inline(__always)
    mutating func note(_ hash: UInt32) -> Bool {
        let count = keyCount
        guard count < SIMD16<UInt32>.scalarCount else { return false }
        // Lane by lane through memory: the operators on vectors are calls here.
        let isNew = unsafe withUnsafeMutableBytes(of: &keyHashes) { hashes in
            for index in 0..<count
            where unsafe hashes.load(fromByteOffset: index * 4, as: UInt32.self) == hash {
                return false
            }
            unsafe hashes.storeBytes(of: hash, toByteOffset: count * 4, as: UInt32.self)
            return true
        }
        if isNew { keyCount = count + 1 }
        return isNew
    }
}

extension EncodingState {
    func openSlot(parent: Int, key: (any CodingKey)?) -> Int {
        nodes.append(EncodingNode(form: .slot, head: bytes.count, parent: parent, key: key))
        bytes.append(0)
        top = nodes.count - 1
        return top
    }

    /// Makes a slot the container that is asked for; a container asked for again goes on.
    func shape(_ node: Int, as form: EncodingNode.Form) {
        guard nodes[node].form != .replaced else { return }
        precondition(
            nodes[node].form == .slot || nodes[node].form == form,
            "A value asked its encoder for containers of two kinds.")
        nodes[node].form = form
    }

    /// The keys from the outermost value to `node`.
    func codingPath(of node: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var node = node
        while node >= 0, node < nodes.count {
            if let key = nodes[node].key { path.append(key) }
            node = nodes[node].parent
        }
        return path.reversed()
    }

    /// Adds an item to `node`: `write` appends it to the buffer's end, from where it is moved if that is not its place.
    @inline(__always)
    func addItem(to node: Int, _ write: () throws -> Void) throws {
        if top == node {
            let start = bytes.count
            do {
                try write()
            } catch {
                forget(from: start, in: node)
                throw error
            }
            nodes[node].count += 1
        } else {
            try addItemSlowly(to: node, write)
        }
    }

    /// Takes back what an item wrote before it failed: its container may go on without it.
    func forget(from start: Int, in node: Int) {
        bytes.removeLast(max(0, bytes.count - start))
        nodes.removeLast(max(0, nodes.count - 1 - node))
        top = node
    }

    private func addItemSlowly(to node: Int, _ write: () throws -> Void) throws {
        if nodes[node].isOpen {
            closeInner(of: node)
            top = node
            let (start, known) = (bytes.count, nodes.count)
            do {
                try write()
            } catch {
                bytes.removeLast(max(0, bytes.count - start))
                nodes.removeLast(max(0, nodes.count - known))
                top = node
                throw error
            }
            nodes[node].count += 1
            return
        }
        let start = bytes.count
        let enclosing = top
        let known = nodes.count
        // Nothing above may be taken for the place of this item.
        top = -1
        do {
            try write()
        } catch {
            bytes.removeLast(max(0, bytes.count - start))
            nodes.removeLast(max(0, nodes.count - known))
            top = enclosing
            throw error
        }
        close(downTo: known)
        top = enclosing
        let item = bytes.copy(from: start)
        bytes.removeLast(item.count)
        guard nodes[node].form != .replaced else {
            for index in known..<nodes.count { nodes[index].form = .replaced }
            return
        }
        let place = nodes[node].end
        for index in known..<nodes.count {
            nodes[index].head += place - start
            nodes[index].end += place - start
        }
        insert(item, at: place, into: node, newNodes: known)
        nodes[node].count += 1
        writeHead(of: node)
    }

    /// Puts the single value of a slot into its place.
    func fillSlot(_ node: Int, _ write: () throws -> Void) throws {
        guard nodes[node].form == .slot else {
            guard nodes[node].form == .replaced else {
                preconditionFailure("A value asked its encoder for a single value after another one.")
            }
            let start = bytes.count
            try write()
            bytes.removeLast(bytes.count - start)
            return
        }
        if nodes[node].isOpen, bytes.count == nodes[node].head + 1 {
            bytes.removeLast()
            nodes[node].form = .value
            try write()
            nodes[node].isOpen = false
            nodes[node].end = bytes.count
            top = nodes[node].parent
        } else {
            if nodes[node].isOpen { close(node) }
            let start = bytes.count
            let enclosing = top
            try write()
            top = enclosing
            let item = bytes.copy(from: start)
            bytes.removeLast(item.count)
            insert(Array(item.dropFirst()), at: nodes[node].end, into: node, newNodes: nodes.count)
            bytes[nodes[node].head] = item[0]
            nodes[node].form = .value
        }
    }

    /// Closes every open container from `node` on.
    func close(downTo node: Int) {
        var index = nodes.count - 1
        while index >= node {
            if nodes[index].isOpen { close(index) }
            index -= 1
        }
    }

    private func closeInner(of node: Int) { close(downTo: node + 1) }

    private func close(_ node: Int) {
        nodes[node].isOpen = false
        nodes[node].end = bytes.count
        writeHead(of: node)
    }

    private func writeHead(of node: Int) {
        let major: CBORHead.Major
        switch nodes[node].form {
        case .slot, .map: major = .map
        case .array: major = .array
        case .value, .replaced: return
        }
        let count = nodes[node].count
        if count < 24 {
            bytes[nodes[node].head] = major.rawValue << 5 | UInt8(count)
            return
        }
        var head: [UInt8] = []
        head.appendHead(major, UInt64(count))
        let extra = head.count - nodes[node].headByteCount
        if extra > 0 {
            let place = nodes[node].head + nodes[node].headByteCount
            bytes.insert(contentsOf: [UInt8](repeating: 0, count: extra), at: place)
            for index in nodes.indices {
                if nodes[index].head >= place { nodes[index].head += extra }
                if !nodes[index].isOpen, nodes[index].end >= place { nodes[index].end += extra }
            }
            nodes[node].headByteCount = head.count
        }
        for (index, byte) in head.enumerated() { bytes[nodes[node].head + index] = byte }
    }

    /// Moves `item` to `place`, the end of closed container `node`, and all that stands behind it back.
    private func insert(_ item: [UInt8], at place: Int, into node: Int, newNodes: Int) {
        bytes.insert(contentsOf: item, at: place)
        let head = nodes[node].head
        for index in 0..<newNodes {
            if nodes[index].head >= place {
                nodes[index].head += item.count
                nodes[index].end += item.count
            } else if !nodes[index].isOpen,
                // What ends where `node` ends is inside it or around it: only the latter grows.
                nodes[index].end > place || (nodes[index].end == place && nodes[index].head <= head && index <= node)
            {
                nodes[index].end += item.count
            }
        }
    }
}
