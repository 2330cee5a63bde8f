/// The content of a container whose items did not come one after another. It is joined when the outermost value is
/// complete.
final class EncodedTree {
    enum Item {
        case bytes([UInt8])
        case tree(EncodedTree)
    }

    private(set) var form = EncodingNode.Form.slot
    private(set) var count = 0
    /// The single value, the entries' values, or an array's items up to the last tree.
    private var items: [Item] = []
    /// The items of an array after its last tree.
    private var tail: [UInt8] = []
    private var names: [String] = []
    private var indices: [String: Int] = [:]

    /// Makes this the container that is asked for; false if it is another one already. If its single value is such a
    /// container, the call uses that one.
    func shape(as wanted: EncodingNode.Form) -> Bool {
        switch form {
        case .slot: form = wanted
        case .value: return open(as: wanted)
        case .array, .map: return form == wanted
        }
        return true
    }

    /// Sets the single value; false if there is one already.
    func fill(_ item: Item) -> Bool {
        guard form == .slot else { return false }
        switch item {
        case .bytes: (form, items) = (.value, [item])
        case .tree(let tree):
            (form, count, items, tail) = (tree.form, tree.count, tree.items, tree.tail)
            (names, indices) = (tree.names, tree.indices)
        }
        return true
    }

    func append(_ item: Item) {
        switch item {
        case .bytes(let bytes):
            append(items: bytes, count: 1)
        case .tree:
            if !tail.isEmpty {
                items.append(.bytes(tail))
                tail = []
            }
            items.append(item)
            count += 1
        }
    }

    /// Appends items that are in `bytes`, one after another.
    func append(items bytes: some Sequence<UInt8>, count: Int) {
        tail.append(contentsOf: bytes)
        self.count += count
    }

    func set(_ name: String, _ item: Item) {
        if let index = indices[name] {
            items[index] = item
            return
        }
        indices[name] = items.count
        names.append(name)
        items.append(item)
        count += 1
    }

    /// The value of the key `name`, to which items can be added; nil if there is none.
    func reopen(_ name: String) -> EncodedTree? {
        guard let index = indices[name] else { return nil }
        if case .tree(let tree) = items[index] { return tree }
        let tree = EncodedTree()
        _ = tree.fill(items[index])
        items[index] = .tree(tree)
        return tree
    }

    func write(to bytes: ByteBuffer) {
        switch form {
        case .slot: bytes.appendHead(.map, 0)
        case .value: break
        case .array: bytes.appendHead(.array, UInt64(count))
        case .map: bytes.appendHead(.map, UInt64(count))
        }
        for (index, item) in items.enumerated() {
            if form == .map { bytes.append(text: names[index]) }
            switch item {
            case .bytes(let item): bytes.append(contentsOf: item)
            case .tree(let tree): tree.write(to: bytes)
            }
        }
        bytes.append(contentsOf: tail)
    }

    /// Replaces the single value by its items, if it is the container that is asked for.
    private func open(as wanted: EncodingNode.Form) -> Bool {
        guard case .bytes(let bytes)? = items.first else { return false }
        return unsafe bytes.withUnsafeBytes { bytes in
            let reader = unsafe CBORReader.ofOwnBytes(bytes)
            guard let (head, _, tag) = try? reader.untagged(at: 0) else { return false }
            switch (head.major, wanted) {
            case (.map, .map):
                return takeEntries(reader, head)
            case (.array, .array) where tag == nil:
                unsafe take(items: UnsafeRawBufferPointer(rebasing: bytes[head.end...]), count: Int(head.argument))
                return true
            case (.bytes, .array):
                let form = tag.map { TypedArrayTag($0) } ?? .bytes
                guard let form, let content = try? reader.stringBytes(head) else { return false }
                let elements = ByteBuffer(capacity: content.count / form.width * (form.width + 1))
                elements.append(elementsOf: content, form)
                unsafe take(items: elements.bytes, count: content.count / form.width)
                return true
            default:
                return false
            }
        }
    }

    private func take(items bytes: UnsafeRawBufferPointer, count: Int) {
        (form, items) = (.array, [])
        unsafe append(items: bytes, count: count)
    }

    private func takeEntries(_ reader: CBORReader, _ head: CBORHead) -> Bool {
        var entries: [(name: String, value: Range<Int>)] = []
        var offset = head.end
        for _ in 0..<head.argument {
            guard let key = try? reader.head(at: offset), let name = try? reader.text(key),
                let value = try? reader.skip(from: offset), let end = try? reader.skip(from: value)
            else { return false }
            entries.append((name, value..<end))
            offset = end
        }
        (form, items) = (.map, [])
        for (name, value) in entries {
            set(name, .bytes(unsafe Array(UnsafeRawBufferPointer(rebasing: reader.bytes[value]))))
        }
        return true
    }
}
