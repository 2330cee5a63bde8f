extension EncodingState {
    /// The node of `place`; nil if its value is complete.
    func find(_ place: Int) -> Int? {
        if place == topPlace { return top }
        var (low, high) = (0, nodes.count)
        while low < high {
            let middle = (low + high) / 2
            if nodes[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low < nodes.count && nodes[low].place == place ? low : nil
    }

    /// The node of a place that is in use; -1 if it is the outermost one's and that value is complete.
    @inline(__always)
    func node(of place: Int) -> Int { place == topPlace ? top : find(place) ?? -1 }

    /// Whether an array or a map in the container of `place` would exceed the depth limit.
    @inline(__always)
    func isFull(_ place: Int) -> Bool { depth(in: node(of: place)) >= depthLimit }

    /// The container and the key that a single value at `place` gets.
    func surroundings(of place: Int) -> (parent: Int, key: any CodingKey) {
        find(place).map { (nodes[$0].parent, nodes.key(of: $0) ?? NoKey()) } ?? (-1, NoKey())
    }

    /// The keys from the outermost value to the one of `place`.
    func codingPath(of place: Int) -> [any CodingKey] { find(place).map { path(to: $0) } ?? [] }

    @inline(__always)
    func count(of place: Int) -> Int {
        place == topPlace
            ? nodes[top].count : find(place).map { nodes[$0].tree?.count ?? nodes[$0].count } ?? 0
    }

    func path(to node: Int) -> [any CodingKey] {
        var path: [any CodingKey] = []
        var node = node
        while node >= 0 {
            if let key = nodes.key(of: node) { path.append(key) }
            node = nodes[node].parent
        }
        return path.reversed()
    }

    /// Opens a place for one value at the end of the buffer, which becomes the innermost node.
    @inline(__always)
    func open(parent: Int, key: some CodingKey, isUnderWay: Bool) {
        lastPlace += 1
        let depth = depth(in: parent) + 1
        nodes.add()
        nodes[nodes.count - 1].begin(
            place: lastPlace, parent: parent, enclosing: top, depth: depth, head: bytes.count, isUnderWay: isUnderWay)
        nodes.setKey(key, of: nodes.count - 1)
        bytes.append(0)
        top = nodes.count - 1
        topPlace = lastPlace
    }

    func moveTop(to node: Int) {
        top = node
        topPlace = node < 0 ? -1 : nodes[node].place
    }

    /// Closes `node` and every open node inside of it.
    func close(downTo node: Int) {
        while top >= node { close(top) }
    }

    func close(_ node: Int) {
        nodes[node].isOpen = false
        nodes[node].end = bytes.count
        writeHead(of: node)
        moveTop(to: nodes[node].enclosing)
    }

    /// Writes the head of an open node in the buffer, or of an empty one that was closed, with its form and count.
    func writeHead(of node: Int) {
        let major: CBORHead.Major
        switch nodes[node].form {
        case .slot, .map: major = .map
        case .array: major = .array
        case .value: return
        }
        let (place, count) = (nodes[node].head, nodes[node].count)
        if count < 24 {
            bytes[place] = major.rawValue << 5 | UInt8(count)
            return
        }
        var head: [UInt8] = []
        head.appendHead(major, UInt64(count))
        bytes[place] = head[0]
        bytes.insert(contentsOf: head[1...], at: place + 1)
        // Nodes that were opened later are inside of it.
        for inner in node + 1..<nodes.count {
            nodes[inner].head += head.count - 1
            nodes[inner].end += head.count - 1
        }
        nodes[node].headByteCount = head.count
        nodes[node].end += head.count - 1
    }

    /// Makes `node` the innermost one by closing the open nodes inside of it. False if `node` itself is closed or a
    /// tree, or if a value inside of it is not complete.
    func reach(_ node: Int) -> Bool {
        guard node >= treeCount, nodes[node].isOpen else { return false }
        var inner = top
        while inner > node, !nodes[inner].isUnderWay { inner = nodes[inner].enclosing }
        guard inner == node else { return false }
        while top > node { close(top) }
        return true
    }

    /// Makes the node of `place` the container that is asked for. A container that is asked for again continues.
    ///
    /// - Returns: the place, or 0 if the value is something else already: then the value that is being encoded fails.
    @inline(__always)
    func shape(_ place: Int, as form: EncodingNode.Form) -> Int {
        guard place == topPlace, nodes[top].form == .slot else { return shapeSlowly(place, as: form) }
        nodes[top].form = form
        return place
    }

    private func shapeSlowly(_ place: Int, as form: EncodingNode.Form) -> Int {
        guard let node = find(place) else { return 0 }
        if node >= treeCount, nodes[node].form != .value {
            if nodes[node].form == .slot {
                nodes[node].form = form
                if !nodes[node].isOpen { writeHead(of: node) }
            }
            if nodes[node].form == form { return place }
        } else if tree(of: node).shape(as: form) {
            return place
        }
        return refuse(node, "A value cannot be a container of two kinds, or one beside a single value.")
    }
}
