/// Makes the bytes of frames: header, key, origin, metadata, payload, padding. FORMAT.md, "Frames"; ``FrameDecoder``
/// reads them.
package enum FrameEncoder {
    /// Calls `body` with the bytes to store for `content`, compressed if that makes them smaller. The header states
    /// their lengths and checksums by then.
    ///
    /// - Complexity: O(n) in the bytes, and what `method` takes.
    package static func withPayload<Result>(
        _ content: UnsafeRawBufferPointer, _ method: CompressionMethod, _ header: FrameHeader,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        var header = header
        unsafe header.setPayload(content)
        guard method != .none else { return unsafe try body(header, content) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: max(content.count, 1)) { room in
            guard let count = unsafe Compression.compress(content, into: room, method: method) else {
                return unsafe try body(header, content)
            }
            let stored = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count])
            header.compression = method
            header.storedByteCount = count
            header.payloadCRC = unsafe Checksum.mask(Checksum.extend(0, stored))
            return unsafe try body(header, stored)
        }
    }

    /// The same for content in several pieces of memory. They are copied into one only if they look as if compressing
    /// them paid.
    package static func withPayload<Result>(
        _ content: BytePieces, _ method: CompressionMethod, _ header: FrameHeader,
        _ body: (FrameHeader, BytePieces) throws -> Result
    ) throws -> Result {
        if content.pieces.count > 1, method == .none || !Compression.isPromising(content, method) {
            var header = header
            header.setPayload(content)
            return try body(header, content)
        }
        return unsafe try content.withOnePiece { bytes in
            unsafe try withPayload(bytes, method, header) { unsafe try body($0, BytePieces($1)) }
        }
    }

    /// Writes a whole frame to the beginning of `room`, for `offset` of the segment, and sets the header's checksum.
    ///
    /// - Precondition: the header states the lengths of `key`, `origin`, `metadata` and `payload`, and `room` has at
    ///   least its ``FrameHeader/frameByteCount`` bytes.
    @inline(__always)
    package static func write(
        _ header: inout FrameHeader, key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer,
        metadata: UnsafeRawBufferPointer = unsafe .empty, payload: UnsafeRawBufferPointer,
        to room: UnsafeMutableRawBufferPointer, at offset: Int, _ seed: FrameSeed
    ) {
        unsafe writePrefix(&header, key: key, origin: origin, metadata: metadata, to: room, at: offset, seed)
        let end = header.prefixByteCount + header.storedByteCount
        if header.storedByteCount > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[header.prefixByteCount...]).copyMemory(from: payload)
        }
        for index in end..<header.frameByteCount { unsafe room[index] = 0 }
    }

    /// Writes everything before the payload: header, key, origin and metadata.
    ///
    /// - Precondition: as for ``write(_:key:origin:metadata:payload:to:at:_:)``, with ``FrameHeader/prefixByteCount``
    ///   bytes of room.
    @inline(__always)
    package static func writePrefix(
        _ header: inout FrameHeader, key: UnsafeRawBufferPointer, origin: UnsafeRawBufferPointer,
        metadata: UnsafeRawBufferPointer = unsafe .empty, to room: UnsafeMutableRawBufferPointer, at offset: Int,
        _ seed: FrameSeed
    ) {
        if header.keyByteCount > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[FrameHeader.byteCount...]).copyMemory(from: key)
        }
        if header.originByteCount > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[(FrameHeader.byteCount + header.keyByteCount)...])
                .copyMemory(from: origin)
        }
        if header.metadataByteCount > 0 {
            let start = header.prefixByteCount - header.metadataByteCount
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[start...]).copyMemory(from: metadata)
        }
        unsafe writeHeader(&header, to: room, at: offset, seed)
    }

    /// Writes a header before the key, origin and metadata that are in `room` already. Its checksum covers all of them.
    @inline(__always)
    package static func writeHeader(
        _ header: inout FrameHeader, to room: UnsafeMutableRawBufferPointer, at offset: Int, _ seed: FrameSeed
    ) {
        unsafe header.write(to: room)
        let prefix = unsafe UnsafeRawBufferPointer(rebasing: room[..<header.prefixByteCount])
        header.crc = unsafe seed.checksum(of: prefix, at: offset)
        room.set(header.crc, at: 0)
    }
}

extension FrameHeader {
    /// Sets lengths and checksums for a payload that is stored uncompressed.
    package mutating func setPayload(_ payload: UnsafeRawBufferPointer) {
        unsafe setPayload(byteCount: payload.count, checksum: Checksum.extend(0, payload))
    }

    fileprivate mutating func setPayload(_ payload: BytePieces) {
        setPayload(
            byteCount: payload.count, checksum: payload.pieces.reduce(0) { unsafe Checksum.extend($0, $1.bytes) })
    }

    @inline(__always)
    private mutating func setPayload(byteCount: Int, checksum: UInt32) {
        contentByteCount = byteCount
        storedByteCount = byteCount
        contentCRC = Checksum.mask(checksum)
        payloadCRC = contentCRC
    }
}
