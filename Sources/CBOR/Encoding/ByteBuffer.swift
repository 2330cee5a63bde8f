internal import CPlatform

/// Bytes that grow at the end. When they are removed, their memory is kept.
///
/// A class whose fields are plain numbers and a pointer. Unlike an array in a class, it needs no check of exclusive
/// access and no check for shared storage at each of the many small appends of an encoding.
///
/// Large arrays can be lent to the buffer, which then does not copy them (``ByteBuffer/lend(_:)``). All places count
/// their bytes too, so that nothing moves when they are copied after all.
@safe final class ByteBuffer {
    private var base: UnsafeMutableRawPointer
    private(set) var count = 0
    /// How many bytes fit into the memory, lent ones included.
    private(set) var capacity: Int
    /// What the place of a byte behind the last lent array is added to. This is the memory's address, less the lent
    /// bytes, which the memory does not hold.
    private var origin: UnsafeMutableRawPointer
    private var lentArrays: [LentArray] = []
    private var lentByteCount = 0

    init(capacity: Int = 512) {
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
        unsafe origin = base
        self.capacity = capacity
    }

    deinit { unsafe base.deallocate() }

    /// Valid until the next change. Lent arrays are copied now.
    var bytes: UnsafeRawBufferPointer {
        if lentByteCount > 0 { join() }
        return unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        unsafe try body(bytes)
    }

    subscript(index: Int) -> UInt8 {
        get { unsafe address(of: index).load(as: UInt8.self) }
        set { unsafe address(of: index).storeBytes(of: newValue, as: UInt8.self) }
    }

    @inline(__always)
    private func address(of index: Int) -> UnsafeMutableRawPointer {
        precondition(index >= 0 && index < count, "An index outside of the bytes.")
        return unsafe lentByteCount == 0 ? base + index : addressAmongLent(index)
    }

    private func addressAmongLent(_ index: Int) -> UnsafeMutableRawPointer {
        let before = lentArrays.prefix { $0.start <= index }
        precondition(before.last.map { $0.end <= index } ?? true, "An index inside of a lent array.")
        return unsafe base + (index - before.reduce(0) { $0 + $1.byteCount })
    }

    /// Makes room for `more` bytes and returns the address after the last byte.
    @inline(__always)
    func reserve(_ more: Int) -> UnsafeMutableRawPointer {
        if more > capacity - count { grow(count + more) }
        return unsafe origin + count
    }

    @inline(__always)
    func advance(_ more: Int) { count += more }

    private func grow(_ wanted: Int) {
        let owned = capacity - lentByteCount
        let newCapacity = max(wanted - lentByteCount, owned * 2)
        let new = unsafe Self.allocate(newCapacity)
        unsafe new.copyMemory(from: base, byteCount: count - lentByteCount)
        unsafe take(new, newCapacity)
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let new = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        if byteCount >= 4 << 20 { unsafe checkpoint_want_large_pages(new, byteCount) }
        return unsafe new
    }

    private func take(_ new: UnsafeMutableRawPointer, _ byteCount: Int) {
        unsafe base.deallocate()
        unsafe base = new
        unsafe origin = base - lentByteCount
        capacity = byteCount + lentByteCount
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        unsafe reserve(1).storeBytes(of: byte, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    func append(contentsOf source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress else { return }
        unsafe reserve(source.count).copyMemory(from: start, byteCount: source.count)
        count += source.count
    }

    /// Appends the first bytes of three words in memory order, at most 24.
    @inline(__always)
    func append(_ words: (UInt64, UInt64, UInt64), byteCount: Int) {
        let place = unsafe reserve(24)
        unsafe place.storeBytes(of: words.0, as: UInt64.self)
        unsafe place.storeBytes(of: words.1, toByteOffset: 8, as: UInt64.self)
        unsafe place.storeBytes(of: words.2, toByteOffset: 16, as: UInt64.self)
        count += byteCount
    }

    func append(text: String) {
        var text = text
        text.withUTF8 { unsafe append(text: $0) }
    }

    /// Appends a text string: its head and its bytes.
    ///
    /// - Precondition: `text` is UTF-8.
    @inline(__always)
    func append(text: UnsafeBufferPointer<UInt8>) {
        guard text.count < 24, let start = text.baseAddress else {
            appendHead(.text, UInt64(text.count))
            unsafe append(contentsOf: UnsafeRawBufferPointer(text))
            return
        }
        let place = unsafe reserve(1 + text.count)
        unsafe place.storeBytes(of: 0x60 | UInt8(truncatingIfNeeded: text.count), as: UInt8.self)
        unsafe Self.copy(UnsafeRawPointer(start), to: place + 1, byteCount: text.count)
        count += 1 + text.count
    }

    /// Copies a few bytes with words that overlap, which is faster than a call of `memcpy`.
    @inline(__always)
    private static func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, byteCount: Int) {
        switch byteCount {
        case 8...16:
            let first = unsafe source.loadUnaligned(as: UInt64.self)
            let last = unsafe source.loadUnaligned(fromByteOffset: byteCount - 8, as: UInt64.self)
            unsafe target.storeBytes(of: first, as: UInt64.self)
            unsafe target.storeBytes(of: last, toByteOffset: byteCount - 8, as: UInt64.self)
        case 4...7:
            let first = unsafe source.loadUnaligned(as: UInt32.self)
            let last = unsafe source.loadUnaligned(fromByteOffset: byteCount - 4, as: UInt32.self)
            unsafe target.storeBytes(of: first, as: UInt32.self)
            unsafe target.storeBytes(of: last, toByteOffset: byteCount - 4, as: UInt32.self)
        case 0...3:
            for index in 0..<byteCount {
                unsafe target.storeBytes(
                    of: source.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index, as: UInt8.self)
            }
        default:
            unsafe target.copyMemory(from: source, byteCount: byteCount)
        }
    }

    func append(contentsOf source: [UInt8]) { unsafe source.withUnsafeBytes { unsafe append(contentsOf: $0) } }

    func removeLast(_ removed: Int = 1) {
        precondition(removed >= 0 && removed <= count, "More bytes removed than there are.")
        count -= removed
        if lentByteCount > 0 { giveBack() }
    }

    func removeAll() { removeLast(count) }

    func copy(from start: Int) -> [UInt8] { copy(start..<count) }

    func copy(_ range: Range<Int>) -> [UInt8] { unsafe Array(UnsafeRawBufferPointer(rebasing: bytes[range])) }

    func insert(contentsOf source: ArraySlice<UInt8>, at place: Int) {
        precondition(place > 0 && place <= count, "A place outside of the bytes.")
        _ = unsafe reserve(source.count)
        let target = unsafe address(of: place - 1) + 1
        let behind = unsafe base + (count - lentByteCount) - target
        unsafe (target + source.count).copyMemory(from: target, byteCount: behind)
        unsafe source.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe target.copyMemory(from: start, byteCount: source.count)
        }
        for index in lentArrays.indices where lentArrays[index].start >= place {
            lentArrays[index].start += source.count
        }
        count += source.count
    }

