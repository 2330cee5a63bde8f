/// The bytes of a file in blocks of 4 KiB, shared between copies until one is written.
///
/// Invariant: there are just as many blocks as the length needs, and the bytes after the end in the last are zero.
struct BlockContent: Sendable {
    static let blockByteCount = 4096
    private static let zeros = [UInt8](repeating: 0, count: blockByteCount)

    /// An empty block stands for one of zeros, so that preallocated files cost no memory.
    private var blocks: [[UInt8]] = []
    private(set) var byteCount = 0

    static func blockCount(_ byteCount: Int) -> Int { (byteCount + blockByteCount - 1) / blockByteCount }

    static func blocks(of range: Range<Int>) -> Range<Int> {
        range.isEmpty ? 0..<0 : range.lowerBound / blockByteCount..<blockCount(range.upperBound)
    }

    var blockCount: Int { blocks.count }

    /// Block `index`; zeros after the end.
    func block(_ index: Int) -> [UInt8] { index < blocks.count ? blocks[index] : [] }

    func isSame(as other: BlockContent, block index: Int) -> Bool {
        let (one, two) = (block(index), other.block(index))
        return (one.isEmpty ? Self.zeros : one) == (two.isEmpty ? Self.zeros : two)
    }

    /// Takes over a whole block that lies before the end.
    mutating func setBlock(_ index: Int, to block: [UInt8]) {
        guard index < blocks.count else { return }
        blocks[index] = block
        if index == blocks.count - 1 { clearAfterEnd() }
    }

    mutating func resize(to newByteCount: Int) {
        let count = Self.blockCount(newByteCount)
        if count < blocks.count {
            blocks.removeLast(blocks.count - count)
        } else if count > blocks.count {
            blocks.append(contentsOf: repeatElement([], count: count - blocks.count))
        }
        let isShorter = newByteCount < byteCount
        byteCount = newByteCount
        if isShorter { clearAfterEnd() }
    }

    private mutating func clearAfterEnd() {
        let used = byteCount % Self.blockByteCount
        guard used > 0, let last = blocks.indices.last, !blocks[last].isEmpty else { return }
        unsafe blocks[last].withUnsafeMutableBytes { block in
            _ = unsafe block[used...].initializeMemory(as: UInt8.self, repeating: 0)
        }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        if offset + bytes.count > byteCount, bytes.count > 0 { resize(to: offset + bytes.count) }
        var done = 0
        while done < bytes.count {
            let (index, start) = (offset + done).quotientAndRemainder(dividingBy: Self.blockByteCount)
            let count = min(Self.blockByteCount - start, bytes.count - done)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
            if count == Self.blockByteCount {
                blocks[index] = unsafe [UInt8](piece)
            } else {
                if blocks[index].isEmpty { blocks[index] = Self.zeros }
                unsafe blocks[index].withUnsafeMutableBytes { block in
                    unsafe UnsafeMutableRawBufferPointer(rebasing: block[start..<start + count]).copyMemory(from: piece)
                }
            }
            done += count
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let total = max(0, min(buffer.count, byteCount - offset))
        var done = 0
        while done < total {
            let (index, start) = (offset + done).quotientAndRemainder(dividingBy: Self.blockByteCount)
            let count = min(Self.blockByteCount - start, total - done)
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
            if blocks[index].isEmpty {
                unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
            } else {
                unsafe blocks[index].withUnsafeBytes { block in
                    unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[start..<start + count]))
                }
            }
            done += count
        }
        return total
    }
}

extension BlockContent {
    init(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe write($0, at: 0) }
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe read(into: $0, at: 0) }
        return bytes
    }

    /// Inverts one bit, counted from the lowest of the first byte; nothing happens after the end.
    mutating func flipBit(_ bit: Int) {
        let (offset, shift) = bit.quotientAndRemainder(dividingBy: 8)
        guard bit >= 0, offset < byteCount else { return }
        let (index, start) = offset.quotientAndRemainder(dividingBy: Self.blockByteCount)
        if blocks[index].isEmpty { blocks[index] = Self.zeros }
        blocks[index][start] ^= 1 << UInt8(shift)
    }
}
