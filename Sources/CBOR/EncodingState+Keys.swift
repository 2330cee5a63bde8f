extension EncodingState {
    /// Adds an entry to map `node`; the entry of a key that is there already goes.
    @inline(__always)
    func addEntry<Key: CodingKey>(to node: Int, _ key: Key, _ write: () throws -> Void) throws {
        let name = key.stringValue
        if nodes[node].count < Self.filteredCount {
            let bit = Self.filterBit(of: name)
            if nodes[node].keyFilter & bit != 0 { removeEntry(of: node, name) }
            nodes[node].keyFilter |= bit
        } else {
            if nodes[node].keys == nil { nodes[node].keys = Set(keys(of: node)) }
            if nodes[node].keys?.insert(name).inserted == false { removeEntry(of: node, name) }
        }
        try addItem(to: node) {
            append(name)
            try write()
        }
    }

    /// Keys up to which a filter of 64 bits is worth asking.
    private static var filteredCount: Int { 32 }

    private func keys(of node: Int) -> [String] {
        if nodes[node].isOpen, top != node { close(downTo: node + 1); top = node }
        let end = nodes[node].isOpen ? bytes.count : nodes[node].end
        var names: [String] = []
        unsafe bytes.withUnsafeBytes { buffer in
            let reader = unsafe CBORReader(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
            var offset = nodes[node].head + nodes[node].headByteCount
            for _ in 0..<nodes[node].count {
                guard let key = try? reader.head(at: offset), let name = try? reader.text(key),
                    let value = try? reader.skip(from: offset), let next = try? reader.skip(from: value)
                else { return }
                names.append(name)
                offset = next
            }
        }
        return names
    }

    @inline(__always)
    private static func filterBit(of name: String) -> UInt64 {
        let text = name.utf8
        let first = UInt64(text.first ?? 0)
        let last = UInt64(text.last ?? 0)
        return 1 << ((first &* 31 &+ last &* 7 &+ UInt64(text.count)) & 63)
    }

    private func removeEntry(of node: Int, _ name: String) {
        guard nodes[node].form == .map else { return }
        if nodes[node].isOpen { close(downTo: node + 1); top = node }
        let end = nodes[node].isOpen ? bytes.count : nodes[node].end
        var found: Range<Int>?
        unsafe bytes.withUnsafeBytes { buffer in
            let reader = unsafe CBORReader(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
            var offset = nodes[node].head + nodes[node].headByteCount
            for _ in 0..<nodes[node].count {
                guard let key = try? reader.head(at: offset), let value = try? reader.skip(from: offset),
                    let next = try? reader.skip(from: value)
                else { return }
                if unsafe buffer[key.end..<value].elementsEqual(name.utf8) {
                    found = offset..<next
                    return
                }
                offset = next
            }
        }
        guard let found else { return }
        bytes.removeSubrange(found)
        for index in nodes.indices where index != node {
            if nodes[index].head >= found.upperBound {
                nodes[index].head -= found.count
                nodes[index].end -= found.count
            } else if found.contains(nodes[index].head) {
                nodes[index].form = .replaced
                nodes[index].isOpen = false
            } else if !nodes[index].isOpen, nodes[index].end >= found.upperBound {
                nodes[index].end -= found.count
            }
        }
        if !nodes[node].isOpen { nodes[node].end -= found.count }
        nodes[node].count -= 1
    }
}
