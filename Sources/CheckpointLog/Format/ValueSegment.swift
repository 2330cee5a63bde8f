/// A file that holds one large value in chunks. FORMAT.md, "Value segments".
///
/// It is complete before the reference that commits it is appended, and synced by then unless the reference says
/// otherwise; without a reference it is an orphan.
package enum ValueSegment {
    /// Bytes of content in a chunk; the last has the rest.
    package static let chunkByteCount = 1 << 20
}
