extension EncodingState {
    /// Adds an entry to map `node`; the entry of a key that is there already goes.
    @inline(__always)
    func addEntry<Key: CodingKey>(to node: Int, _ key: Key, _ write: () throws -> Void) throws {
        guard top == node else { return try addEntrySlowly(to: node, key.stringValue, write) }
        let start = bytes.count
        guard beginEntry(of: node, key) else { return try addEntrySlowly(to: node, key.stringValue, write) }
        do {
            try write()
        } catch {
            forget(from: start, in: node)
            throw error
        }
        nodes[node].count += 1
    }

    /// Adds an entry whose value cannot fail.
    @inline(__always)
    func addScalar<Key: CodingKey>(to node: Int, _ key: Key, _ write: () -> Void) throws {
        guard top == node, beginEntry(of: node, key) else {
            return try addEntrySlowly(to: node, key.stringValue, write)
        }
        write()
        nodes[node].count += 1
    }

    /// Appends the key of an entry of `node`, the innermost container; false where it may be there already.
    @inline(never)
    private func beginEntry<Key: CodingKey>(of node: Int, _ key: Key) -> Bool {
        var name = key.stringValue
        return name.withUTF8 { text in
            guard unsafe nodes[node].note(Self.hash(of: text)) else { return false }
            unsafe append(text)
            return true
        }
    }

    private func addEntrySlowly(to node: Int, _ name: String, _ write: () throws -> Void) throws {
        var name = name
        if nodes[node].keyCount < SIMD16<UInt32>.scalarCount {
            let hash = name.withUTF8 { unsafe Self.hash(of: $0) }
            if !nodes[node].note(hash) { removeEntry(of: node, name) }
        } else {
            if nodes[node].keys == nil { nodes[node].keys = Set(keys(of: node)) }
            if nodes[node].keys?.insert(name).inserted == false { removeEntry(of: node, name) }
        }
        try addItem(to: node) {
            append(name)
            try write()
        }
    }

    /// A hash of a few multiplications over whole words. Two keys of one hash only cost a look at the keys.
    @inline(__always)
    private static func hash(of text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let bytes = UnsafeRawBufferPointer(text)
        let (count, factor) = (bytes.count, 0x9E37_79B9_7F4A_7C15 as UInt64)
        var hash = UInt64(truncatingIfNeeded: count)
        if count >= 8 {
            var index = 0
            while index + 8 < count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                hash = (hash ^ word) &* factor
                hash ^= hash >> 32
                index += 8
            }
            hash ^= unsafe bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if count >= 4 {
            let first = unsafe bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
            let last = unsafe bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
            hash ^= UInt64(first) << 32 | UInt64(last)
        } else {
            for index in 0..<count { hash = unsafe hash << 8 | UInt64(bytes[index]) }
        }
        return UInt32(truncatingIfNeeded: (hash &* factor) >> 32)
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
