/// A frame before it is appended. Everything that can be done outside of the append lock is done.
///
/// The bytes belong to the caller and stay valid while the draft is appended.
@safe package struct FrameDraft {
    /// The appender fills in sequence number, append number, promise and, unless the frame is late, timestamp.
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

/// A frame that has been appended.
@safe package struct Appended: Sendable {
    package var sequenceNumber: SequenceNumber
    package var timestamp: Int64
    package var location: FrameLocation
    package var frameByteCount: Int
    /// The position after this frame. Everything before it has been written.
    package var end: LogPosition
    /// Not reference-counted, because each copy of this struct would cost a checkpoint a retain and a release. Sealing
    /// and closing wait for the pending entry, and keep the segment until then.
    private let segment: Unmanaged<ActiveSegment>

    init(
        sequenceNumber: SequenceNumber, timestamp: Int64, location: FrameLocation, frameByteCount: Int,
        end: LogPosition, segment: ActiveSegment
    ) {
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.location = location
        self.frameByteCount = frameByteCount
        self.end = end
        unsafe self.segment = Unmanaged.passUnretained(segment)
    }

    /// Counts an index entry as pending. Call ``indexed()`` once, after the insert.
    func addPendingEntry() { unsafe segment._withUnsafeGuaranteedRef { $0.addPendingEntry() } }

    /// Counts the index entry as made. The segment may be sealed and released afterwards.
    package func indexed() { unsafe segment._withUnsafeGuaranteedRef { $0.removePendingEntry() } }
}
