/// The list of sealed segments, and the reserved numbers. FORMAT.md, "Manifest".
///
/// The file is always replaced as a whole: written beside the old one, synced, renamed over it, and the directory
/// synced. It has about a kilobyte for each gigabyte of the log and changes once per segment, so a log of edits would
/// gain nothing.
package struct Manifest: Sendable, Equatable {
    package static let magic: [UInt8] = Array("CKPTMAN\n".utf8)
    /// How many of the newest openings the manifest names.
    package static let openingLimit = 32
    private static let fixedByteCount = 96 + openingLimit * 8
    /// Where generation and newest opening are in the file.
    package static let stampRange = 64..<104
    private static let entryByteCount = 64
    /// The most sealed segments that a manifest can list.
    package static let entryLimit = 1 << 20

    /// A sealed segment.
    package struct Segment: Sendable, Equatable {
        package var name: SegmentName
        package var byteCount: Int
        package var footerOffset: Int
        package var entryCount: Int
        package var footerCRC: UInt32
        /// The smallest number of a record in it; `UInt64.max` if it has none.
        package var lowestSequenceNumber: SequenceNumber
        package var highestSequenceNumber: SequenceNumber
        /// The timestamp of its newest frame.
        package var newestTimestamp: Int64

        /// Whether it may contain a record of that number.
        package func mayHold(_ number: SequenceNumber) -> Bool {
            lowestSequenceNumber <= number && number <= highestSequenceNumber
        }

        package init(name: SegmentName, footer: SegmentFooter, trailer: SegmentTrailer) {
            self.init(name: name, footer.summary, trailer: trailer)
        }

        package init(name: SegmentName, _ frames: FrameSummary, trailer: SegmentTrailer) {
            self.name = name
            byteCount = trailer.footerOffset + trailer.footerByteCount + SegmentFooter.trailerByteCount
            footerOffset = trailer.footerOffset
            entryCount = trailer.entryCount
            footerCRC = trailer.footerCRC
            lowestSequenceNumber = frames.lowestSequenceNumber
            highestSequenceNumber = frames.highestSequenceNumber
            newestTimestamp = frames.newestTimestamp ?? 0
        }

        fileprivate init?(_ cursor: inout ByteCursor) {
            guard let identifier = cursor.segmentNumber(), identifier > 0,
                let role = cursor.integer(UInt32.self).flatMap({ UInt8(exactly: $0) }).flatMap(
                    SegmentRole.init(rawValue:)),
                let byteCount = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)),
                let footerOffset = cursor.integer(UInt64.self).flatMap(Int.init(exactly:)),
                let entryCount = cursor.integer(UInt32.self), let footerCRC = cursor.integer(UInt32.self),
                let lowest = cursor.integer(UInt64.self), let highest = cursor.integer(UInt64.self),
                let newest = cursor.integer(Int64.self), cursor.integer(UInt64.self) == 0,
                Self.isPossible(role, byteCount: byteCount, footerOffset: footerOffset, entryCount: Int(entryCount)),
                highest <= SequenceNumber.greatest.rawValue
            else { return nil }
            name = SegmentName(identifier, role)
            self.byteCount = byteCount
            self.footerOffset = footerOffset
            self.entryCount = Int(entryCount)
            self.footerCRC = footerCRC
            lowestSequenceNumber = SequenceNumber(rawValue: lowest)
            highestSequenceNumber = SequenceNumber(rawValue: highest)
            newestTimestamp = newest
        }

        /// Whether a segment can have these lengths: a position can state every offset, no frame is shorter than its
        /// header, and no footer entry is longer than its frame. Readers size their buffers by these lengths.
        private static func isPossible(
            _ role: SegmentRole, byteCount: Int, footerOffset: Int, entryCount: Int
        ) -> Bool {
            let room = footerOffset - SegmentHeader.byteCount
            return role != .value && room >= 0 && footerOffset < LogPosition.offsetLimit && footerOffset % 8 == 0
                && entryCount <= room / FrameHeader.byteCount
                && (SegmentFooter.trailerByteCount...room + SegmentFooter.trailerByteCount + 8).contains(
                    byteCount - footerOffset)
        }

        fileprivate func append(to bytes: inout [UInt8]) {
            bytes.append(littleEndian: name.identifier.rawValue)
            bytes.append(littleEndian: UInt32(name.role.rawValue))
            bytes.append(littleEndian: UInt64(byteCount))
            bytes.append(littleEndian: UInt64(footerOffset))
            bytes.append(littleEndian: UInt32(entryCount))
            bytes.append(littleEndian: footerCRC)
            bytes.append(littleEndian: lowestSequenceNumber.rawValue)
            bytes.append(littleEndian: highestSequenceNumber.rawValue)
            bytes.append(littleEndian: newestTimestamp)
            bytes.append(littleEndian: UInt64(0))
        }
    }

    package var identifier: LogIdentifier
    package var hashSecret: HashSecret
    /// Grows by one with every replacement.
    package var generation: UInt64 = 0
    /// The first epoch that no writer has reserved.
    package var nextEpoch: UInt32 = 1
    /// The first segment number that no writer has reserved.
    package var nextSegment: SegmentNumber = 1
    /// The greatest number of a log segment that was ever sealed; the chain begins after it.
    package var lastSealed: SegmentNumber = 0
    /// The random words of the newest openings for writing, newest first. The newest has the epoch before
    /// ``nextEpoch``. A word is zero if it is not known.
    package private(set) var openings: [UInt64] = []
    /// What the log keeps at each level. A level that is not listed has the standard policy.
    package var policies: [UInt8: RecordedPolicy] = [:]
    package var segments: [Segment] = []

    package init(identifier: LogIdentifier, hashSecret: HashSecret) {
        self.identifier = identifier
        self.hashSecret = hashSecret
    }

    /// Takes the next epoch for an opening.
    package mutating func open(as word: UInt64) {
        openings = Array(([word] + openings).prefix(Self.openingLimit))
        nextEpoch += 1
    }

    /// The newest opening for writing; nil if no opening ever got to appending, or if it is not known.
    package var newestOpening: Opening? {
        openings.first.flatMap { $0 == 0 ? nil : Opening(epoch: nextEpoch - 1, word: $0) }
    }

    /// Whether the log descends from `opening`.
    package func ancestry(of opening: Opening) -> Opening.Ancestry {
        guard opening.epoch < nextEpoch else { return .differs }
        let index = Int(nextEpoch - 1 - opening.epoch)
        guard index < openings.count else { return .unknown }
        if openings[index] == 0 { return .unknown }
        return openings[index] == opening.word ? .descends : .differs
    }

    package var bytes: [UInt8] {
        var rest: [UInt8] = []
        rest.append(littleEndian: FormatVersion.current)
        rest.append(littleEndian: UInt16(0))
        rest.append(littleEndian: FormatVersion.knownFeatures)
        rest.append(littleEndian: UInt64(0))
        rest.append(littleEndian: identifier.high)
        rest.append(littleEndian: identifier.low)
        rest.append(littleEndian: hashSecret.first)
        rest.append(littleEndian: hashSecret.second)
        rest.append(littleEndian: generation)
        rest.append(littleEndian: nextEpoch)
        rest.append(littleEndian: nextSegment.rawValue)
        rest.append(littleEndian: lastSealed.rawValue)
        rest.append(littleEndian: UInt32(segments.count))
        rest.append(littleEndian: UInt32(policies.count))
        rest.append(littleEndian: UInt32(0))
        for index in 0..<Self.openingLimit {
            rest.append(littleEndian: index < openings.count ? openings[index] : 0)
        }
        rest.append(contentsOf: policies.bytes)
        for segment in segments { segment.append(to: &rest) }
        var bytes = Self.magic
        bytes.append(littleEndian: Checksum.mask(Checksum.of(rest)))
        return bytes + rest
    }

    /// Reads a manifest; nil if `bytes` are not exactly one.
    ///
    /// - Throws: `.unsupportedFormat` for a valid manifest of another version or with unknown required features.
    package init?(_ bytes: [UInt8], path: String) throws {
        guard bytes.count >= Self.fixedByteCount, bytes.starts(with: Self.magic) else { return nil }
        var cursor = ByteCursor(bytes, from: 8)
        guard Self.isIntact(bytes, crc: cursor.integer(UInt32.self)),
            let version = cursor.integer(UInt16.self), cursor.integer(UInt16.self) == 0,
            let required = cursor.integer(UInt64.self)
        else { return nil }
        try FormatVersion.check(version: version, requiredFeatures: required, path: path)
        guard cursor.integer(UInt64.self) != nil,
            let high = cursor.integer(UInt64.self), let low = cursor.integer(UInt64.self),
            let first = cursor.integer(UInt64.self), let second = cursor.integer(UInt64.self),
            let generation = cursor.integer(UInt64.self), let nextEpoch = cursor.integer(UInt32.self),
            let nextSegment = cursor.segmentNumber(), let lastSealed = cursor.segmentNumber(),
            let count = cursor.integer(UInt32.self), count <= Self.entryLimit,
            let policyCount = cursor.integer(UInt32.self), policyCount <= UInt8.max,
            cursor.integer(UInt32.self) == 0,
            bytes.count == Self.fixedByteCount + Int(policyCount) * RecordedPolicy.byteCount
                + Int(count) * Self.entryByteCount
        else { return nil }
        self.init(
            identifier: LogIdentifier(high: high, low: low), hashSecret: HashSecret(first: first, second: second))
        self.generation = generation
        self.nextEpoch = nextEpoch
        self.nextSegment = nextSegment
        self.lastSealed = lastSealed
        guard readOpenings(&cursor), let policies = [UInt8: RecordedPolicy](&cursor, count: policyCount) else {
            return nil
        }
        self.policies = policies
        for _ in 0..<count {
            guard let segment = Segment(&cursor) else { return nil }
            segments.append(segment)
        }
        guard Set(segments.map(\.name.identifier)).count == segments.count, isWithinLimits else { return nil }
    }

    private mutating func readOpenings(_ cursor: inout ByteCursor) -> Bool {
        for index in 0..<Self.openingLimit {
            guard let word = cursor.integer(UInt64.self), word == 0 || index + 1 < Int(nextEpoch) else { return false }
            openings.append(word)
        }
        while openings.last == 0 { openings.removeLast() }
        return true
    }

    /// Whether a reader accepts it. Readers ask this of what they read, and writers before they write a byte.
    ///
    /// Segments are checked when they are made. The generation must leave room for the next replacement, which
    /// increases it.
    package var isWithinLimits: Bool {
        segments.count <= Self.entryLimit && generation < .max && (1...SequenceNumber.epochLimit).contains(nextEpoch)
    }

    private static func isIntact(_ bytes: [UInt8], crc: UInt32?) -> Bool {
        return crc == Checksum.mask(Checksum.of(Array(bytes[12...])))
    }
}
