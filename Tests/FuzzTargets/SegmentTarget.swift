import CheckpointLog

/// A run of frames, as a segment of the chain and as a sealed one whose footer was lost.
enum SegmentTarget {
    private static let number: SegmentNumber = 0x50

    static func run(_ input: [UInt8]) {
        let manifest = FuzzLog.manifest
        let seed = FrameSeed(log: manifest.identifier, segment: number)
        func header(_ role: SegmentRole) -> [UInt8] {
            SegmentHeader(
                role: role, log: manifest.identifier, segment: number, epoch: 1,
                previous: role == .log ? manifest.lastSealed : 0, created: 0, hashSecret: manifest.hashSecret
            ).bytes
        }
        var frames = input
        var start = 0
        while let end = FrameTarget.seal(
            &frames, at: start, seed: seed, offset: SegmentHeader.byteCount + start), end < frames.count
        {
            start = end
        }
        let name = SegmentName(number, .log).fileName
        FuzzLog.survey(with: [name: header(.log) + frames])
        guard input.count % 8 == 0, !input.isEmpty else { return }
        // As an output of the manifest, with a footer that was never right.
        var sealed = manifest
        let file = header(.output) + frames
        let trailer = SegmentTrailer(
            segment: number, footerOffset: file.count, footer: [], entryCount: min(1, frames.count / 64))
        var entry = Manifest.Segment(
            name: SegmentName(number, .output), footer: SegmentFooter(), trailer: trailer)
        entry.highestSequenceNumber = SequenceNumber(epoch: 1, count: 9)
        sealed.segments.append(entry)
        FuzzLog.survey(with: [
            FileName.manifest: sealed.bytes, entry.name.fileName: file + trailer.bytes,
        ])
    }

    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for (log, name) in [
            ("v1-closed", "00000045.log"), ("v1-killed", "00000045.log"), ("v1-killed", "00000046.log"),
        ] {
            let frames = FrameTarget.frames(try FuzzTarget.golden(log, name))
            for start in stride(from: 0, to: frames.count, by: max(1, frames.count / 4)) {
                seeds.append(Array(frames[start..<min(start + 4, frames.count)].joined().prefix(3 << 10)))
            }
        }
        return seeds
    }
}
