import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Files of a log whose checksums hold and whose numbers cannot be true: lengths near 2⁶⁴, counts of 2⁶³, offsets that
/// no position states. Every way to look at the log ends in a value, an error or a finding; none traps, and none
/// allocates what is claimed.
///
/// The bound on memory is 512 MiB, what other tests hold meanwhile included: the claims are of 2³¹ bytes and more.
@Suite(.timeLimit(.minutes(2))) struct HostileNumbersTests {
    static let words: [UInt64] = {
        #if DEBUG
        [0, 0xFFFF_FFFF, (1 << 63) - 1, .max]
        #else
        [0, 0x7FFF_FFFF, 0xFFFF_FFFF, (1 << 40) - 8, (1 << 63) - 1, 1 << 63, .max - 7, .max]
        #endif
    }()

    private func check(_ what: String, _ harm: (HostileLog) throws -> Void) throws {
        let growth = try peakMemoryGrowth {
            for way in LogSurvey.Way.allCases {
                let log = try HostileLog(isSimulated: true)
                try harm(log)
                let outcome = log.look(way)
                #expect(!outcome.isWrong, "\(what), \(way): \(outcome)")
                #expect(log.isOutsideUntouched, "\(what), \(way)")
            }
        }
        #expect(growth ?? 0 < 512 << 20, "\(what)")
    }

    // MARK: Manifest

    /// Fields after the checksum, by offset and width, and the first entry's.
    @Test(arguments: [
        (48, 8), (56, 8), (64, 8), (72, 4), (76, 4), (80, 4), (84, 4), (96, 4), (100, 4), (104, 8), (112, 8), (120, 4),
        (124, 4), (128, 8), (136, 8), (144, 8),
    ])
    func anyNumberInTheManifestIsAnErrorAtMost(offset: Int, width: Int) throws {
        for word in Self.words {
            try check("offset \(offset), \(word)") { log in
                var bytes = try log.bytes("MANIFEST")
                bytes.replaceSubrange(offset..<offset + width, with: Forge.littleEndian(word).prefix(width))
                Forge.seal(&bytes, at: 8)
                try log.put(bytes, "MANIFEST")
            }
        }
    }

    @Test func aWriterNeverRunsOutOfNumbersInTheMiddle() throws {
        let edits: [@Sendable (inout Manifest) -> Void] = [
            { $0.nextEpoch = SequenceNumber.epochLimit }, { $0.nextSegment = .max }, { $0.lastSealed = .max },
            { $0.generation = .max },
        ]
        for edit in edits {
            let log = try HostileLog(isSimulated: true)
            try log.editManifest(edit)
            guard case .refused = log.look(.writing) else {
                Issue.record("opened for writing")
                continue
            }
        }
        let log = try HostileLog(isSimulated: true)
        try log.put([], "ffffffff.log")
        #expect(log.look(.writing) == .refused(.unsupported))
        #expect(log.look(.reading) == .opened(restored: 10))
    }

    /// Numbers given now would be smaller than those that are there: what is written would never be found.
    @Test func aManifestThatReservesNumbersAgainIsRefused() throws {
        let log = try HostileLog(isSimulated: true)
        try log.editManifest { $0.nextEpoch = 2 }
        #expect(log.look(.writing) == .refused(.damaged))
        let footersOnly = try HostileLog(isSimulated: true)
        try footersOnly.editManifest { $0.nextEpoch = 1 }
        for name in HostileLog.segments(.log).dropFirst(1) { try footersOnly.remove(name.fileName) }
        #expect(footersOnly.look(.writing) == .refused(.damaged))
    }

    // MARK: Segments

    @Test(arguments: [16, 24, 48, 56, 64, 72, 80, 88]) func anyNumberInASegmentHeaderIsAnErrorAtMost(offset: Int) throws
    {
        let name = try #require(HostileLog.segments(.log).last).fileName
        for word in Self.words {
            try check("\(word)") { log in
                var bytes = try log.bytes(name)
                Forge.replace(&bytes, at: offset, with: word)
                var head = Array(bytes[..<128])
                Forge.seal(&head, at: 8)
                try log.put(head + bytes[128...], name)
            }
        }
    }

    /// A chain whose first frame has a number that cannot be true, or only just.
    @Test(arguments: [(8, 3), (11, 3), (14, 2), (24, 8), (32, 8), (40, 8), (48, 8), (56, 2), (58, 2), (60, 4)])
    func anyNumberInAFrameIsAnErrorAtMost(offset: Int, width: Int) throws {
        let name = try #require(HostileLog.segments(.log).last)
        let seed = FrameSeed(log: try HostileLog.manifest.identifier, segment: name.identifier)
        for word in Self.words {
            for compression in offset <= 12 ? CompressionMethod.allCases : [.none] {
                try check("\(word), \(compression)") { log in
                    var header = Forge.value(9, epoch: 3)
                    header.compression = compression
                    let frame = Forge.frame(
                        header, key: Array("key".utf8), payload: [UInt8](repeating: 7, count: 100), seed: seed, at: 128
                    ) { head in
                        head.replaceSubrange(offset..<offset + width, with: Forge.littleEndian(word).prefix(width))
                        // The late flag lets the two numbers differ.
                        if offset == 32 { head[5] |= 1 }
                    }
                    try log.put(Array(try log.bytes(name.fileName)[..<128]) + frame, name.fileName)
                }
            }
        }
    }

    /// A sealed segment whose trailer and footer say what cannot be.
    @Test(arguments: [16, 24, 32, 40]) func anyNumberInATrailerIsAnErrorAtMost(offset: Int) throws {
        for role in [SegmentRole.log, .value] {
            let name = try #require(HostileLog.segments(role).first).fileName
            for word in Self.words {
                try check("\(name), \(word)") { log in
                    var bytes = try log.bytes(name)
                    var trailer = Array(bytes.suffix(SegmentFooter.trailerByteCount))
                    Forge.replace(&trailer, at: offset, with: word)
                    Forge.seal(&trailer, at: 8)
                    bytes.replaceSubrange(bytes.count - trailer.count..<bytes.count, with: trailer)
                    try log.put(bytes, name)
                }
            }
        }
    }

    /// Varints of the one entry of a footer, each in turn with a number that cannot be true.
    @Test func anyNumberInAFooterIsAnErrorAtMost() throws {
        let frames = [(Forge.value(1), Array("k".utf8), [UInt8](repeating: 1, count: 16))]
        for place in 0..<8 {
            for word in Self.words {
                try check("place \(place), \(word)") { log in
                    try log.forgeSealed(frames: frames) { footer, trailer, entry in
                        var bytes: [UInt8] = []
                        func put(_ index: Int, _ sound: UInt64) {
                            bytes.append(variableLength: place == index ? word : sound)
                        }
                        put(0, 11)
                        bytes += [place == 1 ? RecordKind.group.rawValue : 1, place == 2 ? 1 : 4, place == 3 ? 0 : 1]
                        put(4, (1 << 32 | 1) << 1)
                        if place == 2 { bytes.append(variableLength: word) }
                        put(5, 2)
                        bytes += [1, 2, 3, 4]
                        put(6, 16)
                        put(7, 1)
                        bytes += [0x6B, 0]
                        bytes.pad(toMultipleOf: 8)
                        footer = bytes
                        trailer = SegmentTrailer(
                            segment: trailer.segment, footerOffset: trailer.footerOffset, footer: bytes, entryCount: 1)
                        entry.byteCount = trailer.footerOffset + bytes.count + SegmentFooter.trailerByteCount
                        entry.footerCRC = trailer.footerCRC
                    }
                }
            }
        }
    }

    // MARK: Payloads

    /// A sealed segment with one frame of a kind whose payload is read by the engine.
    private func checkPayload(_ kind: RecordKind, _ what: String, _ payload: [UInt8]) throws {
        var header = Forge.value(70_000)
        header.kind = kind
        header.flags = []
        try check("\(kind), \(what)") { log in
            try log.forgeSealed(frames: [(header, Array("pair".utf8), payload)])
        }
        // And in the chain.
        let name = try #require(HostileLog.segments(.log).last)
        let seed = FrameSeed(log: try HostileLog.manifest.identifier, segment: name.identifier)
        try check("\(kind), \(what), in the chain") { log in
            header.sequenceNumber = SequenceNumber(epoch: 3, count: 70_000)
            header.appendNumber = header.sequenceNumber
            let frame = Forge.frame(header, key: Array("pair".utf8), payload: payload, seed: seed, at: 128)
            try log.put(Array(try log.bytes(name.fileName)[..<128]) + frame, name.fileName)
        }
    }

    @Test func anyNumberInAListOfMembersIsAnErrorAtMost() throws {
        for word in Self.words {
            var count: [UInt8] = []
            count.append(variableLength: word)
            try checkPayload(.group, "count \(word)", count + [1, 0x61])
            try checkPayload(.group, "length \(word)", [1] + count + [0x61])
        }
        try checkPayload(.group, "65,536 of no bytes", [0x80, 0x80, 0x04] + [UInt8](repeating: 0, count: 65_536))
    }

    /// Lists of 65,536 members that take 300 bytes each, and of which no member is there. Bound: as for all.
    @Test func listsOfMembersThatAreNotThereTakeNoMemory() throws {
        let content = GroupMembers(keys: [[UInt8]](repeating: [UInt8](repeating: 0x61, count: 30), count: 65_536)).bytes
        var stored = [UInt8](repeating: 0, count: content.count)
        let count = unsafe content.withUnsafeBytes { content in
            unsafe stored.withUnsafeMutableBytes { unsafe Compression.compress(content, into: $0, method: .zlib) }
        }
        stored = Array(stored.prefix(try #require(count)))
        #if DEBUG
        let groupCount = 4
        #else
        let groupCount = 100
        #endif
        try check("\(groupCount) lists") { log in
            let manifest = try HostileLog.manifest
            let name = try #require(HostileLog.segments(.log).last).fileName
            let seed = FrameSeed(
                log: manifest.identifier, segment: try #require(HostileLog.segments(.log).last).identifier)
            var bytes = Array(try log.bytes(name)[..<128])
            for group in 1...groupCount {
                var header = Forge.value(UInt32(group) * 70_000, epoch: 3)
                header.kind = .group
                header.flags = []
                header.compression = .zlib
                header.contentByteCount = content.count
                header.contentCRC = Checksum.mask(Checksum.of(content))
                bytes += Forge.frame(
                    header, key: Array("group \(group)".utf8), payload: stored, seed: seed, at: bytes.count)
            }
            try log.put(bytes, name)
        }
    }

    @Test func anyNumberInAMarkIsAnErrorAtMost() throws {
        for word in Self.words {
            for offset in [0, 8, 16, 24, 32, 40, 48] {
                var bytes = [UInt8](repeating: 0, count: 56)
                Forge.replace(&bytes, at: offset, with: word)
                try checkPayload(.mark, "\(offset), \(word)", bytes)
            }
        }
    }

    /// References to the value segment that is there, with every number of theirs changed.
    @Test(arguments: [(0, 4), (4, 4), (8, 8), (16, 8), (24, 4), (28, 4), (32, 8)])
    func anyNumberInAReferenceIsAnErrorAtMost(offset: Int, width: Int) throws {
        let segment = try #require(HostileLog.segments(.value).first)
        let sound = ValueReference(
            segment: segment.identifier, chunkCount: 1, contentByteCount: 9_000,
            fileByteCount: HostileLog.files[segment.fileName]?.count ?? 0, footerCRC: 0,
            chunkNumber: SequenceNumber(epoch: 1, count: 1))
        for word in Self.words {
            var bytes = sound.bytes
            bytes.replaceSubrange(offset..<offset + width, with: Forge.littleEndian(word).prefix(width))
            try checkPayload(.reference, "\(offset), \(word)", bytes)
        }
    }
}
