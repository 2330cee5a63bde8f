/// One frame in the buffer that it was read into. Its bytes are valid only inside the call that receives it.
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

    package var metadata: UnsafeRawBufferPointer {
        let end = header.prefixByteCount
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[end - header.metadataByteCount..<end])
    }

    package var payload: UnsafeRawBufferPointer {
        let start = header.prefixByteCount
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.storedByteCount])
    }
}

extension FrameView {
    /// The file that a reference or a freed frame names; nil for every other kind.
    ///
    /// - Throws: `FrameFault` if the payload of such a frame names none.
    package func valueFile() throws(FrameFault) -> ValueFile? {
        guard header.kind.namesValue else { return nil }
        unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
        guard header.compression == .none else { throw .badField }
        if header.kind == .freed {
            guard let freed = unsafe FreedValue(Array(payload)) else { throw .badField }
            return ValueFile(segment: freed.segment, byteCount: 0)
        }
        guard let reference = unsafe ValueReference(Array(payload)) else { throw .badField }
        return reference.file(header.flags)
    }
}
