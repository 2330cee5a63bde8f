internal import CPlatform

extension CBORDecoder {
    /// So many bytes of an item's beginning show whether it is an array that can be read in place: at most two heads.
    package static let arrayHeadByteLimit = 18

    /// Decodes an array of numbers whose bytes are elsewhere. `read` puts them directly into the array's memory.
    ///
    /// - Parameters:
    ///   - beginning: the first bytes of the item, ``arrayHeadByteLimit`` of them or all.
    ///   - byteCount: the bytes of the whole input, which must be exactly one item.
    ///   - read: fills all of the memory with the item's bytes from an offset on, or throws.
    /// - Returns: nil, without a call of `read`, if the type is no array of numbers, or if the item is not the typed
    ///   array of its elements in this machine's byte order. The caller then decodes it from its bytes.
    /// - Throws: what `read` throws.
    package func decodeArray<Value>(
        _ type: Value.Type, beginning: UnsafeRawBufferPointer, byteCount: Int,
        read: (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Void
    ) throws -> Value? {
        let item = unsafe TypedArrayItem(beginning: beginning, byteCount: byteCount)
        guard let item else { return nil }
        let form = DirectForm(of: type)
        guard form != .none else { return nil }
        return unsafe try withoutActuallyEscaping(read) {
            unsafe try form.visit(InPlaceDecoding<Value>(item: item, read: $0))
        }
    }
}

/// Reads a value of the type that its form stands for, so the cast changes nothing.
@unsafe private struct InPlaceDecoding<Whole>: DirectFormVisitor {
    let item: TypedArrayItem
    let read: TypedArrayItem.Read

    func visit<Value: DirectlyCoded>(_ type: Value.Type) throws(any Error) -> Whole? {
        unsafe try Value.decode(item, read).map { unsafe unsafeBitCast($0, to: Whole.self) }
    }
}

/// An item that is one byte string of definite length, with or without the tag of a typed array.
struct TypedArrayItem {
    /// Fills all of the memory with the item's bytes from an offset on, or throws.
    typealias Read = (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Void

    /// Nil without a tag; the elements are then bytes.
    var form: TypedArrayTag?
    var content: Range<Int>

    init?(beginning: UnsafeRawBufferPointer, byteCount: Int) {
        let reader = unsafe CBORReader(beginning)
        guard var head = try? reader.head(at: 0) else { return nil }
        if head.major == .tag, !head.isIndefinite {
            guard let tag = TypedArrayTag(head.argument), let inner = try? reader.head(at: head.end) else { return nil }
            (form, head) = (tag, inner)
        }
        guard head.major == .bytes, !head.isIndefinite, byteCount >= head.end,
            head.argument == UInt64(byteCount - head.end)
        else { return nil }
        content = head.end..<byteCount
    }

    func array<Number: TypedArrayElement>(of type: Number.Type, _ read: Read) throws -> [Number]? {
        let width = MemoryLayout<Number>.size
        guard (form ?? .bytes).holds(type), content.count % width == 0,
            width == 1 || form?.isLittleEndian == TypedArrayTag.isNativeLittleEndian
        else { return nil }
        return unsafe try [Number](unsafeUninitializedCapacity: content.count / width) { buffer, count in
            let target = unsafe UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[..<content.count])
            unsafe LargeArrays.wantLargePages(target)
            unsafe try read(content.lowerBound, target)
            count = content.count / width
        }
    }
}

/// Memory of arrays that are filled for the first time.
enum LargeArrays {
    /// Fresh pages of the ordinary size cost as much as the copy into them.
    static func wantLargePages(_ memory: UnsafeMutableRawBufferPointer) {
        guard memory.count >= 4 << 20, let start = memory.baseAddress else { return }
        unsafe checkpoint_want_large_pages(start, memory.count)
    }
}
