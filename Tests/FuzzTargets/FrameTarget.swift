import CheckpointLog

/// One frame: the header, the payload, what comes out of it, and the entry of a footer that states it.
enum FrameTarget {
    static let seed = FrameSeed(log: FuzzLog.manifest.identifier, segment: 9)
    static let offset = SegmentHeader.byteCount

    static func run(_ input: [UInt8]) {
        var bytes = input
        seal(&bytes, at: 0, seed: seed, offset: offset)
        unsafe bytes.withUnsafeBytes { bytes in
            do {
                let header = unsafe try FrameDecoder.header(in: bytes, at: offset, seed: seed)
                unsafe checkHeader(header, UnsafeRawBufferPointer(rebasing: bytes[..<header.prefixByteCount]))
                unsafe try FrameDecoder.checkPayload(of: header, in: bytes)
                unsafe try FrameDecoder.withContent(of: header, in: bytes) { content in
                    precondition(content.count == header.contentByteCount, "The content has its stated length.")
                    unsafe read(Array(content))
                }
            } catch {
                precondition(error is FrameFault, "A frame has faults of its own: \(error)")
            }
        }
    }

    /// What is decoded is written again as it was, and stated by a footer as it is.
    private static func checkHeader(_ header: FrameHeader, _ prefix: UnsafeRawBufferPointer) {
        var again = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        unsafe again.withUnsafeMutableBytes { unsafe header.write(to: $0) }
        unsafe precondition(again[4...].elementsEqual(prefix[4..<FrameHeader.byteCount]), "A header comes back.")
        precondition(header.frameByteCount <= FrameDecoder.frameByteLimit, "The longest frame.")
        let keyEnd = FrameHeader.byteCount + header.keyByteCount
        var footer = SegmentFooter()
        footer.entries = unsafe [
            SegmentFooter.Entry(
                header, offset: offset, key: Array(prefix[FrameHeader.byteCount..<keyEnd]),
                origin: Array(prefix[keyEnd..<keyEnd + header.originByteCount]),
                value: header.kind.namesValue ? ValueFile(segment: 1, byteCount: 0) : nil)
        ]
        precondition(SegmentFooter(footer.bytes, count: 1) == footer, "A footer states every frame that is one.")
    }

    private static func read(_ content: [UInt8]) {
        if let reference = ValueReference(content) {
            precondition(reference.bytes == content, "A reference comes back.")
        }
        if let freed = FreedValue(content) { precondition(freed.bytes == content, "A freed value comes back.") }
        if let labels = VersionLabels(content) { precondition(labels.bytes == content, "Labels come back.") }
        if let mark = ChildMark(content) { precondition(mark.bytes == content, "A mark comes back.") }
        if let members = GroupMembers(content) {
            precondition(GroupMembers(members.bytes) == members, "A list of members comes back.")
            for index in members.keys.indices {
                _ = members.sequenceNumber(at: index, of: SequenceNumber(epoch: 1, count: 7))
            }
        }
    }

    /// The lengths that a header states, right or wrong.
    private struct Lengths {
        var key: Int
        var origin: Int
        var metadata: Int
        var stored: Int
        var content: Int

        init(of bytes: [UInt8], at start: Int) {
            func short(_ offset: Int) -> Int { Int(FuzzLog.integer(UInt16.self, of: bytes, at: start + offset)) }
            func long(_ offset: Int) -> Int {
                Int(FuzzLog.integer(UInt32.self, of: bytes, at: start + offset) & 0xFF_FFFF)
            }
            (key, origin, metadata) = (short(56), short(58), short(14))
            (stored, content) = (long(8), long(11))
        }

        var prefix: Int { FrameHeader.byteCount + key + origin + metadata }

        var isPossible: Bool {
            key <= FrameDecoder.keyByteLimit && origin <= FrameDecoder.originByteLimit
                && metadata <= FrameDecoder.metadataByteLimit
        }
    }

