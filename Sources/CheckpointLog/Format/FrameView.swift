/// One frame where it was read to. Its bytes are valid inside the call that was given it.
@safe package struct FrameView {
    package var header: FrameHeader
    package var offset: Int
    /// The whole frame, padding included.
    package var bytes: UnsafeRawBufferPointer

    package var key: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(
            rebasing: bytes[FrameHeader.byteCount..<FrameHeader.byteCount + header.keyByteCount])
    }

    package var origin: UnsafeRawBufferPointer {
        let start = FrameHeader.byteCount + header.keyByteCount
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.originByteCount])
    }

    package var payload: UnsafeRawBufferPointer {
        let start = header.prefixByteCount
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.storedByteCount])
    }
}

extension FrameView {
    /// The value segment that a reference names, 0 for every other kind.
    ///
    /// - Throws: `FrameFault` for a reference that is not one.
    package func valueSegment() throws(FrameFault) -> SegmentNumber {
        guard header.kind == .reference else { return 0 }
        unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
        guard header.compression == .none, let reference = unsafe ValueReference(Array(payload)) else {
            throw .badField
        }
        return reference.segment
    }
}
