extension EncodingState {
    /// Adds an item to the array of `place`: `write` appends it to the buffer's end.
    @inline(__always)
    func addItem(to place: Int, _ write: () throws -> Void) throws {
        guard place == topPlace else { return try addItemSlowly(to: place, write) }
        let (node, start, known) = (top, bytes.count, nodes.count)
        do {
            try write()
        } catch {
            takeBack(to: start, known, of: node)
            throw error
        }
        if node >= treeCount { nodes[node].count += 1 } else { tree(of: node).append(takeItem()) }
    }

    private func addItemSlowly(to place: Int, _ write: () throws -> Void) throws {
        guard let node = find(place) else { throw unusable }
        if reach(node) { return try addItem(to: place, write) }
        let tree = tree(of: node)
        tree.append(try detachedItem(write))
    }

    /// Adds an entry to the map of `place`. If the map has the key, its value is replaced.
    @inline(__always)
    func addEntry<Key: CodingKey>(to place: Int, _ key: Key, _ table: KeyTable?, _ write: () throws -> Void) throws {
        guard place == topPlace else { return try addEntrySlowly(to: place, key.stringValue, write) }
        let (node, start, known, keyCount) = (top, bytes.count, nodes.count, nodes[top].keyCount)
        guard beginEntry(of: node, key, table) else { return try addEntrySlowly(to: place, key.stringValue, write) }
        do {
            try write()
        } catch {
            takeBack(to: start, known, of: node)
            nodes[node].keyCount = keyCount
            throw error
        }
        if node >= treeCount {
            nodes[node].count += 1
        } else {
            tree(of: node).set(key.stringValue, takeItem())
        }
    }

    /// Adds an entry with a value that cannot fail.
    @inline(__always)
    func addScalar<Key: CodingKey>(to place: Int, _ key: Key, _ table: KeyTable?, _ write: () -> Void) throws {
        let node = top
        guard place == topPlace, beginEntry(of: node, key, table) else {
            return try addEntrySlowly(to: place, key.stringValue, write)
        }
        write()
        nodes[node].count += 1
    }

    private func addEntrySlowly(to place: Int, _ name: String, _ write: () throws -> Void) throws {
        guard let node = find(place) else { throw unusable }
        let keyCount = nodes[node].keyCount
        guard reach(node), noteKey(of: node, name) else {
            let tree = tree(of: node)
            tree.set(name, try detachedItem(write))
            return
        }
        let (start, known) = (bytes.count, nodes.count)
        bytes.append(text: name)
        do {
            try write()
        } catch {
            takeBack(to: start, known, of: node)
            nodes[node].keyCount = keyCount
            nodes[node].keys?.remove(name)
            throw error
        }
        if node >= treeCount { nodes[node].count += 1 } else { tree(of: node).set(name, takeItem()) }
    }

    /// Sets the single value of the node of `place`.
    func fillSlot(_ place: Int, _ write: () throws -> Void) throws {
        guard place == topPlace, nodes[top].form == .slot else { return try fillSlotSlowly(place, write) }
        let (node, known) = (top, nodes.count)
        bytes.removeLast()
        nodes[node].form = .value
        do {
            try write()
        } catch {
            takeBack(to: nodes[node].head, known, of: node)
            if node >= treeCount {
                bytes.append(0)
                nodes[node].form = .slot
            }
            throw error
        }
        if node < treeCount, !tree(of: node).fill(takeItem()) { throw secondValue(node) }
    }

    private func fillSlotSlowly(_ place: Int, _ write: () throws -> Void) throws {
        guard let node = find(place) else { throw unusable }
        guard isUntouched(node) else { throw secondValue(node) }
        if reach(node) { return try fillSlot(place, write) }
        let tree = tree(of: node)
        guard tree.fill(try detachedItem(write)) else { throw secondValue(node) }
    }

    /// Opens a place for an item of the array of `place`.
    ///
    /// - Returns: its place, or 0 if there is none: then the value under way fails.
    func openItem(of place: Int) -> Int {
        guard let node = find(place) else { return 0 }
        let key = IndexKey(count(of: place))
        guard depth(in: node) < depthLimit else { return refuse(tooDeep((), parent: node, key: key), node) }
        if reach(node) {
            nodes[node].count += 1
            open(parent: node, key: key, isUnderWay: false)
            return topPlace
        }
        let inner = EncodedTree()
        tree(of: node).append(.tree(inner))
        return openTree(inner, parent: node, key: key)
    }

    /// Opens a place for the value of a key in the map of `place`, or the existing one again.
    ///
    /// - Returns: as ``openItem(of:)``.
    func openEntry<Key: CodingKey>(of place: Int, _ key: Key, again: Bool) -> Int {
        guard let node = find(place) else { return 0 }
        guard depth(in: node) < depthLimit else { return refuse(tooDeep((), parent: node, key: key), node) }
        let isTop = reach(node)
        if isTop, beginEntry(of: node, key, nil) {
            nodes[node].count += 1
            open(parent: node, key: key, isUnderWay: false)
            return topPlace
        }
        let name = key.stringValue
        if isTop, noteKey(of: node, name) {
            bytes.append(text: name)
            nodes[node].count += 1
            open(parent: node, key: key, isUnderWay: false)
            return topPlace
        }
        let tree = tree(of: node)
        if again, let inner = tree.reopen(name) { return openTree(inner, parent: node, key: key) }
        let inner = EncodedTree()
        tree.set(name, .tree(inner))
        return openTree(inner, parent: node, key: key)
    }

    private func openTree(_ tree: EncodedTree, parent: Int, key: some CodingKey) -> Int {
        lastPlace += 1
        let depth = depth(in: parent) + 1
        nodes.add()
        let node = nodes.count - 1
        nodes[node].begin(
            place: lastPlace, parent: parent, enclosing: -1, depth: depth, head: start, isUnderWay: false)
        nodes.setKey(key, of: node)
        nodes[node].tree = tree
        treeCount = nodes.count
        return lastPlace
    }
}