    /// Mends the checksums of the frame at `start`, as far as its lengths make sense, and gives the offset after it.
    @discardableResult
    static func seal(_ bytes: inout [UInt8], at start: Int, seed: FrameSeed, offset: Int) -> Int? {
        guard bytes.count - start >= FrameHeader.byteCount else { return nil }
        let lengths = Lengths(of: bytes, at: start)
        guard lengths.isPossible, start + lengths.prefix <= bytes.count else { return nil }
        let (stored, content) = (lengths.stored, lengths.content)
        let prefixEnd = start + lengths.prefix
        var end: Int?
        if stored <= bytes.count - prefixEnd {
            let payload = Array(bytes[prefixEnd..<prefixEnd + stored])
            FuzzLog.set(Checksum.mask(Checksum.of(payload)), in: &bytes, at: start + 16)
            let crc = contentChecksum(payload, CompressionMethod(rawValue: bytes[start + 7]) ?? .none, content)
            if let crc { FuzzLog.set(crc, in: &bytes, at: start + 20) }
            end = (prefixEnd + stored + 7) & ~7
        }
        // A promise without its check bits would hide the rest.
        let promise = FuzzLog.integer(UInt64.self, of: bytes, at: start + 48)
        let position = LogPosition(
            segment: SegmentNumber(UInt32(truncatingIfNeeded: promise >> 32)), offset: Int(promise >> 8 & 0xFF_FFFF) * 8
        )
        if promise != 0 { FuzzLog.set(position.word, in: &bytes, at: start + 48) }
        let crc = unsafe bytes.withUnsafeBytes { bytes in
            unsafe seed.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[start..<prefixEnd]), at: offset)
        }
        FuzzLog.set(crc, in: &bytes, at: start)
        return end
    }

    private static func contentChecksum(_ payload: [UInt8], _ method: CompressionMethod, _ byteCount: Int) -> UInt32? {
        guard method != .none else { return Checksum.mask(Checksum.of(payload)) }
        guard byteCount <= FrameDecoder.payloadByteLimit else { return nil }
        var content = [UInt8](repeating: 0, count: byteCount)
        let isWhole = unsafe payload.withUnsafeBytes { payload in
            unsafe content.withUnsafeMutableBytes { unsafe Compression.decompress(payload, into: $0, method: method) }
        }
        return isWhole ? Checksum.mask(Checksum.of(content)) : nil
    }

    /// The first frames of the golden logs, each kind and compression once.
    static func seeds() throws -> [[UInt8]] {
        var seeds: [String: [UInt8]] = [:]
        for (log, names) in [
            "v1-closed": ["00000045.log", "0000004a.out", "00000004.val"],
            "v1-killed": ["00000045.log", "00000046.log"],
        ] {
            for name in names {
                for frame in try frames(FuzzTarget.golden(log, name)) {
                    seeds["\(frame[4]) \(frame[5]) \(frame[7])"] = frame
                }
            }
        }
        return seeds.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The frames of a sound segment, by their stated lengths alone.
    static func frames(_ segment: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var offset = SegmentHeader.byteCount
        while offset + FrameHeader.byteCount <= segment.count, (1...13).contains(segment[offset + 4]) {
            let lengths = Lengths(of: segment, at: offset)
            let end = (offset + lengths.prefix + lengths.stored + 7) & ~7
            guard end <= segment.count, end - offset <= FuzzTarget.inputByteLimit else { break }
            frames.append(Array(segment[offset..<end]))
            offset = end
        }
        return frames
    }
}

extension FuzzTarget {
    /// Whether bytes that are a frame but for their checksums pass as one after the harness has mended these.
    package static func isFrameOnceMended(_ bytes: [UInt8]) -> Bool {
        var bytes = bytes
        guard FrameTarget.seal(&bytes, at: 0, seed: FrameTarget.seed, offset: FrameTarget.offset) != nil else {
            return false
        }
        return unsafe bytes.withUnsafeBytes { bytes in
            guard
                let header = try? unsafe FrameDecoder.header(in: bytes, at: FrameTarget.offset, seed: FrameTarget.seed)
            else { return false }
            return (try? unsafe FrameDecoder.checkPayload(of: header, in: bytes)) != nil
                && (try? unsafe FrameDecoder.withContent(of: header, in: bytes) { _ in }) != nil
        }
    }
}
