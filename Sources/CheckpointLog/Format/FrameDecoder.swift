/// Why bytes are not a frame.
package enum FrameFault: String, Error, Sendable {
    case truncated = "the file ends inside the frame"
    case headerChecksum = "the header's checksum is wrong"
    case unknownKind = "the frame is of an unknown kind"
    case badField = "a field of the header is outside its range"
    case overLimit = "a length is over the limit"
    case payloadChecksum = "the payload's checksum is wrong"
    case padding = "the padding is not zero"
    case contentChecksum = "the decompressed content's checksum is wrong"
    case decompression = "the payload does not decompress to its stated length"
    case lostValue = "the large value that the frame names did not reach the disk"
}

/// The rules by which bytes are a frame. FORMAT.md, "A frame is valid if and only if".
package enum FrameDecoder {
    package static let keyByteLimit = CheckpointKey.maximumByteCount
    package static let originByteLimit = 1_024
    package static let metadataByteLimit = EncodedMetadata.byteLimit
    /// The greatest payload of a frame, stored or decompressed, in bytes.
    package static let payloadByteLimit = 2 << 20
    /// The most bytes that stand before a payload.
    package static let prefixByteLimit = FrameHeader.byteCount + keyByteLimit + originByteLimit + metadataByteLimit
    /// The longest frame that there can be, in bytes.
    package static let frameByteLimit = prefixByteLimit + payloadByteLimit

    /// Reads a header, and the key, origin and metadata after it, from `bytes`, which begin at `offset` of the segment.
    ///
    /// `bytes` may end early. ``FrameFault/truncated`` then says that the call needs more bytes, or that the file is
    /// too short.
    package static func header(
        in bytes: UnsafeRawBufferPointer, at offset: Int, seed: FrameSeed
    ) throws(FrameFault) -> FrameHeader {
        guard bytes.count >= FrameHeader.byteCount else { throw .truncated }
        let keyByteCount = Int(bytes.integer(UInt16.self, at: 56))
        let originByteCount = Int(bytes.integer(UInt16.self, at: 58))
        let metadataByteCount = Int(bytes.integer(UInt16.self, at: 14))
        // Only these three lengths are used before the checksum is verified: they say how many bytes it covers, and
        // they are small.
        guard keyByteCount <= keyByteLimit, originByteCount <= originByteLimit, metadataByteCount <= metadataByteLimit
        else { throw .headerChecksum }
        let prefixByteCount = FrameHeader.byteCount + keyByteCount + originByteCount + metadataByteCount
        guard bytes.count >= prefixByteCount else { throw .truncated }
        let crc = bytes.integer(UInt32.self, at: 0)
        let prefix = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<prefixByteCount])
        guard unsafe crc == seed.checksum(of: prefix, at: offset) else { throw .headerChecksum }
        return unsafe try fields(of: prefix, crc: crc, at: offset)
    }

    private static func fields(
        of bytes: UnsafeRawBufferPointer, crc: UInt32, at offset: Int
    ) throws(FrameFault) -> FrameHeader {
        guard let kind = RecordKind(rawValue: bytes.integer(at: 4)) else { throw .unknownKind }
        var header = FrameHeader(kind: kind)
        header.crc = crc
        header.flags = FrameHeader.Flags(rawValue: bytes.integer(at: 5))
        header.level = bytes.integer(at: 6)
        guard let compression = CompressionMethod(rawValue: bytes.integer(at: 7)) else { throw .badField }
        header.compression = compression
        header.storedByteCount = Int(bytes.integer(UInt32.self, at: 8) & 0xFF_FFFF)
        header.contentByteCount = Int(bytes.integer(UInt32.self, at: 11) & 0xFF_FFFF)
        header.metadataByteCount = Int(bytes.integer(UInt16.self, at: 14))
        header.payloadCRC = bytes.integer(at: 16)
        header.contentCRC = bytes.integer(at: 20)
        header.sequenceNumber = SequenceNumber(rawValue: bytes.integer(at: 24))
        header.appendNumber = SequenceNumber(rawValue: bytes.integer(at: 32))
        header.timestamp = bytes.integer(at: 40)
        let promise = bytes.integer(UInt64.self, at: 48)
        header.promise = LogPosition(word: promise)
        header.keyByteCount = Int(bytes.integer(UInt16.self, at: 56))
        header.originByteCount = Int(bytes.integer(UInt16.self, at: 58))
        header.ordinal = bytes.integer(at: 60)
        guard header.storedByteCount <= payloadByteLimit, header.contentByteCount <= payloadByteLimit else {
            throw .overLimit
        }
        guard FrameHeader.Flags.known.isSuperset(of: header.flags),
            !header.flags.contains(.unsynced) || kind == .reference,
            promise == 0 || header.promise != nil,
            header.sequenceNumber.rawValue != 0, header.appendNumber <= .greatest,
            header.flags.contains(.late)
                ? header.appendNumber > header.sequenceNumber : header.appendNumber == header.sequenceNumber,
            compression != .none
                || (header.storedByteCount == header.contentByteCount && header.payloadCRC == header.contentCRC),
            kind.hasKey == (header.keyByteCount > 0), header.metadataByteCount == 0 || kind.hasMetadata,
            kind.hasKey ? header.level > 0 : header.originByteCount == 0,
            header.ordinal == 0 || kind.hasOrdinal, !kind.removesOne || header.flags.contains(.late),
            !header.flags.contains(.marked) || header.ordinal > 0
        else { throw .badField }
        return header
    }

    /// Checks payload and padding of the frame whose header is known.
    package static func checkPayload(of header: FrameHeader, in frame: UnsafeRawBufferPointer) throws(FrameFault) {
        guard frame.count >= header.frameByteCount else { throw .truncated }
        let end = header.prefixByteCount + header.storedByteCount
        let payload = unsafe UnsafeRawBufferPointer(rebasing: frame[header.prefixByteCount..<end])
        guard unsafe Checksum.mask(Checksum.extend(0, payload)) == header.payloadCRC else { throw .payloadChecksum }
        guard frame.isZero(in: end..<header.frameByteCount) else { throw .padding }
    }

    /// Calls `body` with the content of a frame whose payload has been checked.
    package static func withContent<Result>(
        of header: FrameHeader, in frame: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let end = header.prefixByteCount + header.storedByteCount
        let payload = unsafe UnsafeRawBufferPointer(rebasing: frame[header.prefixByteCount..<end])
        guard header.compression != .none else { return unsafe try body(payload) }
        return unsafe try BufferPool.shared.withBuffer(byteCount: header.contentByteCount) { buffer in
            guard unsafe Compression.decompress(payload, into: buffer, method: header.compression) else {
                throw FrameFault.decompression
            }
            let content = UnsafeRawBufferPointer(buffer)
            guard unsafe Checksum.mask(Checksum.extend(0, content)) == header.contentCRC else {
                throw FrameFault.contentChecksum
            }
            return unsafe try body(content)
        }
    }

    /// Checks the whole frame at the beginning of `bytes`, and calls `body` with the frame and its content.
    ///
    /// - Parameters:
    ///   - offset: where `bytes` begin in the segment.
    ///   - isWanted: whether this is the frame that the caller looks for. Called after header, key, origin and metadata
    ///     were verified, and before the payload is read.
    /// - Throws: ``FrameFault``, `.badField` if it is another frame than the wanted one; what `isWanted` and `body`
    ///   throw.
    /// - Complexity: O(n) in the bytes of the frame and of its content.
    @inline(__always)
    package static func withFrame<Result>(
        in bytes: UnsafeRawBufferPointer, at offset: Int, seed: FrameSeed,
        where isWanted: (FrameView) throws -> Bool = { _ in true },
        _ body: (FrameView, _ content: UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let header = unsafe try header(in: bytes, at: offset, seed: seed)
        guard bytes.count >= header.frameByteCount else { throw FrameFault.truncated }
        let frame = unsafe FrameView(
            header: header, offset: offset, bytes: UnsafeRawBufferPointer(rebasing: bytes[..<header.frameByteCount]))
        guard try isWanted(frame) else { throw FrameFault.badField }
        unsafe try checkPayload(of: header, in: bytes)
        return unsafe try withContent(of: header, in: bytes) { unsafe try body(frame, $0) }
    }
}
