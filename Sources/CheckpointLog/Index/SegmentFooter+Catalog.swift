extension SegmentFooter {
    /// A footer's entry as the catalog is told of it.
    package static func withRecord<Result>(
        _ entry: SegmentFooter.Entry, of segment: SegmentNumber, _ body: (CatalogRecord) throws -> Result
    ) rethrows -> Result {
        unsafe try entry.key.withUnsafeBytes { key in
            unsafe try entry.origin.withUnsafeBytes { origin in
                unsafe try body(
                    CatalogRecord(
                        kind: entry.kind, level: entry.level, sequenceNumber: entry.sequenceNumber,
                        location: FrameLocation(segment: segment, offset: entry.offset, byteCount: entry.byteCount),
                        key: key, origin: origin, valueSegment: entry.valueSegment))
            }
        }
    }
}
