extension EncodingState {
    /// The tree of `node`. To make it, everything in the buffer becomes a tree.
    func tree(of node: Int) -> EncodedTree {
        if treeCount < nodes.count { makeTrees() }
        if let tree = nodes[node].tree { return tree }
        preconditionFailure("Every node before `treeCount` has a tree.")
    }

    /// The item that `write` appends to the buffer, or leaves as a tree, for a container that is a tree.
    func detachedItem(_ write: () throws -> Void) throws -> EncodedTree.Item {
        let known = nodes.count
        do {
            try write()
        } catch {
            takeBack(to: start, known, of: -1)
            throw error
        }
        return takeItem()
    }

    func takeItem() -> EncodedTree.Item {
        if let tree = finished {
            finished = nil
            return .tree(tree)
        }
        let item = bytes.copy(from: start)
        bytes.removeLast(item.count)
        return .bytes(item)
    }

    /// Undoes a failed item: removes the nodes opened since, and the bytes written since.
    func takeBack(to start: Int, _ known: Int, of node: Int) {
        finished = nil
        nodes.removeLast(nodes.count - known)
        treeCount = min(treeCount, known)
        // If its container has become a tree meanwhile, or was one, nothing else is in the buffer.
        let isTree = node < treeCount
        bytes.removeLast(bytes.count - (isTree ? self.start : start))
        moveTop(to: isTree ? -1 : node)
    }

    private func makeTrees() {
        let first = treeCount
        var inner = [[Int]](repeating: [], count: nodes.count - first)
        for node in first..<nodes.count {
            nodes[node].tree = EncodedTree()
            if !nodes[node].isUnderWay { inner[nodes[node].parent - first].append(node) }
        }
        do throws(CBORError) {
            for node in first..<nodes.count { try fillTree(of: node, inner[node - first]) }
        } catch {
            preconditionFailure("What was encoded is not well-formed: \(error)")
        }
        bytes.removeLast(bytes.count - start)
        treeCount = nodes.count
        moveTop(to: -1)
    }

    /// Copies the content of `node` from the buffer. The nodes inside of it become trees of their own.
    private func fillTree(of node: Int, _ inner: [Int]) throws(CBORError) {
        guard let tree = nodes[node].tree, nodes[node].form != .slot else { return }
        let end = nodes[node].isOpen ? bytes.count : nodes[node].end
        if nodes[node].form == .value {
            // Its value may not be complete yet; then it is added later.
            let isFilled = node + 1 == nodes.count || !nodes[node + 1].isUnderWay || nodes[node + 1].enclosing != node
            if isFilled { _ = tree.fill(.bytes(bytes.copy(nodes[node].head..<end))) }
            return
        }
        _ = tree.shape(as: nodes[node].form)
        let reader = unsafe CBORReader.ofOwnBytes(bytes.bytes)
        var offset = nodes[node].head + nodes[node].headByteCount
        var inner = inner[...]
        for _ in 0..<nodes[node].count {
            var name: String?
            if nodes[node].form == .map {
                let key = try reader.head(at: offset)
                name = try reader.text(key)
                offset = try reader.skip(from: offset)
            }
            let item: EncodedTree.Item
            if let next = inner.first, nodes[next].head == offset, let tree = nodes[next].tree {
                inner.removeFirst()
                item = .tree(tree)
                offset = nodes[next].isOpen ? bytes.count : nodes[next].end
            } else {
                let end = try reader.skip(from: offset)
                item = .bytes(bytes.copy(offset..<end))
                offset = end
            }
            if let name { tree.set(name, item) } else { tree.append(item) }
        }
    }
}
