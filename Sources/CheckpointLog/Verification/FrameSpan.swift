/// Reads the frames of a range of a file in large blocks. It reports every fault and continues where the caller says.
@safe struct FrameSpan {
    /// Small enough to stay in a core's cache between the read and the checksum. A longer frame uses a longer block.
    private static let blockByteCount = 512 << 10

    /// A frame in the block, or the reason why there is none.
    @safe enum Step {
        case frame(FrameHeader, UnsafeRawBufferPointer)
        /// A frame with a valid header, key, origin and metadata, and an invalid payload or padding.
        case damaged(FrameHeader, UnsafeRawBufferPointer, FrameFault)
        /// All bytes from here to the end of the range are zero, or there are none.
        case empty
        case fault(FrameFault)

        /// What is wrong; nil for a whole frame, and at the end.
        var fault: FrameFault? {
            switch self {
            case .damaged(_, _, let fault), .fault(let fault): fault
            case .frame, .empty: nil
            }
        }
    }

    let file: any OpenFile
    let seed: FrameSeed

    /// The bytes of a file around one offset.
    @safe private struct Window {
        let file: any OpenFile
        let end: Int
        let block: UnsafeMutableRawBufferPointer
        var start = 0
        var count = 0
        var total = 0

        init(_ file: any OpenFile, end: Int, block: UnsafeMutableRawBufferPointer) {
            self.file = file
            self.end = end
            unsafe self.block = block
        }

        func rest(_ offset: Int) -> UnsafeRawBufferPointer {
            guard offset >= start, offset < start + count else { return unsafe .empty }
            return unsafe UnsafeRawBufferPointer(
                rebasing: UnsafeRawBufferPointer(block)[(offset - start)..<count])
        }

        /// Whether more bytes of the file could complete a truncated frame.
        func canGrow(_ offset: Int) -> Bool { start + count < end || start != offset }

        mutating func fill(from offset: Int, byteCount: Int) throws {
            let wanted = unsafe max(0, min(byteCount, block.count, end - offset))
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: block[..<wanted])
            count = try wrapping { () throws(FileSystemError) in unsafe try file.read(into: target, at: offset) }
            start = offset
            total += count
        }
    }

    /// Visits frames from `start` to `end`. `visit` returns the offset to continue at, or nil to stop.
    ///
    /// - Parameter endsInZeros: whether zeros up to the end of the range are a clean end, as in preallocated space.
    /// - Returns: bytes read.
    func walk(
        from start: Int, to end: Int, endsInZeros: Bool, _ visit: (_ offset: Int, _ step: Step) throws -> Int?
    ) throws -> Int {
        let longest = FrameDecoder.frameByteLimit + 8
        let capacity = max(1, min(max(Self.blockByteCount, longest), end - start))
        return unsafe try BufferPool.shared.withBuffer(byteCount: capacity) { block in
            var window = unsafe Window(file, end: end, block: block)
            var offset = start
            while offset < end {
                var step = unsafe Self.step(window.rest(offset), offset, seed)
                if case .fault(.truncated) = step, window.canGrow(offset) {
                    try window.fill(from: offset, byteCount: Self.blockByteCount)
                    step = unsafe Self.step(window.rest(offset), offset, seed)
                    if case .fault(.truncated) = step, window.count == Self.blockByteCount {
                        try window.fill(from: offset, byteCount: capacity)
                        step = unsafe Self.step(window.rest(offset), offset, seed)
                    }
                }
                if endsInZeros, case .fault = step {
                    let rest = unsafe window.rest(offset)
                    if rest.isZero(in: 0..<min(rest.count, FrameHeader.byteCount)), try isZero(from: offset, to: end) {
                        step = .empty
                    }
                }
                guard let next = try visit(offset, step), next > offset else { break }
                offset = next
            }
            return window.total
        }
    }

    /// Visits every valid header, also between bytes that are no frame.
    ///
    /// - Returns: whether there were such bytes, except zeros at the end.
    /// - Complexity: O(n) in the bytes; every multiple of 8 that is not zero is tried as the beginning of a header.
    func findHeaders(
        from start: Int, to end: Int, _ visit: (Int, FrameHeader, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool {
        let capacity = max(1, min(Self.blockByteCount, end - start))
        return unsafe try BufferPool.shared.withBuffer(byteCount: capacity) { block in
            var window = unsafe Window(file, end: end, block: block)
            var offset = start
            var hasGap = false
            while offset + FrameHeader.byteCount <= end {
                if unsafe window.rest(offset).count < min(FrameDecoder.prefixByteLimit, end - offset) {
                    try window.fill(from: offset, byteCount: capacity)
                }
                let rest = unsafe window.rest(offset)
                guard rest.count >= FrameHeader.byteCount else { break }
                if rest.integer(UInt64.self, at: 0) != 0 {
                    if let header = try? unsafe FrameDecoder.header(in: rest, at: offset, seed: seed) {
                        unsafe visit(offset, header, rest)
                        offset += header.frameByteCount
                        continue
                    }
                    hasGap = true
                }
                offset += 8
            }
            return hasGap
        }
    }

    @inline(__always)
    private static func step(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ seed: FrameSeed) -> Step {
        let header: FrameHeader
        do throws(FrameFault) {
            header = unsafe try FrameDecoder.header(in: bytes, at: offset, seed: seed)
            guard bytes.count >= header.frameByteCount else { throw .truncated }
        } catch {
            return .fault(error)
        }
        let frame = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<header.frameByteCount])
        do throws(FrameFault) {
            unsafe try FrameDecoder.checkPayload(of: header, in: frame)
        } catch {
            return unsafe .damaged(header, frame, error)
        }
        return unsafe .frame(header, frame)
    }

    /// Whether a range is all zeros, as preallocated space is that was never written.
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

extension CheckOutcome.Record {
    /// The record of a frame with a valid header; `bytes` begin with the frame.
    init(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, segment: SegmentNumber, at offset: Int) {
        let keyEnd = FrameHeader.byteCount + header.keyByteCount
        unsafe self.init(
            kind: header.kind, level: header.level, key: Array(bytes[FrameHeader.byteCount..<keyEnd]),
            origin: Array(bytes[keyEnd..<keyEnd + header.originByteCount]), sequenceNumber: header.sequenceNumber,
            location: FrameLocation(segment: segment, offset: offset, byteCount: header.frameByteCount),
            flags: header.flags)
    }

    /// The file that the frame names; nil if the frame is not whole or names none.
    static func valueFile(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, at offset: Int) -> ValueFile? {
        let frame = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<header.frameByteCount])
        return try? unsafe FrameView(header: header, offset: offset, bytes: frame).valueFile()
    }

    init(_ entry: SegmentFooter.Entry, segment: SegmentNumber) {
        self.init(
            kind: entry.kind, level: entry.level, key: entry.key, origin: entry.origin,
            sequenceNumber: entry.sequenceNumber,
            location: FrameLocation(segment: segment, offset: entry.offset, byteCount: entry.byteCount),
            valueSegment: entry.valueSegment, flags: entry.flags)
    }
}

extension CheckOutcome.Reference {
    /// The reference in a whole frame; nil for every other kind, and for a payload that is no reference.
    init?(_ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ record: CheckOutcome.Record) {
        guard header.kind == .reference, header.compression == .none else { return nil }
        let end = header.prefixByteCount + header.storedByteCount
        guard let reference = unsafe ValueReference(Array(bytes[header.prefixByteCount..<end])) else { return nil }
        self.init(reference: reference, record: record, isRaw: header.flags.contains(.raw))
        self.record.valueSegment = reference.segment
    }
}
