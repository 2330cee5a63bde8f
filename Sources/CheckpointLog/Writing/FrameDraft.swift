/// A frame before it has its place: all that can be done outside the append lock is done.
///
/// The bytes belong to the caller and stay valid while the draft is appended.
@safe package struct FrameDraft {
    /// Sequence number, append number, promise and, unless it is late, timestamp are filled in by the appender.
    package var header: FrameHeader
    package var key: UnsafeRawBufferPointer
    package var origin: UnsafeRawBufferPointer
    package var metadata: UnsafeRawBufferPointer
    package var payload: UnsafeRawBufferPointer

    package init(
        header: FrameHeader, key: UnsafeRawBufferPointer = unsafe .empty,
        origin: UnsafeRawBufferPointer = unsafe .empty, metadata: UnsafeRawBufferPointer = unsafe .empty,
        payload: UnsafeRawBufferPointer = unsafe .empty
    ) {
        self.header = header
        unsafe self.key = key
        unsafe self.origin = origin
        unsafe self.metadata = metadata
        unsafe self.payload = payload
        self.header.keyByteCount = key.count
        self.header.originByteCount = origin.count
        self.header.metadataByteCount = metadata.count
    }
}

/// A frame that has its place.
package struct Appended: Sendable {
    package var sequenceNumber: SequenceNumber
    package var timestamp: Int64
    package var location: FrameLocation
    package var frameByteCount: Int
    /// Everything before this position was written before, or with, this frame.
    package var end: LogPosition
    package var segment: ActiveSegment
}
