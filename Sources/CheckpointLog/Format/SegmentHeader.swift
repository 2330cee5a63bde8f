/// The first 128 bytes of a segment. FORMAT.md, "Segment header".
package struct SegmentHeader: Sendable, Equatable {
    package static let byteCount = 128
    package static let magic: [UInt8] = Array("CKPTSEG\n".utf8)

    package var role: SegmentRole
    package var log: LogIdentifier
    package var segment: SegmentNumber
    /// The epoch of the writer that made the file.
    package var epoch: UInt32
    /// Of a log segment: the one before it in the chain, or 0 for the first one of the log.
    package var previous: SegmentNumber
    /// Microseconds since 1970-01-01 UTC.
    package var created: Int64
    package var hashSecret: HashSecret

    package init(
        role: SegmentRole, log: LogIdentifier, segment: SegmentNumber, epoch: UInt32, previous: SegmentNumber,
        created: Int64,
        hashSecret: HashSecret
    ) {
        self.role = role
        self.log = log
        self.segment = segment
        self.epoch = epoch
        self.previous = previous
        self.created = created
        self.hashSecret = hashSecret
    }

    package var bytes: [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(role.rawValue)
        rest.append(0)
        rest.append(littleEndian: FormatVersion.knownFeatures)
        rest.append(littleEndian: UInt64(0))
        rest.append(littleEndian: log.high)
        rest.append(littleEndian: log.low)
        rest.append(littleEndian: UInt64(segment.rawValue))
        rest.append(littleEndian: UInt64(epoch))
        rest.append(littleEndian: UInt64(previous.rawValue))
        rest.append(littleEndian: created)
        rest.append(littleEndian: hashSecret.first)
        rest.append(littleEndian: hashSecret.second)
        rest.append(contentsOf: [UInt8](repeating: 0, count: Self.byteCount - 12 - rest.count))
        var bytes = Self.magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    /// Reads a header of the log `log`; nil if `bytes` are none.
    ///
    /// - Throws: `.unsupportedFormat` for a valid header of another version or with unknown required features.
    package init?(_ bytes: [UInt8], of log: LogIdentifier, path: String) throws {
        guard bytes.count >= Self.byteCount, bytes.starts(with: Self.magic) else { return nil }
        var cursor = ByteCursor(bytes, from: 8, to: Self.byteCount)
        let crc: UInt32? = cursor.integer()
        guard crc == Checksum.mask(Checksum.of(Array(bytes[12..<Self.byteCount]))),
            let version = cursor.integer(UInt16.self), let roleByte = cursor.integer(UInt8.self),
            cursor.integer(UInt8.self) == 0, let required = cursor.integer(UInt64.self)
        else { return nil }
        try FormatVersion.check(version: version, requiredFeatures: required, path: path)
        guard cursor.integer(UInt64.self) != nil, let role = SegmentRole(rawValue: roleByte),
            let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
            let segment = cursor.integer(UInt64.self), let epoch = cursor.integer(UInt64.self),
            let previous = cursor.integer(UInt64.self), let created = cursor.integer(Int64.self),
            let first = cursor.integer(UInt64.self), let second = cursor.integer(UInt64.self),
            let segment = SegmentNumber(exactly: segment), let epoch = UInt32(exactly: epoch),
            let previous = SegmentNumber(exactly: previous), log == LogIdentifier(high: high, low: low),
            bytes[cursor.offset..<Self.byteCount].allSatisfy({ $0 == 0 })
        else { return nil }
        self.init(
            role: role, log: log, segment: segment, epoch: epoch, previous: previous, created: created,
            hashSecret: HashSecret(first: first, second: second))
    }
}
