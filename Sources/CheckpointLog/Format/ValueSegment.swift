/// A file with one large value, in chunks. FORMAT.md, "Value segments".
///
/// The file is complete before the writer appends the reference that commits it, and it is synced by then unless the
/// reference says otherwise. Without a reference it is an orphan.
package enum ValueSegment {
    /// Bytes of content in each chunk but the last, which has the rest.
    package static let chunkByteCount = 1 << 20
}
