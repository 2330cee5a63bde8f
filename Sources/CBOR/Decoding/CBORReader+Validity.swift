extension CBORReader {
    /// The offset after the item at `offset`. Checks the item as ``skip(from:)`` does, and also that all text is UTF-8
    /// and that no map has a key twice.
    ///
    /// - Complexity: O(n) in the heads, without recursion. A map is read once more if some of its keys may be equal
    ///   according to a few of their bytes, or if they are neither texts nor numbers: O(n · d) in the depth of such
    ///   maps.
    func endOfValidItem(from offset: Int) throws(CBORError) -> Int {
        let result = unsafe withUnsafeTemporaryAllocation(of: OpenContainer.self, capacity: 10) {
            place -> Result<Int, CBORError> in
            var open = unsafe OpenContainers(place)
            defer { open.free() }
            do throws(CBORError) {
                return .success(try endOfValidItem(from: offset, &open))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func endOfValidItem(from offset: Int, _ open: inout OpenContainers) throws(CBORError) -> Int {
        var offset = offset
        repeat {
            if open.isAtKey {
                offset = try endOfPlainEntries(from: offset, &open)
                if open.isAtKey, let end = try endOfKey(at: offset, &open) {
                    offset = end
                    open.closeKey()
                }
            }
            let end = endOfPlainItem(at: offset)
            if end >= 0 {
                if unsafe bytes[offset] & 0xE0 == 0x60 { try checkText(offset + 1..<end) }
                offset = end
                open.closeItem()
                continue
            }
            let head = try headBehindTags(at: offset)
            switch head.major {
            case .array, .map:
                let count = try itemCount(of: head)
                guard count != 0 else { break }
                guard open.depth < depthLimit else { throw CBORError(.tooDeep, at: head.end) }
                open.open(count, isMap: head.major == .map, at: head)
                offset = head.end
                continue
            case .simple where head.isBreak:
                guard open.closeIndefinite() else { throw CBORError(.reservedHead, at: head.end - 1) }
            case .bytes, .text:
                offset = try endOfString(head)
                if head.major == .text {
                    if let content = try content(of: head) { try checkText(content) } else { _ = try text(head) }
                }
                open.closeItem()
                continue
            case .unsigned, .negative, .simple, .tag: break
            }
            offset = head.end
            open.closeItem()
        } while open.depth > 0
        return offset
    }

    /// Skips usual entries of the innermost map, all but its last: a short key of ASCII, and a value whose first byte
    /// states its length. If only the key is of that kind, the value comes next. Most decoded entries are like this.
    @inline(__always)
    private func endOfPlainEntries(from offset: Int, _ open: inout OpenContainers) throws(CBORError) -> Int {
        var offset = offset
        while open.isAtKey {
            let left = unsafe bytes.count &- offset
            guard left > 0, case let count = unsafe Int(bytes[offset]) &- 0x60, 0..<24 ~= count, count &+ 1 < left
            else {
                break
            }
            let (key, isASCII) = unsafe ends(of: Range(uncheckedBounds: (offset &+ 1, offset &+ 1 &+ count)))
            guard isASCII else { break }
            if !open.note(key) { try checkKeys(&open) }
            open.closeKey()
            offset = offset &+ 1 &+ count
            let initial = unsafe bytes[offset]
            var length = Self.plainByteCount(initial)
            if length == Self.shortString {
                length = 1 &+ Int(initial & 0x1F)
                guard length <= left &- count &- 1 else { break }
                if initial & 0xE0 == 0x60 { try checkText(offset &+ 1..<offset &+ length) }
            }
            guard length > 0, length <= left &- count &- 1, open.canCloseValue() else { break }
            offset = offset &+ length
        }
        return offset
    }

    /// The end of the key at `offset`; nil if it is neither text nor number, but a container or the break of a map.
    @inline(__always)
    private func endOfKey(at offset: Int, _ open: inout OpenContainers) throws(CBORError) -> Int? {
        let key = try head(at: offset)
        let hash: UInt64
        let end: Int
        switch key.major {
        case .text where !key.isIndefinite:
            guard let content = try content(of: key) else { return nil }
            end = content.upperBound
            let (text, isASCII) = ends(of: content)
            if !isASCII { try checkText(content) }
            hash = text
        case .unsigned, .negative:
            end = key.end
            hash = key.argument
        case .text, .bytes, .simple, .tag, .array, .map:
            // If a key is of an unusual kind, the map's keys are compared at once.
            if !key.isBreak { try checkKeys(&open) }
            return nil
        }
        if !open.note(hash) { try checkKeys(&open) }
        return end
    }

    @inline(__always)
    private func checkText(_ content: Range<Int>) throws(CBORError) {
        if content.count <= 16, ends(of: content).isASCII { return }
        try checkLongText(content)
    }

    private func checkLongText(_ content: Range<Int>) throws(CBORError) {
        let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[content])
        let isASCII = unsafe text.allSatisfy { $0 < 0x80 }
        if !isASCII, self.text(in: content) == nil { throw CBORError(.invalidUTF8, at: content.lowerBound) }
    }

    /// A number made of the first and the last bytes of a text and of its length, and whether its bytes are known to be
    /// ASCII.
    @inline(__always)
    private func ends(of content: Range<Int>) -> (number: UInt64, isASCII: Bool) {
        let high: UInt64 = 0x8080_8080_8080_8080
        let (start, count) = (content.lowerBound, content.count)
        if count >= 8 {
            let first = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            let last = unsafe bytes.loadUnaligned(fromByteOffset: start + count - 8, as: UInt64.self)
            return (first ^ last &* 0xFF51_AFD7_ED55_8CCD ^ UInt64(count), count <= 16 && (first | last) & high == 0)
        }
        var text: UInt64 = 0
        if count >= 4 {
            let first = unsafe bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
            let last = unsafe bytes.loadUnaligned(fromByteOffset: start + count - 4, as: UInt32.self)
            text = UInt64(first) << 32 | UInt64(last)
        } else {
            for index in content { text = unsafe text << 8 | UInt64(bytes[index]) }
        }
        return (text &+ UInt64(count) << 56, text & high == 0)
    }

    /// Compares the keys of the innermost map, once for each map.
    private func checkKeys(_ open: inout OpenContainers) throws(CBORError) {
        guard let map = open.takeUncheckedMap() else { return }
        // A few texts are compared with one another. Many keys, or keys of other kinds, go into a set.
        var few: [CBORHead] = []
        var many: Set<AnyKey> = []
        var areFew = (0...32).contains(map.count)
        var (offset, left) = (map.start, map.count / 2)
        while left > 0 || map.count < 0 {
            let key = try head(at: offset)
            if key.isBreak { return }
            let value = try skip(from: offset)
            if areFew, key.major != .text || key.isIndefinite {
                areFew = false
                for key in few { many.insert(.text(try text(key))) }
            }
            let isNew: Bool
            if areFew {
                isNew = !few.contains { areEqual($0, key) }
                few.append(key)
            } else {
                isNew = many.insert(try anyKey(at: offset, end: value)).inserted
            }
            guard isNew else { throw CBORError(.duplicateKey, at: offset) }
            offset = try skip(from: value)
            left -= 1
        }
    }

    /// Whether two texts of definite length are equal.
    private func areEqual(_ first: CBORHead, _ second: CBORHead) -> Bool {
        guard first.argument == second.argument, let base = unsafe bytes.baseAddress else { return false }
        return unsafe areEqual(
            at: first.end, (base + second.end).assumingMemoryBound(to: UInt8.self), count: Int(first.argument))
    }

    private enum AnyKey: Hashable {
        case text(String)
        case number(Int128)
        case other([UInt8])
    }

    private func anyKey(at offset: Int, end: Int) throws(CBORError) -> AnyKey {
        let key = try headBehindTags(at: offset)
        if key.major == .text { return .text(try text(key)) }
        return key.number.map { .number($0) }
            ?? .other(unsafe Array(UnsafeRawBufferPointer(rebasing: bytes[offset..<end])))
    }
}

/// A container around the current item.
private struct OpenContainer {
    /// Where its items begin, and how many it has; for an indefinite length, a constant of ``OpenItems``.
    let start: Int
    let count: Int
    /// How many items the container around it still waits for.
    let outerDue: Int
    let isOuterMap: Bool
    var isChecked = false
    /// One bit for each key so far, at a position that follows from a number made of the key.
    private var seen: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init(start: Int, count: Int, outerDue: Int, isOuterMap: Bool) {
        self.start = start
        self.count = count
        self.outerDue = outerDue
        self.isOuterMap = isOuterMap
    }

    /// Sets the bit of a key; false if it was set already.
    @inline(__always)
    mutating func note(_ number: UInt64) -> Bool {
        let place = ((number ^ number >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 56
        let bit = UInt64(1) << (place & 63)
        return unsafe withUnsafeMutableBytes(of: &seen) { seen in
            let offset = Int(place >> 6) * 8
            let word = unsafe seen.load(fromByteOffset: offset, as: UInt64.self)
            unsafe seen.storeBytes(of: word | bit, toByteOffset: offset, as: UInt64.self)
            return word & bit == 0
        }
    }
}

/// The containers around the current item. They are in borrowed memory, or in memory of their own when that is full.
@safe private struct OpenContainers {
    private(set) var depth = 0
    /// How many items the innermost container still waits for, where keys and values count separately; for an
    /// indefinite length, a constant of ``OpenItems``.
    private var due = 0
    private var isMap = false
    private var containers: UnsafeMutableBufferPointer<OpenContainer>
    private var isOwner = false

    /// - Precondition: `place` outlives this value.
    init(_ place: UnsafeMutableBufferPointer<OpenContainer>) { unsafe containers = place }

    /// Must be called when the value is no longer used.
    func free() {
        if isOwner { unsafe containers.deallocate() }
    }

    @inline(__always)
    var isAtKey: Bool {
        // This also holds for an indefinite length: ``OpenItems/mapAtKey`` is even, ``OpenItems/mapAtValue`` odd.
        isMap && due & 1 == 0
    }

    @inline(__always)
    mutating func open(_ count: Int, isMap: Bool, at head: CBORHead) {
        if unsafe depth == containers.count { grow() }
        unsafe containers.initializeElement(
            at: depth, to: OpenContainer(start: head.end, count: count, outerDue: due, isOuterMap: self.isMap))
        depth += 1
        due = count
        self.isMap = isMap
    }

    private mutating func grow() {
        let larger = unsafe UnsafeMutableBufferPointer<OpenContainer>.allocate(capacity: containers.count * 2)
        _ = unsafe larger.moveInitialize(fromContentsOf: containers)
        free()
        unsafe containers = larger
        isOwner = true
    }

    @inline(__always)
    private mutating func close() {
        depth -= 1
        due = unsafe containers[depth].outerDue
        isMap = unsafe containers[depth].isOuterMap
    }

    /// Notes the end of a key: its value comes next.
    @inline(__always)
    mutating func closeKey() { due -= 1 }

    /// Notes the end of a value; false if it is the last one.
    @inline(__always)
    mutating func canCloseValue() -> Bool {
        guard due > 1 else { return false }
        due -= 1
        return true
    }

    /// Notes the end of an item, and of all containers that are complete with it.
    @inline(__always)
    mutating func closeItem() {
        if due > 1 { due -= 1 } else { closeLastItem() }
    }

    private mutating func closeLastItem() {
        while depth > 0, due >= 0 {
            due -= 1
            if due > 0 { return }
            close()
        }
        if isMap { due = due == OpenItems.mapAtKey ? OpenItems.mapAtValue : OpenItems.mapAtKey }
    }

    /// Closes the innermost container if its length is indefinite; false if no break is allowed here.
    mutating func closeIndefinite() -> Bool {
        guard depth > 0, due == OpenItems.array || due == OpenItems.mapAtKey else { return false }
        close()
        return true
    }

    /// Notes a key of the innermost map; false if the map may have it already, so that the keys must be compared.
    ///
    /// - Precondition: a map is open.
    @inline(__always)
    mutating func note(_ number: UInt64) -> Bool {
        unsafe containers[depth - 1].isChecked || containers[depth - 1].note(number)
    }

    /// Where the innermost map begins and how many items it has; nil if this was asked before.
    mutating func takeUncheckedMap() -> (start: Int, count: Int)? {
        guard unsafe depth > 0 && !containers[depth - 1].isChecked else { return nil }
        unsafe containers[depth - 1].isChecked = true
        return unsafe (containers[depth - 1].start, containers[depth - 1].count)
    }
}