    @inline(__always)
    func appendHead(_ major: CBORHead.Major, _ argument: UInt64) {
        let type = major.rawValue << 5
        if argument < 24 {
            append(type | UInt8(truncatingIfNeeded: argument))
        } else {
            appendLongHead(type, argument)
        }
    }

    private func appendLongHead(_ type: UInt8, _ argument: UInt64) {
        let place = unsafe reserve(9)
        if argument <= 0xFF {
            unsafe place.storeBytes(of: (UInt16(type | 24) << 8 | UInt16(argument)).bigEndian, as: UInt16.self)
            count += 2
        } else if argument <= 0xFFFF {
            unsafe place.storeBytes(of: type | 25, as: UInt8.self)
            unsafe place.storeBytes(of: UInt16(argument).bigEndian, toByteOffset: 1, as: UInt16.self)
            count += 3
        } else if argument <= 0xFFFF_FFFF {
            unsafe place.storeBytes(of: type | 26, as: UInt8.self)
            unsafe place.storeBytes(of: UInt32(argument).bigEndian, toByteOffset: 1, as: UInt32.self)
            count += 5
        } else {
            unsafe place.storeBytes(of: type | 27, as: UInt8.self)
            unsafe place.storeBytes(of: argument.bigEndian, toByteOffset: 1, as: UInt64.self)
            count += 9
        }
    }

    @inline(__always)
    func appendBigEndian<Integer: FixedWidthInteger & BitwiseCopyable>(_ integer: Integer) {
        unsafe reserve(MemoryLayout<Integer>.size).storeBytes(of: integer.bigEndian, as: Integer.self)
        count += MemoryLayout<Integer>.size
    }

    // MARK: Lent arrays

    var lentArrayCount: Int { lentArrays.count }

    /// How many bytes fit into the memory, without lent ones.
    var ownCapacity: Int { capacity - lentByteCount }

    /// Appends the bytes of an array without a copy. The buffer keeps the array until it copies or removes them.
    func lend(_ array: some LendableArray) {
        let lent = LentArray(start: count, array: array)
        lentArrays.append(lent)
        lentByteCount += lent.byteCount
        count += lent.byteCount
        capacity += lent.byteCount
        unsafe origin = origin - lent.byteCount
    }

    /// Calls `body` with the pieces of memory that the bytes are in, one after the other.
    func withPieces<Result>(_ body: ([UnsafeRawBufferPointer]) throws -> Result) rethrows -> Result {
        unsafe try withPieces([], from: 0, own: 0, lentArrays[...], body)
    }

    /// - Parameters:
    ///   - known: the pieces before the byte at `place`, the next one of this memory at `own`.
    ///   - lent: the arrays behind.
    private func withPieces<Result>(
        _ known: [UnsafeRawBufferPointer], from place: Int, own: Int, _ lent: ArraySlice<LentArray>,
        _ body: ([UnsafeRawBufferPointer]) throws -> Result
    ) rethrows -> Result {
        let ownCount = (lent.first?.start ?? count) - place
        let pieces = unsafe known + [UnsafeRawBufferPointer(start: base + own, count: ownCount)]
        guard let array = lent.first else { return unsafe try body(pieces) }
        return unsafe try array.array.withBytes { bytes in
            unsafe try withPieces(pieces + [bytes], from: array.end, own: own + ownCount, lent.dropFirst(), body)
        }
    }

    /// Copies the lent arrays to their places.
    private func join() {
        let byteCount = max(count, ownCapacity)
        let new = unsafe Self.allocate(byteCount)
        unsafe withPieces { pieces in
            var place = 0
            for index in unsafe pieces.indices {
                guard let start = unsafe pieces[index].baseAddress else { continue }
                unsafe (new + place).copyMemory(from: start, byteCount: pieces[index].count)
                unsafe place += pieces[index].count
            }
        }
        lentArrays = []
        lentByteCount = 0
        unsafe take(new, byteCount)
    }

    /// Forgets the arrays whose bytes were removed.
    private func giveBack() {
        while let last = lentArrays.last, last.end > count {
            precondition(last.start >= count, "A part of a lent array was removed.")
            lentArrays.removeLast()
            lentByteCount -= last.byteCount
            capacity -= last.byteCount
            unsafe origin = origin + last.byteCount
        }
    }
}
