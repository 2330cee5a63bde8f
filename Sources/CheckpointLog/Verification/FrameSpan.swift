/// Reads the frames of a range of a file in large blocks. It reports every fault and goes on where it is told to.
@safe struct FrameSpan {
    static let blockByteCount = 4 << 20

    /// A frame as it stands in the block, or why there is none.
    @safe enum Step {
        case frame(FrameHeader, UnsafeRawBufferPointer)
        /// The bytes from the fault to the end of the range are zero.
        case empty
        case fault(FrameFault)
    }

    let file: any OpenFile
    let seed: FrameSeed

    /// Visits frames from `start` to `end`; `visit` gives the offset to go on at, nil to stop.
    ///
    /// - Parameter findsEnd: whether a range may end in zeros that nothing was written to. To tell, all of them are read, so a
    ///   visit that goes on behind such a fault must not ask for it.
    /// - Returns: bytes read.
    func walk(
        from start: Int, to end: Int, findsEnd: Bool = false, _ visit: (_ offset: Int, _ step: Step) throws -> Int?
    ) throws -> Int {
        let capacity = min(Self.blockByteCount, max(end - start, 1))
        return unsafe try BufferPool.shared.withBuffer(byteCount: capacity) { block in
            var (blockStart, blockCount, total) = (start, 0, 0)
            var offset = start
            func fill() throws {
                let wanted = min(capacity, end - offset)
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: block[..<max(wanted, 0)])
                blockCount = try wrapping { () throws(FileSystemError) in
                    unsafe try file.read(into: target, at: offset)
                }
                blockStart = offset
                total += blockCount
            }
            while offset < end {
                var rest = unsafe Self.rest(block, blockStart, blockCount, offset)
                var step = unsafe Self.step(rest, offset, seed)
                if case .fault(.truncated) = step, blockStart + blockCount < end || blockStart != offset {
                    try fill()
                    unsafe rest = unsafe Self.rest(block, blockStart, blockCount, offset)
                    step = unsafe Self.step(rest, offset, seed)
                }
                if findsEnd, case .fault = step, rest.isZero(in: 0..<min(rest.count, FrameHeader.byteCount)),
                    try isZero(from: offset, to: end)
                {
                    step = .empty
                }
                guard let next = try visit(offset, step), next > offset else { break }
                offset = next
            }
            return total
        }
    }

    private static func rest(
        _ block: UnsafeMutableRawBufferPointer, _ start: Int, _ count: Int, _ offset: Int
    ) -> UnsafeRawBufferPointer {
        guard offset >= start, offset < start + count else { return unsafe .empty }
        return unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[(offset - start)..<count])
    }

    private static func step(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ seed: FrameSeed) -> Step {
        do throws(FrameFault) {
            let header = unsafe try FrameDecoder.header(in: bytes, at: offset, seed: seed)
            guard bytes.count >= header.frameByteCount else { throw .truncated }
            unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
            return unsafe .frame(header, UnsafeRawBufferPointer(rebasing: bytes[..<header.frameByteCount]))
        } catch {
            return .fault(error)
        }
    }

    /// Whether a range is all zeros: preallocated space that nothing was written to.
    func isZero(from start: Int, to end: Int) throws -> Bool {
        var offset = start
        while offset < end {
            let count = min(256 << 10, end - offset)
            let (read, zero) = unsafe try BufferPool.shared.withBuffer(byteCount: count) { buffer in
                let read = try wrapping { () throws(FileSystemError) in unsafe try file.read(into: buffer, at: offset) }
                return (read, UnsafeRawBufferPointer(buffer).isZero(in: 0..<read))
            }
            if !zero { return false }
            if read < count { return true }
            offset += read
        }
        return true
    }
}
