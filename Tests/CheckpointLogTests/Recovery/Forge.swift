import CheckpointLog

/// Bytes that no writer would make, under checksums that hold.
enum Forge {
    /// A frame as `header` states it, but for what `edit` does to its first 64 bytes before they are sealed.
    static func frame(
        _ header: FrameHeader, key: [UInt8], origin: [UInt8] = [], payload: [UInt8] = [], seed: FrameSeed,
        at offset: Int,
        edit: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
        var header = header
        header.keyByteCount = key.count
        header.originByteCount = origin.count
        if header.compression == .none {
            header.contentByteCount = payload.count
            header.contentCRC = Checksum.mask(Checksum.of(payload))
        }
        header.storedByteCount = payload.count
        header.payloadCRC = Checksum.mask(Checksum.of(payload))
        var head = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        unsafe head.withUnsafeMutableBytes { unsafe header.write(to: $0) }
        edit(&head)
        var bytes = head + key + origin
        let crc = unsafe bytes.withUnsafeBytes { unsafe seed.checksum(of: $0, at: offset) }
        bytes.replaceSubrange(0..<4, with: littleEndian(crc))
        bytes += payload
        bytes.pad(toMultipleOf: 8)
        return bytes
    }

    static func value(_ count: UInt32, epoch: UInt32 = 1, level: UInt8 = 1) -> FrameHeader {
        var header = FrameHeader(kind: .value)
        header.level = level
        header.flags = .raw
        header.sequenceNumber = SequenceNumber(epoch: epoch, count: count)
        header.appendNumber = header.sequenceNumber
        header.timestamp = 1_700_000_000_000_000
        return header
    }

    static func littleEndian<Integer: FixedWidthInteger>(_ integer: Integer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: integer)
        return bytes
    }

    /// Puts the checksum of everything after it at `offset`.
    static func seal(_ bytes: inout [UInt8], at offset: Int) {
        guard bytes.count >= offset + 4 else { return }
        bytes.replaceSubrange(
            offset..<offset + 4, with: littleEndian(Checksum.mask(Checksum.of(Array(bytes[(offset + 4)...])))))
    }

    static func replace<Integer: FixedWidthInteger>(_ bytes: inout [UInt8], at offset: Int, with integer: Integer) {
        bytes.replaceSubrange(offset..<offset + MemoryLayout<Integer>.size, with: littleEndian(integer))
    }
}

extension HostileLog {
    /// Changes the manifest and seals it again.
    func editManifest(_ edit: (inout Manifest) -> Void) throws {
        var manifest = try Self.manifest
        edit(&manifest)
        try put(manifest.bytes, "MANIFEST")
    }

    /// Puts a sealed segment of `frames` into the log, and into the manifest, in the place of all that were there.
    ///
    /// - Parameter edit: changes footer, trailer and the manifest's entry before they are written.
    func forgeSealed(
        _ number: SegmentNumber = 7, role: SegmentRole = .log,
        frames: [(header: FrameHeader, key: [UInt8], payload: [UInt8])],
        edit: (inout [UInt8], inout SegmentTrailer, inout Manifest.Segment) -> Void = { _, _, _ in }
    ) throws {
        let manifest = try Self.manifest
        let name = SegmentName(number, role)
        let seed = FrameSeed(log: manifest.identifier, segment: number)
        var bytes = SegmentHeader(
            role: role, log: manifest.identifier, segment: number, epoch: 1, previous: 0, created: 0,
            hashSecret: manifest.hashSecret
        ).bytes
        var footer = SegmentFooter()
        for frame in frames {
            let offset = bytes.count
            bytes += Forge.frame(frame.header, key: frame.key, payload: frame.payload, seed: seed, at: offset)
            var header = frame.header
            header.keyByteCount = frame.key.count
            header.storedByteCount = frame.payload.count
            header.contentByteCount = min(frame.payload.count, 2 << 20)
            header.crc = unsafe bytes.withUnsafeBytes { $0.integer(at: offset) }
            footer.entries.append(
                SegmentFooter.Entry(
                    header, offset: offset, key: frame.key, origin: [],
                    value: ValueReference(frame.payload)?.file(header.flags)
                        ?? FreedValue(frame.payload).map {
                            ValueFile(segment: $0.segment, byteCount: 0)
                        }))
        }
        var footerBytes = footer.bytes
        var trailer = SegmentTrailer(
            segment: number, footerOffset: bytes.count, footer: footerBytes, entryCount: frames.count)
        var entry = Manifest.Segment(name: name, footer: footer, trailer: trailer)
        edit(&footerBytes, &trailer, &entry)
        try put(bytes + footerBytes + trailer.bytes, name.fileName)
        try editManifest { manifest in
            manifest.segments = [entry]
            manifest.lastSealed = max(number, manifest.lastSealed)
        }
    }
}
