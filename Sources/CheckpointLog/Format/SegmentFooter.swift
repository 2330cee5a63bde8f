/// The list of a sealed segment's frames, and the trailer that finds it. FORMAT.md, "Footer and trailer".
package struct SegmentFooter: Sendable, Equatable {
    package static let trailerByteCount = 64
    package static let magic: [UInt8] = Array("CKPTEND\n".utf8)
    /// An upper bound of the bytes of an entry.
    package static let entryByteLimit = 64 + FrameDecoder.keyByteLimit + FrameDecoder.originByteLimit

    /// One frame as the footer lists it: everything that the index needs, so that nobody has to read the frame.
    package struct Entry: Sendable, Equatable {
        package var offset: Int
        package var byteCount: Int
        package var kind: RecordKind
        package var flags: FrameHeader.Flags
        package var level: UInt8
        package var sequenceNumber: SequenceNumber
        package var appendNumber: SequenceNumber
        package var timestamp: Int64
        package var headerCRC: UInt32
        package var contentByteCount: Int
        package var key: [UInt8]
        package var origin: [UInt8]
        /// The value segment that a reference or a freed value names; 0 for every other kind.
        package var valueSegment: SegmentNumber
        /// Bytes of the file that a reference names; 0 for every other kind.
        package var valueByteCount = 0

        /// An entry without its key and origin, which the caller has.
        package init(_ header: FrameHeader, offset: Int, value: ValueFile?) {
            self.init(header, offset: offset, key: [], origin: [], value: value)
        }

        package init(
            _ header: FrameHeader, offset: Int, key: [UInt8], origin: [UInt8], value: ValueFile? = nil
        ) {
            valueSegment = value?.segment ?? 0
            valueByteCount = value?.byteCount ?? 0
            self.offset = offset
            byteCount = header.frameByteCount
            kind = header.kind
            flags = header.flags
            level = header.level
            sequenceNumber = header.sequenceNumber
            appendNumber = header.appendNumber
            timestamp = header.timestamp
            headerCRC = header.crc
            contentByteCount = header.contentByteCount
            self.key = key
            self.origin = origin
        }
    }

    package var entries: [Entry] = []

    package init() {}

    package var frameEnd: Int { entries.last.map { $0.offset + $0.byteCount } ?? SegmentHeader.byteCount }

    package var summary: FrameSummary {
        var summary = FrameSummary()
        for entry in entries { summary.note(entry) }
        return summary
    }

    /// The encoded entries, padded to 8 bytes.
    package var bytes: [UInt8] {
        var encoder = SegmentFooterEncoder()
        for entry in entries {
            unsafe entry.key.withUnsafeBytes { key in
                unsafe entry.origin.withUnsafeBytes { origin in
                    unsafe encoder.append(entry, key: key, origin: origin)
                }
            }
        }
        return encoder.finish().bytes
    }

    /// Reads `count` entries; nil if the bytes are not exactly these.
    package init?(_ bytes: [UInt8], count: Int) {
        // The shortest entry has 13 bytes, so a greater count is impossible. Believing it would only waste memory.
        guard count >= 0, count <= bytes.count / 13 + 1 else { return nil }
        entries.reserveCapacity(count)
        let isWhole = unsafe Self.forEachEntry(in: bytes, count: count) { entry, key, origin in
            var entry = entry
            entry.key = unsafe Array(key)
            entry.origin = unsafe Array(origin)
            entries.append(entry)
        }
        guard isWhole else { return nil }
    }

    /// Calls `body` with each of `count` entries, and with its key and origin, which the entry itself does not contain.
    /// Returns false if the bytes are not exactly `count` entries. By then `body` was called for those before the
    /// fault.
    @inline(__always)
    package static func forEachEntry(
        in bytes: [UInt8], count: Int,
        _ body: (Entry, _ key: UnsafeRawBufferPointer, _ origin: UnsafeRawBufferPointer) throws -> Void
    ) rethrows -> Bool {
        unsafe try bytes.withUnsafeBytes { all in
            var reader = EntryReader(bytes)
            for _ in 0..<count {
                guard reader.advance() else { return false }
                unsafe try body(
                    reader.entry, UnsafeRawBufferPointer(rebasing: all[reader.key]),
                    UnsafeRawBufferPointer(rebasing: all[reader.origin]))
            }
            return reader.isAtEnd
        }
    }

    /// Reads entries one after another. Each is stored as a difference from the one before, and overwrites it here.
    private struct EntryReader {
        private var cursor: ByteCursor
        private(set) var entry: Entry
        /// Where the entry's key and origin are in the bytes; the entry's own are empty.
        private(set) var key = 0..<0
        private(set) var origin = 0..<0

        init(_ bytes: [UInt8]) {
            cursor = ByteCursor(bytes)
            entry = Entry(FrameHeader(kind: .promise), offset: SegmentHeader.byteCount, value: nil)
            entry.byteCount = 0
            entry.sequenceNumber = SequenceNumber(rawValue: 0)
            entry.timestamp = 0
        }

        /// Whether only padding is left.
        var isAtEnd: Bool {
            var cursor = cursor
            return cursor.skipZeros(toMultipleOf: 8) && cursor.isAtEnd
        }

        /// Reads the next entry; false if the bytes are none.
        @inline(__always)
        mutating func advance() -> Bool {
            guard let units = cursor.variableLength(), units >= 8, units <= UInt64(FrameDecoder.frameByteLimit / 8),
                let kind = cursor.byte().flatMap(RecordKind.init(rawValue:)),
                let flags = cursor.byte().map(FrameHeader.Flags.init(rawValue:)),
                let level = cursor.byte(), let step = cursor.variableLength()
            else { return false }
            let sequence = entry.sequenceNumber.rawValue &+ UInt64(bitPattern: SegmentFooter.unzigzag(step))
            var append = sequence
            if flags.contains(.late) {
                guard let later = cursor.variableLength() else { return false }
                append = sequence &+ later
            }
            guard let time = cursor.variableLength(), let crc = cursor.integer(UInt32.self),
                let content = cursor.variableLength(), content <= UInt64(FrameDecoder.payloadByteLimit),
                let keyByteCount = cursor.variableLength(), keyByteCount <= UInt64(FrameDecoder.keyByteLimit),
                let key = cursor.range(byteCount: keyByteCount),
                let originByteCount = cursor.variableLength(),
                originByteCount <= UInt64(FrameDecoder.originByteLimit),
                let origin = cursor.range(byteCount: originByteCount), kind.hasKey != key.isEmpty
            else { return false }
            guard sequence > 0, append >= sequence, append <= SequenceNumber.greatest.rawValue,
                kind.hasKey ? level > 0 : origin.isEmpty, !kind.removesOne || flags.contains(.late),
                !flags.contains(.unsynced) || kind == .reference
            else { return false }
            entry.valueSegment = 0
            entry.valueByteCount = 0
            if kind.namesValue {
                guard let number = cursor.variableLength().flatMap({ SegmentNumber(exactly: $0) }), number > 0 else {
                    return false
                }
                entry.valueSegment = number
            }
            if kind == .reference {
                guard let byteCount = cursor.variableLength(), byteCount < ValueReference.fileByteLimit else {
                    return false
                }
                entry.valueByteCount = Int(byteCount)
            }
            entry.offset += entry.byteCount
            entry.byteCount = Int(units) * 8
            entry.kind = kind
            entry.flags = flags
            entry.level = level
            entry.sequenceNumber = SequenceNumber(rawValue: sequence)
            entry.appendNumber = SequenceNumber(rawValue: append)
            entry.timestamp = entry.timestamp &+ SegmentFooter.unzigzag(time)
            entry.headerCRC = crc
            entry.contentByteCount = Int(content)
            self.key = key
            self.origin = origin
            return entry.offset + entry.byteCount < LogPosition.offsetLimit || kind == .chunk
        }
    }

    private static func unzigzag(_ word: UInt64) -> Int64 {
        Int64(bitPattern: word >> 1) ^ -Int64(bitPattern: word & 1)
    }
}

