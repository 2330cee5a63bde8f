import CheckpointLog

/// A footer, by itself and as that of a sealed segment. The input's first byte is the count of its entries.
enum FooterTarget {
    private static let number: SegmentNumber = 0x51

    static func run(_ input: [UInt8]) {
        guard let count = input.first else { return }
        let bytes = Array(input.dropFirst())
        if let footer = SegmentFooter(bytes, count: Int(count)) {
            precondition(footer.entries.count == Int(count), "So many entries.")
            // Longer forms of a number are read too, so the bytes may be fewer.
            precondition(SegmentFooter(footer.bytes, count: Int(count)) == footer, "A footer comes back.")
            survey(footer, bytes)
        }
        var trailer = Array(input.prefix(SegmentFooter.trailerByteCount))
        guard trailer.count == SegmentFooter.trailerByteCount else { return }
        trailer.replaceSubrange(0..<8, with: SegmentFooter.magic)
        FuzzLog.seal(&trailer, at: 8)
        if let parsed = SegmentTrailer(trailer) { precondition(parsed.bytes == trailer, "A trailer comes back.") }
    }

    /// The log with a segment that such a footer describes, whose frames are zeros.
    private static func survey(_ footer: SegmentFooter, _ bytes: [UInt8]) {
        guard footer.frameEnd <= 16 << 10 else { return }
        var manifest = FuzzLog.manifest
        let trailer = SegmentTrailer(
            segment: number, footerOffset: footer.frameEnd, footer: bytes, entryCount: footer.entries.count)
        let entry = Manifest.Segment(name: SegmentName(number, .log), footer: footer, trailer: trailer)
        manifest.segments.append(entry)
        manifest.lastSealed = number
        var file = SegmentHeader(
            role: .log, log: manifest.identifier, segment: number, epoch: 1, previous: 0, created: 0,
            hashSecret: manifest.hashSecret
        ).bytes
        file += [UInt8](repeating: 0, count: footer.frameEnd - file.count)
        FuzzLog.survey(with: [
            FileName.manifest: manifest.bytes, entry.name.fileName: file + bytes + trailer.bytes,
        ])
    }

    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for (log, name) in [
            ("v1-closed", "0000004a.out"), ("v1-closed", "00000045.log"), ("v1-closed", "00000004.val"),
        ] {
            let file = try FuzzTarget.golden(log, name)
            guard let trailer = SegmentTrailer(Array(file.suffix(SegmentFooter.trailerByteCount))) else { continue }
            let bytes = Array(file[trailer.footerOffset..<trailer.footerOffset + trailer.footerByteCount])
            guard let footer = SegmentFooter(bytes, count: trailer.entryCount) else { continue }
            for count in [1, 4, 20, 255] where count == 1 || count / 4 < footer.entries.count {
                var part = SegmentFooter()
                part.entries = Array(footer.entries.prefix(count))
                seeds.append([UInt8(part.entries.count)] + part.bytes)
            }
        }
        return seeds
    }
}
