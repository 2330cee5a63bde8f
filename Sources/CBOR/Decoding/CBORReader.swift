/// Reads the structure of CBOR bytes. Every read is checked against the end of the bytes.
@safe struct CBORReader {
    let bytes: UnsafeRawBufferPointer
    var depthLimit = 512

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    /// For bytes that an encoder has just written: it has limited their depth already.
    static func ofOwnBytes(_ bytes: UnsafeRawBufferPointer) -> CBORReader {
        var reader = unsafe CBORReader(bytes)
        reader.depthLimit = .max
        return reader
    }

    @inline(__always)
    func head(at offset: Int) throws(CBORError) -> CBORHead {
        guard offset >= 0, unsafe offset < bytes.count else { throw CBORError(.truncated, at: offset) }
        let initial = unsafe bytes[offset]
        let additional = initial & 0x1F
        guard additional < 24 else { return try longHead(initial, at: offset) }
        return CBORHead(
            major: CBORHead.Major(of: initial), argument: UInt64(additional), additional: additional, end: offset + 1)
    }

    /// A head with more than its first byte. All of it must be within the bytes.
    private func longHead(_ initial: UInt8, at offset: Int) throws(CBORError) -> CBORHead {
        let major = CBORHead.Major(of: initial)
        let additional = initial & 0x1F
        if additional == 31 {
            switch major {
            case .unsigned, .negative, .tag: throw CBORError(.reservedHead, at: offset)
            default: return CBORHead(major: major, argument: 0, additional: 31, end: offset + 1)
            }
        }
        guard additional < 28 else { throw CBORError(.reservedHead, at: offset) }
        let width = 1 << Int(additional - 24)
        guard unsafe bytes.count - offset - 1 >= width else { throw CBORError(.truncated, at: offset) }
        let argument: UInt64 =
            switch width {
            case 1: unsafe UInt64(bytes[offset + 1])
            case 2: UInt64(bigEndian(UInt16.self, at: offset + 1))
            case 4: UInt64(bigEndian(UInt32.self, at: offset + 1))
            default: bigEndian(UInt64.self, at: offset + 1)
            }
        if major == .simple, additional == 24, argument < 32 { throw CBORError(.reservedHead, at: offset) }
        return CBORHead(major: major, argument: argument, additional: additional, end: offset + 1 + width)
    }

