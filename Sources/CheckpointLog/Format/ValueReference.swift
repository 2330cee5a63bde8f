/// The payload of a reference frame: which value segment has the large value. FORMAT.md, "Value segments".
package struct ValueReference: Sendable, Equatable {
    package static let byteCount = 40
    /// The largest possible value in bytes, which is the limit of the setting. Readers size their buffers by it.
    package static let contentByteLimit = 64 << 30
    /// An upper bound of the bytes of a value's file.
    static let fileByteLimit: UInt64 = 1 << 40
    /// The most chunks of a value, of a mebibyte each.
    private static let chunkCountLimit = 65_536

    /// The value segment.
    package var segment: SegmentNumber
    package var chunkCount: Int
    /// Bytes of the value before compression.
    package var contentByteCount: Int
    /// Bytes of the value segment's file.
    package var fileByteCount: Int
    /// The checksum of the value segment's footer, which contains the checksums of all chunk headers.
    package var footerCRC: UInt32
    /// The number that the chunks carry.
    package var chunkNumber: SequenceNumber

    package init(
        segment: SegmentNumber, chunkCount: Int, contentByteCount: Int, fileByteCount: Int, footerCRC: UInt32,
        chunkNumber: SequenceNumber
    ) {
        self.segment = segment
        self.chunkCount = chunkCount
        self.contentByteCount = contentByteCount
        self.fileByteCount = fileByteCount
        self.footerCRC = footerCRC
        self.chunkNumber = chunkNumber
    }

    /// - Parameter flags: those of the frame that contains this reference.
    package func file(_ flags: FrameHeader.Flags) -> ValueFile {
        ValueFile(segment: segment, byteCount: fileByteCount, isUnsynced: flags.contains(.unsynced))
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: segment.rawValue)
        bytes.append(littleEndian: UInt32(chunkCount))
        bytes.append(littleEndian: UInt64(contentByteCount))
        bytes.append(littleEndian: UInt64(fileByteCount))
        bytes.append(littleEndian: footerCRC)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: chunkNumber.rawValue)
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        var cursor = ByteCursor(bytes)
        guard let segment = cursor.segmentNumber(), segment > 0, let chunkCount = cursor.integer(UInt32.self),
            chunkCount <= Self.chunkCountLimit,
            let content = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)), content <= Self.contentByteLimit,
            let file = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)), file < Self.fileByteLimit,
            let footerCRC = cursor.integer(UInt32.self), cursor.integer(UInt32.self) == 0,
            let number = cursor.integer(UInt64.self)
        else { return nil }
        self.init(
            segment: segment, chunkCount: Int(chunkCount), contentByteCount: content, fileByteCount: file,
            footerCRC: footerCRC, chunkNumber: SequenceNumber(rawValue: number))
    }
}

/// The payload of a frame that declares a large value freed: its file no longer exists. FORMAT.md, "Freed values".
package struct FreedValue: Sendable, Equatable {
    package var segment: SegmentNumber

    package init(segment: SegmentNumber) { self.segment = segment }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: segment.rawValue)
        bytes.append(littleEndian: UInt32(0))
        return bytes
    }

    package init?(_ bytes: [UInt8]) {
        var cursor = ByteCursor(bytes)
        guard let segment = cursor.segmentNumber(), segment > 0, cursor.integer(UInt32.self) == 0, cursor.isAtEnd else {
            return nil
        }
        self.init(segment: segment)
    }
}
