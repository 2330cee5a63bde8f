extension CatalogRecord {
    /// - Parameter key: the entry's key, which the entry itself need not contain; likewise `origin`.
    package init(
        _ entry: SegmentFooter.Entry, of segment: SegmentNumber, key: UnsafeRawBufferPointer,
        origin: UnsafeRawBufferPointer
    ) {
        unsafe self.init(
            kind: entry.kind, level: entry.level, sequenceNumber: entry.sequenceNumber,
            location: FrameLocation(segment: segment, offset: entry.offset, byteCount: entry.byteCount),
            key: key, origin: origin,
            value: entry.valueSegment == 0
                ? nil
                : ValueFile(
                    segment: entry.valueSegment, byteCount: entry.valueByteCount,
                    isUnsynced: entry.flags.contains(.unsynced)), isMarked: entry.flags.contains(.marked))
    }

    /// The frame `frame` of `segment`.
    ///
    /// - Throws: `FrameFault` if a reference has a payload that is none.
    package init(_ frame: FrameView, of segment: SegmentNumber) throws(FrameFault) {
        unsafe self.init(
            kind: frame.header.kind, level: frame.header.level, sequenceNumber: frame.header.sequenceNumber,
            location: FrameLocation(
                segment: segment, offset: frame.offset, byteCount: frame.header.frameByteCount),
            key: frame.key, origin: frame.origin, value: try frame.valueFile(),
            isMarked: frame.header.flags.contains(.marked))
    }
}
