extension DecodingState {
    /// The array at `offset`, for decoding element by element.
    ///
    /// If the type has other elements than the typed array, or a container asks for them, the typed array is first
    /// converted to a plain array of the same numbers, which has at most twice its bytes.
    func elements(of type: Any.Type, at offset: Int, path: CodingPath?) throws -> UnkeyedReader {
        let (head, _, tag) = try reading(path) { () throws(CBORError) in try reader.untagged(at: offset) }
        if head.major == .array { return UnkeyedReader(state: self, head: head, at: offset, path: path) }
        guard head.major == .bytes else { throw mismatch(type, head, path: path) }
        let form = tag.flatMap { TypedArrayTag($0) } ?? .bytes
        let content = try reading(path) { () throws(CBORError) in try reader.stringBytes(head) }
        guard content.count % form.width == 0 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: CodingPath.keys(path), debugDescription: "A typed array ends inside an element."))
        }
        let plain = ByteBuffer(capacity: content.count / form.width * (form.width + 1) + 9)
        plain.appendHead(.array, UInt64(content.count / form.width))
        plain.append(elementsOf: content, form)
        let state = DecodingState(bytes: plain, depthLimit: reader.depthLimit, userInfo: userInfo)
        return UnkeyedReader(state: state, head: try state.item(at: 0, path: path), at: 0, path: path)
    }

    func array<Element: Decodable>(
        of type: Element.Type, elementwiseAt offset: Int, path: CodingPath?
    ) throws -> [Element] {
        var container = try elements(of: [Element].self, at: offset, path: path)
        var result: [Element] = []
        result.reserveCapacity(min(container.count ?? 0, 4_096))
        while !container.isAtEnd { result.append(try container.decode(Element.self)) }
        return result
    }
}

/// `Array`, whose own `init(from:)` would ask for each element through a container that the standard library does not
/// know.
protocol ElementwiseDecodable {
    static func decode(elementwiseAt offset: Int, path: CodingPath?, from state: DecodingState) throws -> Self
}

extension Array: ElementwiseDecodable where Element: Decodable {
    static func decode(elementwiseAt offset: Int, path: CodingPath?, from state: DecodingState) throws -> [Element] {
        try state.array(of: Element.self, elementwiseAt: offset, path: path)
    }
}

extension ByteBuffer {
    /// Appends each element of a typed array as a separate item. The content must be whole elements.
    func append(elementsOf content: [UInt8], _ form: TypedArrayTag) {
        for start in stride(from: 0, to: content.count - form.width + 1, by: form.width) {
            append(content[start..<start + form.width], form)
        }
    }

    /// Appends one element of a typed array as a separate item.
    private func append(_ element: ArraySlice<UInt8>, _ form: TypedArrayTag) {
        let bytes = form.isLittleEndian ? Array(element.reversed()) : Array(element)
        let bits = bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        switch form.element {
        case .unsigned:
            appendHead(.unsigned, bits)
        case .signed:
            let unused = 64 - form.width * 8
            let value = (Int64(bitPattern: bits) << unused) >> unused
            appendHead(value < 0 ? .negative : .unsigned, UInt64(bitPattern: value < 0 ? ~value : value))
        case .float:
            // The heads of widths of two, four and eight bytes are F9, FA and FB.
            append(0xF8 | UInt8(truncatingIfNeeded: form.width.trailingZeroBitCount))
            append(contentsOf: bytes)
        }
    }
}
