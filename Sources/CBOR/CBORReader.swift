/// Reads the structure of CBOR bytes; every read is checked against their end.
@safe struct CBORReader {
    let bytes: UnsafeRawBufferPointer
    var depthLimit = 512

    init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

    @inline(__always)
    func head(at offset: Int) throws(CBORError) -> CBORHead {
        guard offset >= 0, unsafe offset < bytes.count else { throw CBORError(.truncated, at: offset) }
        let initial = unsafe bytes[offset]
        let additional = initial & 0x1F
        // Every value of three bits is a kind of head.
        if additional < 24, let major = CBORHead.Major(rawValue: initial >> 5) {
            return CBORHead(major: major, argument: UInt64(additional), additional: additional, end: offset + 1)
        }
        return try longHead(at: offset, initial)
    }

    private func longHead(at offset: Int, _ initial: UInt8) throws(CBORError) -> CBORHead {
        guard let major = CBORHead.Major(rawValue: initial >> 5) else { throw CBORError(.reservedHead, at: offset) }
        let additional = initial & 0x1F
        if additional < 24 {
            return CBORHead(major: major, argument: UInt64(additional), additional: additional, end: offset + 1)
        }
        if additional == 31 {
            switch major {
            case .unsigned, .negative, .tag: throw CBORError(.reservedHead, at: offset)
            default: return CBORHead(major: major, argument: 0, additional: 31, end: offset + 1)
            }
        }
        guard additional < 28 else { throw CBORError(.reservedHead, at: offset) }
        let width = 1 << Int(additional - 24)
        guard unsafe bytes.count - offset - 1 >= width else { throw CBORError(.truncated, at: offset) }
        var argument: UInt64 = 0
        for index in 0..<width { argument = unsafe argument << 8 | UInt64(bytes[offset + 1 + index]) }
        if major == .simple, additional == 24, argument < 32 { throw CBORError(.reservedHead, at: offset) }
        return CBORHead(major: major, argument: argument, additional: additional, end: offset + 1 + width)
    }

    /// The range of a string's content behind its head; nil for an indefinite length.
    func content(of head: CBORHead) throws(CBORError) -> Range<Int>? {
        if head.isIndefinite { return nil }
        guard let count = Int(exactly: head.argument), unsafe count <= bytes.count - head.end else {
            throw CBORError(.truncated, at: head.end)
        }
        return head.end..<head.end + count
    }

    /// The offset behind the whole item at `offset`, which is checked to be well-formed.
    ///
    /// - Complexity: O(n) in the item's heads; strings are stepped over. Without recursion: hostile input nests deep.
    func skip(from offset: Int) throws(CBORError) -> Int {
        // What holds nothing else is by far the most of what is stepped over.
        let first = try head(at: offset)
        switch first.major {
        case .unsigned, .negative: return first.end
        case .simple where !first.isBreak: return first.end
        case .bytes, .text: return try endOfString(first)
        default: return try skipNested(from: offset)
        }
    }

    private func skipNested(from offset: Int) throws(CBORError) -> Int {
        // A count of items still due at each open level; -1 stands for an indefinite length.
        var due: [Int] = []
        var offset = offset
        while true {
            let head = try head(at: offset)
            offset = head.end
            var opened: Int?
            switch head.major {
            case .unsigned, .negative:
                break
            case .simple:
                if head.isBreak {
                    guard due.last == -1 else { throw CBORError(.reservedHead, at: head.end - 1) }
                    due.removeLast()
                }
            case .bytes, .text:
                offset = try endOfString(head)
            case .tag:
                opened = 1
            case .array, .map:
                if head.isIndefinite {
                    opened = -1
                } else {
                    let perItem: UInt64 = head.major == .map ? 2 : 1
                    // Each item has a byte at the least: a greater count cannot be true.
                    guard unsafe head.argument <= UInt64(bytes.count - offset) / perItem else {
                        throw CBORError(.truncated, at: offset)
                    }
                    opened = Int(head.argument * perItem)
                }
            }
            if let opened, opened != 0 {
                guard due.count < depthLimit else { throw CBORError(.tooDeep, at: offset) }
                due.append(opened)
                continue
            }
            while let last = due.last, last > 0 {
                due[due.count - 1] = last - 1
                if last > 1 { break }
                due.removeLast()
            }
            if due.isEmpty { return offset }
        }
    }

    private func endOfString(_ head: CBORHead) throws(CBORError) -> Int {
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

    /// The bytes of a string, whose chunks are put together when its length is indefinite.
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

    func text(_ head: CBORHead) throws(CBORError) -> String {
        if let content = try content(of: head) {
            let raw = unsafe UnsafeRawBufferPointer(rebasing: bytes[content])
            // Most text is ASCII, which needs no more of a check than this.
            if unsafe Self.isASCII(raw) { return unsafe String(decoding: raw, as: UTF8.self) }
            if let text = unsafe String(validating: raw, as: UTF8.self) { return text }
            throw CBORError(.invalidUTF8, at: head.end)
        }
        guard let text = String(validating: try stringBytes(head), as: UTF8.self) else {
            throw CBORError(.invalidUTF8, at: head.end)
        }
        return text
    }

    @inline(__always)
    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var (index, bits) = (0, UInt64(0))
        while index + 8 <= bytes.count {
            bits |= unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < bytes.count {
            bits |= UInt64(unsafe bytes[index])
            index += 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// Steps over tags: the head behind them, where it stands, and the last tag.
    @inline(__always)
    func untagged(at offset: Int) throws(CBORError) -> (head: CBORHead, offset: Int, tag: UInt64?) {
        var offset = offset
        var tag: UInt64?
        for _ in 0..<depthLimit {
            let head = try head(at: offset)
            guard head.major == .tag else { return (head, offset, tag) }
            tag = head.argument
            offset = head.end
        }
        throw CBORError(.tooDeep, at: offset)
    }
}

/// Checks that bytes are CBOR without decoding them.
///
/// ```swift
/// try CBORValidation.check(bytes)  // Throws a CBORError that names the offset.
/// ```
public enum CBORValidation {
    /// Checks that `bytes` are exactly one well-formed item (RFC 8949, section 5.3.1) nested at most 512 deep.
    ///
    /// - Complexity: O(n), without recursion.
    public static func check(_ bytes: [UInt8]) throws(CBORError) {
        var failure: CBORError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(CBORError) { unsafe try check(buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Checks as ``check(_:)-([UInt8])`` does, without a copy.
    public static func check(_ bytes: UnsafeRawBufferPointer) throws(CBORError) {
        let end = unsafe try CBORReader(bytes).skip(from: 0)
        guard end == bytes.count else { throw CBORError(.trailingBytes, at: end) }
    }
}
