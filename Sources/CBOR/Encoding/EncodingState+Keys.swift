extension EncodingState {
    /// The table of a type of keys. Nil if its keys are asked each time, and for the first value of a type: a value
    /// that is encoded by itself has no second one.
    @inline(__always)
    func keyTable<Key: CodingKey>(of type: Key.Type) -> KeyTable? {
        guard KeyTable.fits(type) else { return nil }
        let identifier = ObjectIdentifier(type)
        if identifier == lastKeys, let lastTable { return lastTable }
        return findTable(identifier)
    }

    private func findTable(_ identifier: ObjectIdentifier) -> KeyTable? {
        var table = tables.isEmpty ? nil : tables[identifier]
        if table == nil, identifier == lastKeys || seenKeys.contains(identifier) {
            table = KeyTable()
            tables[identifier] = table
        }
        if let lastKeys, lastTable == nil { seenKeys.insert(lastKeys) }
        (lastKeys, lastTable) = (identifier, table)
        return table
    }

    /// Appends the key of an entry of `node`, the innermost container; false if the map may have it already.
    @inline(__always)
    func beginEntry<Key: CodingKey>(of node: Int, _ key: Key, _ table: KeyTable?) -> Bool {
        guard let entry = unsafe table?.entry(of: key), unsafe entry.pointee.byteCount > 0 else {
            return beginEntrySlowly(of: node, key, table)
        }
        guard unsafe nodes[node].note(entry.pointee.hash) else { return false }
        unsafe bytes.append(entry.pointee.words, byteCount: Int(entry.pointee.byteCount))
        return true
    }

    @inline(never)
    private func beginEntrySlowly<Key: CodingKey>(of node: Int, _ key: Key, _ table: KeyTable?) -> Bool {
        var name = key.stringValue
        return name.withUTF8 { text in
            let hash = unsafe Self.hash(of: text)
            if let entry = unsafe table?.entry(of: key), unsafe !entry.pointee.isUnfit {
                unsafe KeyTable.note(key, text, hash: hash, in: entry)
            }
            guard nodes[node].note(hash) else { return false }
            unsafe bytes.append(text: text)
            return true
        }
    }

    /// Notes a key of `node`, the innermost container; false if the map has it already.
    func noteKey(of node: Int, _ name: String) -> Bool {
        if nodes[node].keyCount < EncodingNode.keyHashCount {
            var name = name
            let hash = name.withUTF8 { unsafe Self.hash(of: $0) }
            // Two keys can have the same hash.
            return nodes[node].note(hash) || !keys(of: node).contains(name)
        }
        if nodes[node].keys == nil { nodes[node].keys = Set(keys(of: node)) }
        return nodes[node].keys?.insert(name).inserted == true
    }

    /// A hash of whole words with a few multiplications. If two keys have the same hash, the keys are compared.
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

    /// The keys of `node`, the innermost container, that are in the buffer.
    private func keys(of node: Int) -> [String] {
        let reader = unsafe CBORReader.ofOwnBytes(bytes.bytes)
        var names: [String] = []
        var offset = nodes[node].head + nodes[node].headByteCount
        for _ in 0..<nodes[node].count {
            guard let key = try? reader.head(at: offset), let name = try? reader.text(key),
                let value = try? reader.skip(from: offset), let next = try? reader.skip(from: value)
            else { preconditionFailure("What was encoded is not well-formed.") }
            names.append(name)
            offset = next
        }
        return names
    }
}
