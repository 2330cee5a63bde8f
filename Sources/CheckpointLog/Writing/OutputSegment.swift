import SystemPackage

/// A segment being written beside the chain: by compaction, frames of other segments under new headers, payloads as
/// they were; by a large batch, new frames. The edit of the manifest that lists it is its commit.
package final class OutputSegment {
    private static let flushByteCount = 1 << 20

    private let identity: LogIdentity
    private let name: SegmentName
    private let file: any OpenFile
    private let temporary: String
    private let seed: FrameSeed
    private var footer = SegmentFooterEncoder()
    private var pending: [UInt8] = []
    private var written: Int
    private var offset: Int { written + pending.count }

    /// Bytes of the segment so far, without its footer.
    package var byteCount: Int { offset }

    package init(identity: LogIdentity, name: SegmentName, created: Int64) throws {
        self.identity = identity
        self.name = name
        seed = identity.seed(of: name.identifier)
        let temporary = name.fileName + FileName.temporarySuffix
        self.temporary = temporary
        file = try wrapping { () throws(FileSystemError) in try identity.directory.openFile(temporary, .create) }
        let header = SegmentHeader(
            role: .output, log: identity.identifier, segment: name.identifier, epoch: 0, previous: 0, created: created,
            hashSecret: identity.hashSecret)
        pending = header.bytes
        written = 0
    }

    /// Appends a copy of a frame of another segment, which was checked, content included: its payload and the checksums
    /// of payload and content are carried over unchanged, the header is new, without promise and batch flag.
    ///
    /// - Parameter entry: what the footer of the frame's own segment lists of it.
    package func append(copyOf frame: FrameView, _ entry: SegmentFooter.Entry) throws -> FrameLocation {
        // What the index says to be live may be less than what is.
        guard unsafe offset + frame.bytes.count < LogPosition.offsetLimit else {
            throw CheckpointLogError.damaged(
                "More is live than the log accounts for, so its segments are not compacted; open it without its "
                    + "SNAPSHOT.",
                path: file.path.string)
        }
        var header = frame.header
        header.flags.remove(.batchContinues)
        header.promise = nil
        let place = offset
        let start = pending.count
        unsafe pending.append(contentsOf: frame.bytes)
        unsafe pending.withUnsafeMutableBytes { bytes in
            unsafe FrameEncoder.writeHeader(
                &header, to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: place, seed)
        }
        var copied = entry
        copied.offset = place
        copied.headerCRC = header.crc
        copied.flags = header.flags
        unsafe footer.append(copied, key: frame.key, origin: frame.origin)
        if pending.count >= Self.flushByteCount { try flush() }
        return FrameLocation(segment: name.identifier, offset: place, byteCount: header.frameByteCount)
    }

    /// Appends a new frame.
    ///
    /// - Parameter header: the draft's, with numbers that are final.
    package func append(
        _ header: FrameHeader, _ draft: FrameDraft, value: ValueFile?
    ) throws -> FrameLocation {
        try header.requireReadable()
        var header = header
        let place = offset
        let start = pending.count
        pending.append(contentsOf: repeatElement(0, count: header.prefixByteCount))
        unsafe pending.withUnsafeMutableBytes { bytes in
            unsafe FrameEncoder.writePrefix(
                &header, key: draft.key, origin: draft.origin, metadata: draft.metadata,
                to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: place, seed)
        }
        unsafe pending.append(contentsOf: draft.payload)
        pending.append(contentsOf: repeatElement(0, count: header.frameByteCount - (pending.count - start)))
        unsafe footer.append(
            SegmentFooter.Entry(header, offset: place, value: value), key: draft.key, origin: draft.origin)
        if pending.count >= Self.flushByteCount { try flush() }
        return FrameLocation(segment: name.identifier, offset: place, byteCount: header.frameByteCount)
    }

    /// Writes footer and trailer, syncs, and gives the file its name, durably. Not part of the log before the manifest
    /// says so.
    package func finish() throws -> Manifest.Segment {
        try flush()
        let footer = footer.finish()
        let trailer = SegmentTrailer(segment: name.identifier, footerOffset: written, footer)
        pending = footer.bytes + trailer.bytes
        try flush()
        try wrapping { () throws(FileSystemError) in
            try file.sync()
            try giveName()
        }
        file.close()
        return Manifest.Segment(name: name, footer.summary, trailer: trailer)
    }

    private func giveName() throws(FileSystemError) {
        try identity.directory.rename(temporary, to: name.fileName)
        try identity.directory.sync()
    }

    package func abandon() {
        file.close()
        // What stays behind is an orphan, and the next opening for writing removes it.
        try? identity.directory.remove(temporary)
        try? identity.directory.remove(name)
    }

    private func flush() throws {
        try wrapping { () throws(FileSystemError) in try file.write(pending, at: written) }
        written += pending.count
        pending.removeAll(keepingCapacity: true)
    }
}
