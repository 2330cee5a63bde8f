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
@safe package struct Appended: Sendable {
    package var sequenceNumber: SequenceNumber
    package var timestamp: Int64
    package var location: FrameLocation
    package var frameByteCount: Int
    /// Everything before this position was written before, or with, this frame.
    package var end: LogPosition
    /// Not counted, since every copy of this struct on a checkpoint's way would be a retain and a release. Sealing and
    /// closing wait for the pending entry, and keep the segment until then.
    private unowned(unsafe) let segment: ActiveSegment

    init(
        sequenceNumber: SequenceNumber, timestamp: Int64, location: FrameLocation, frameByteCount: Int,
        end: LogPosition, segment: ActiveSegment
    ) {
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.location = location
        self.frameByteCount = frameByteCount
        self.end = end
        unsafe self.segment = segment
    }

    /// Says that the index has to be told of the frame: ``indexed()`` follows, once.
    func addPendingEntry() { unsafe segment.addPendingEntry() }

    /// Says that the index was told of the frame. The segment may be sealed, and be gone, from then on.
    package func indexed() { unsafe segment.removePendingEntry() }
}