    /// - Precondition: the bytes contain the whole integer.
    @inline(__always)
    func bigEndian<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type, at offset: Int) -> Integer {
        Integer(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The range of a string's content, which follows its head; nil for an indefinite length.
    @inline(__always)
    func content(of head: CBORHead) throws(CBORError) -> Range<Int>? {
        if head.isIndefinite { return nil }
        guard unsafe head.argument <= UInt64(bytes.count - head.end) else { throw CBORError(.truncated, at: head.end) }
        return head.end..<head.end + Int(head.argument)
    }

    /// The offset after the item at `offset`. Checks that the item is well-formed.
    ///
    /// - Complexity: O(n) in the item's heads; the bytes of strings are skipped. Without recursion, since hostile input
    ///   nests deeply.
    @inline(__always)
    func skip(from offset: Int) throws(CBORError) -> Int {
        let head = try head(at: offset)
        switch head.major {
        case .unsigned, .negative: return head.end
        case .bytes, .text: return try endOfString(head)
        case .simple where !head.isBreak: return head.end
        case .simple, .array, .map, .tag: return try skipNested(from: offset)
        }
    }

    private func skipNested(from offset: Int) throws(CBORError) -> Int {
        let result = unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: OpenItems.inPlaceCount) {
            place -> Result<Int, CBORError> in
            do throws(CBORError) {
                var open = unsafe OpenItems(place)
                return .success(try skip(from: offset, &open))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    @inline(__always)
    private func skip(from offset: Int, _ open: inout OpenItems) throws(CBORError) -> Int {
        var offset = offset
        repeat {
            let end = endOfPlainItem(at: offset)
            if end >= 0 {
                offset = end
                open.closeItem()
                continue
            }
            let head = try headBehindTags(at: offset)
            offset = head.end
            switch head.major {
            case .unsigned, .negative:
                open.closeItem()
            case .bytes, .text:
                if head.isIndefinite {
                    offset = try endOfString(head)
                } else {
                    guard unsafe head.argument <= UInt64(bytes.count - offset) else {
                        throw CBORError(.truncated, at: offset)
                    }
                    offset += Int(head.argument)
                }
                open.closeItem()
            case .simple:
                if head.isBreak {
                    guard open.closeIndefinite() else { throw CBORError(.reservedHead, at: head.end - 1) }
                }
                open.closeItem()
            case .tag:
                throw CBORError(.reservedHead, at: offset)
            case .array, .map:
                let count = try itemCount(of: head)
                if count == 0 {
                    open.closeItem()
                } else {
                    guard open.depth < depthLimit else { throw CBORError(.tooDeep, at: offset) }
                    open.open(count)
                }
            }
        } while open.depth > 0
        return offset
    }

    /// The head at `offset`, or the first one after its tags: a tag is part of its item, and does not count as a level
    /// of nesting.
    @inline(__always)
    func headBehindTags(at offset: Int) throws(CBORError) -> CBORHead {
        let head = try head(at: offset)
        guard head.major == .tag else { return head }
        let item = try afterTags(head, at: offset) { _, _ in }
        guard !item.head.isBreak else { throw CBORError(.reservedHead, at: item.offset) }
        return item.head
    }

    /// Skips tags up to the item, and calls `body` with each tag.
    private func afterTags(
        _ tag: CBORHead, at offset: Int, _ body: (_ tag: UInt64, _ offset: Int) throws(CBORError) -> Void
    ) throws(CBORError) -> (head: CBORHead, offset: Int) {
        var (head, offset) = (tag, offset)
        for _ in 0..<depthLimit {
            try body(head.argument, offset)
            offset = head.end
            head = try self.head(at: offset)
            if head.major != .tag { return (head, offset) }
        }
        throw CBORError(.tooDeep, at: offset)
    }

    /// The end of a number or of a short string whose first byte states its length; -1 for every other item.
    @inline(__always)
    func endOfPlainItem(at offset: Int) -> Int {
        guard unsafe offset < bytes.count else { return -1 }
        let initial = unsafe bytes[offset]
        var length = Self.plainByteCount(initial)
        if length == Self.shortString { length = 1 + Int(initial & 0x1F) }
        return unsafe length > 0 && length <= bytes.count - offset ? offset + length : -1
    }

    static let shortString = -1

    /// Constants only: the compiler makes a table of them.
    @inline(__always)
    static func plainByteCount(_ initial: UInt8) -> Int {
        switch initial {
        case 0x00...0x17, 0x20...0x37, 0xF4...0xF6: 1
        case 0x40...0x57, 0x60...0x77: shortString
        case 0x18, 0x38: 2
        case 0x19, 0x39, 0xF9: 3
        case 0x1A, 0x3A, 0xFA: 5
        case 0x1B, 0x3B, 0xFB: 9
        default: 0
        }
    }

    /// How many items the container has; for an indefinite length, a constant of ``OpenItems``.
    @inline(__always)
    func itemCount(of head: CBORHead) throws(CBORError) -> Int {
        if head.isIndefinite { return head.major == .map ? OpenItems.mapAtKey : OpenItems.array }
        let perItem: UInt64 = head.major == .map ? 2 : 1
        // Each item has at least one byte, so a greater count cannot be right.
        guard unsafe head.argument <= UInt64(bytes.count - head.end) / perItem else {
            throw CBORError(.truncated, at: head.end)
        }
        return Int(head.argument * perItem)
    }

    func endOfString(_ head: CBORHead) throws(CBORError) -> Int {
        if let content = try content(of: head) { return content.upperBound }
        var offset = head.end
        while true {
            let chunk = try self.head(at: offset)
            if chunk.isBreak { return chunk.end }
            guard chunk.major == head.major, let content = try content(of: chunk) else {
                throw CBORError(.reservedHead, at: offset)
            }
            offset = content.upperBound
        }
    }

    /// The bytes of a string. Chunks of an indefinite length are joined.
    func stringBytes(_ head: CBORHead) throws(CBORError) -> [UInt8] {
        if let content = try content(of: head) {
            return unsafe Array(UnsafeRawBufferPointer(rebasing: bytes[content]))
        }
        var result: [UInt8] = []
        var offset = head.end
        while true {
            let chunk = try self.head(at: offset)
            if chunk.isBreak { return result }
            guard chunk.major == head.major, let content = try content(of: chunk) else {
                throw CBORError(.reservedHead, at: offset)
            }
            unsafe result.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[content]))
            offset = content.upperBound
        }
    }

    @inline(__always)
    func text(_ head: CBORHead) throws(CBORError) -> String {
        guard let content = try content(of: head) else { return try textInChunks(head) }
        guard let text = text(in: content) else { throw CBORError(.invalidUTF8, at: head.end) }
        return text
    }

    /// The text of bytes whose range was checked; nil if they are not UTF-8.
    func text(in content: Range<Int>) -> String? {
        var text = textOfChecked(content)
        // If the bytes were not UTF-8, Swift has repaired the text, and it differs from them.
        let isSame = text.withUTF8 { text in
            guard let start = text.baseAddress else { return content.isEmpty }
            return unsafe text.count == content.count && areEqual(at: content.lowerBound, start, count: text.count)
        }
        return isSame ? text : nil
    }

    /// The text of bytes that are known to be UTF-8.
    @inline(__always)
    func textOfChecked(_ content: Range<Int>) -> String {
        unsafe String(unsafeUninitializedCapacity: content.count) { text in
            guard let source = unsafe bytes.baseAddress, let target = text.baseAddress else { return 0 }
            unsafe UnsafeMutableRawPointer(target).copyMemory(
                from: source + content.lowerBound, byteCount: content.count)
            return content.count
        }
    }

    /// Each chunk is valid text: no character is split between two chunks (RFC 8949, section 3.2.3).
    private func textInChunks(_ head: CBORHead) throws(CBORError) -> String {
        var result = ""
        var offset = head.end
        while true {
            let chunk = try self.head(at: offset)
            if chunk.isBreak { return result }
            guard chunk.major == .text, let content = try content(of: chunk) else {
                throw CBORError(.reservedHead, at: offset)
            }
            guard let text = text(in: content) else { throw CBORError(.invalidUTF8, at: content.lowerBound) }
            result += text
            offset = content.upperBound
        }
    }

    /// Whether `count` bytes from `offset` on equal those at `other`.
    @inline(__always)
    func areEqual(at offset: Int, _ other: UnsafePointer<UInt8>, count: Int) -> Bool {
        guard offset >= 0, unsafe count <= bytes.count - offset, let base = unsafe bytes.baseAddress else {
            return false
        }
        let (left, right) = unsafe (base + offset, UnsafeRawPointer(other))
        var index = 0
        while index + 8 <= count {
            if unsafe left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                != right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            {
                return false
            }
            index += 8
        }
        while index < count {
            if unsafe left.load(fromByteOffset: index, as: UInt8.self)
                != right.load(fromByteOffset: index, as: UInt8.self)
            {
                return false
            }
            index += 1
        }
        return true
    }

    /// Skips tags. Returns the head after them, its offset, and the last tag. Tags of references are refused: what
    /// follows them is not the value.
    @inline(__always)
    func untagged(at offset: Int) throws(CBORError) -> (head: CBORHead, offset: Int, tag: UInt64?) {
        let head = try head(at: offset)
        return head.major == .tag ? try untaggedSlowly(head, at: offset) : (head, offset, nil)
    }

    private func untaggedSlowly(
        _ head: CBORHead, at offset: Int
    ) throws(CBORError) -> (head: CBORHead, offset: Int, tag: UInt64?) {
        var last: UInt64?
        let item = try afterTags(head, at: offset) { (tag, offset) throws(CBORError) in
            guard tag != 25, tag != 29 else { throw CBORError(.sharedReference, at: offset) }
            last = tag
        }
        return (item.head, item.offset, last)
    }
}

/// The forms that encoders nearly always write, and their ends; nil for any other form, which the slower code reads or
/// refuses. All bytes were checked as a whole before.
extension CBORReader {
    @inline(__always)
    func plainInteger<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int, end: inout Int) -> Integer? {
        guard let head = try? head(at: offset) else { return nil }
        end = head.end
        switch head.major {
        case .unsigned: return Integer(exactly: head.argument)
        case .negative where head.argument <= UInt64(Int64.max):
            return Integer(exactly: ~Int64(truncatingIfNeeded: head.argument))
        default:
            end = -1
            return nil
        }
    }

    @inline(__always)
    func isArray(at offset: Int) -> Bool {
        guard offset >= 0, unsafe offset < bytes.count else { return false }
        return unsafe CBORHead.Major(of: bytes[offset]) == .array
    }

    @inline(__always)
    func plainBool(at offset: Int) -> Bool? {
        guard offset >= 0, unsafe offset < bytes.count, unsafe bytes[offset] & 0xFE == 0xF4 else { return nil }
        return unsafe bytes[offset] == 0xF5
    }

    @inline(__always)
    func plainDouble(at offset: Int, end: inout Int) -> Double? {
        guard offset >= 0, unsafe offset < bytes.count else { return nil }
        switch unsafe bytes[offset] {
        case 0xFB where unsafe bytes.count - offset >= 9:
            end = offset + 9
            return Double(bitPattern: bigEndian(UInt64.self, at: offset + 1))
        case 0xFA where unsafe bytes.count - offset >= 5:
            let value = Float(bitPattern: bigEndian(UInt32.self, at: offset + 1))
            guard !value.isNaN else { return nil }
            end = offset + 5
            return Double(value)
        case 0xF9 where unsafe bytes.count - offset >= 3:
            let value = HalfFloat.value(of: bigEndian(UInt16.self, at: offset + 1))
            guard !value.isNaN else { return nil }
            end = offset + 3
            return Double(value)
        default:
            return nil
        }
    }

    @inline(__always)
    func plainText(at offset: Int, end: inout Int) -> String? {
        guard let head = try? head(at: offset), head.major == .text, let content = try? content(of: head) else {
            return nil
        }
        end = content.upperBound
        return textOfChecked(content)
    }
}