extension RecordKind {
    /// Whether the frame changes what can be restored.
    package var isRecord: Bool {
        switch self {
        case .value, .reference, .removal, .removalOfAll, .group, .mark, .versionRemoval, .groupRemoval, .labels:
            true
        case .roll, .promise, .chunk, .freed: false
        }
    }

    /// Whether compaction copies the frame while it is live.
    package var isCopied: Bool { isRecord || self == .freed }

    /// Whether the frame names the file of a large value.
    package var namesValue: Bool { self == .reference || self == .freed }
}

/// The file of a large value.
package struct ValueFile: Sendable, Hashable {
    package var segment: SegmentNumber
    /// Bytes of the file; 0 if the frame that names the file does not state them.
    package var byteCount: Int
    /// Whether it was not known to be synced when its reference was appended.
    package var isUnsynced: Bool

    package init(segment: SegmentNumber, byteCount: Int, isUnsynced: Bool = false) {
        self.segment = segment
        self.byteCount = byteCount
        self.isUnsynced = isUnsynced
    }
}

/// The last 64 bytes of a sealed file.
package struct SegmentTrailer: Sendable, Equatable {
    package var segment: SegmentNumber
    package var footerOffset: Int
    package var footerByteCount: Int
    package var footerCRC: UInt32
    package var entryCount: Int

    package init(segment: SegmentNumber, footerOffset: Int, _ footer: EncodedFooter) {
        self.init(
            segment: segment, footerOffset: footerOffset, footer: footer.bytes, entryCount: footer.summary.frameCount)
    }

    package init(segment: SegmentNumber, footerOffset: Int, footer: [UInt8], entryCount: Int) {
        self.segment = segment
        self.footerOffset = footerOffset
        footerByteCount = footer.count
        footerCRC = Checksum.mask(Checksum.of(footer))
        self.entryCount = entryCount
    }

    package var bytes: [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: footerCRC)
        rest.append(littleEndian: UInt64(footerOffset))
        rest.append(littleEndian: UInt64(footerByteCount))
        rest.append(littleEndian: UInt64(entryCount))
        rest.append(littleEndian: UInt64(segment.rawValue))
        rest.append(contentsOf: [UInt8](repeating: 0, count: SegmentFooter.trailerByteCount - 12 - rest.count))
        var bytes = SegmentFooter.magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count == SegmentFooter.trailerByteCount, bytes.starts(with: SegmentFooter.magic) else { return nil }
        var cursor = ByteCursor(bytes, from: 8)
        guard let crc = cursor.integer(UInt32.self), crc == Checksum.mask(Checksum.of(Array(bytes[12...]))),
            let footerCRC = cursor.integer(UInt32.self),
            let offset = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)), offset < 1 << 40,
            let count = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)), count < 1 << 32,
            let entryCount = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)), entryCount < 1 << 32,
            let segment = cursor.integer(UInt64.self).flatMap({ SegmentNumber(exactly: $0) }),
            bytes[cursor.offset...].allSatisfy({ $0 == 0 })
        else { return nil }
        self.segment = segment
        footerOffset = offset
        footerByteCount = count
        self.footerCRC = footerCRC
        self.entryCount = entryCount
    }
}
