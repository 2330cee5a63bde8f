extension EncodingState {
    /// Adds an entry to map `node`; the entry of a key that is there already goes.
    @inline(__always)
    func addEntry<Key: CodingKey>(to node: Int, _ key: Key, _ write: () throws -> Void) throws {
        var name = key.stringValue
        if top == node {
            let start = bytes.count
            let isNew = name.withUTF8 { text in
                guard unsafe noteKey(Self.hash(of: text), of: node) else { return false }
                unsafe append(text)
                return true
            }
            if isNew {
                do {
                    try write()
                } catch {
                    forget(from: start, in: node)
                    throw error
                }
                nodes[node].count += 1
                return
            }
        }
        try addEntrySlowly(to: node, name, write)
    }

    private func addEntrySlowly(to node: Int, _ name: String, _ write: () throws -> Void) throws {
        var name = name
        if nodes[node].keyCount < SIMD16<UInt32>.scalarCount {
            if !name.withUTF8({ unsafe noteKey(Self.hash(of: $0), of: node) }) { removeEntry(of: node, name) }
        } else {
            if nodes[node].keys == nil { nodes[node].keys = Set(keys(of: node)) }
            if nodes[node].keys?.insert(name).inserted == false { removeEntry(of: node, name) }
        }
        try addItem(to: node) {
            append(name)
            try write()
        }
    }

    /// Keeps the hash of a key; false where it was there already, or there is no room for it.
    @inline(__always)
    private func noteKey(_ hash: UInt32, of node: Int) -> Bool {
        let count = nodes[node].keyCount
        guard count < SIMD16<UInt32>.scalarCount else { return false }
        // Lane by lane through memory: the operators on vectors are calls here.
        return unsafe withUnsafeMutableBytes(of: &nodes[node].keyHashes) { hashes in
            for index in 0..<count
            where unsafe hashes.load(fromByteOffset: index * 4, as: UInt32.self) == hash {
                return false
            }
            unsafe hashes.storeBytes(of: hash, toByteOffset: count * 4, as: UInt32.self)
            nodes[node].keyCount = count + 1
            return true
        }
    }

    /// A hash of a few multiplications over whole words. Two keys of one hash only cost a look at the keys.
    @inline(__always)
    private static func hash(of text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let bytes = UnsafeRawBufferPointer(text)
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var hash = UInt64(bytes.count) &* factor
        var index = 0
        while index + 8 <= bytes.count {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            hash = (hash ^ word) &* factor
            hash ^= hash >> 32
            index += 8
        }
        var rest: UInt64 = 0
        while index < bytes.count {
            rest = rest << 8 | UInt64(unsafe bytes[index])
            index += 1
        }
        hash = (hash ^ rest) &* factor
        return UInt32(truncatingIfNeeded: hash >> 32)
    }

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
