/// The frames of a batch before they have their places: headers, and all other bytes one after another in one buffer.
package struct PreparedBatch: Sendable {
    private struct Frame {
        var header: FrameHeader
        var key: Range<Int>
        var origin: Range<Int>
        var metadata: Range<Int>
        var payload: Range<Int>
        var value: ValueFile?
    }

    private var bytes: [UInt8] = []
    private var frames: [Frame] = []
    /// Whether storing it has failed, and the next opening may find it all the same.
    package var isInDoubt = false

    package init() {}

    package var count: Int { frames.count }

    package var frameByteCount: Int { frames.reduce(0) { $0 + $1.header.frameByteCount } }

    package var values: [ValueFile] { frames.compactMap(\.value) }

    /// The file that the frame refers to.
    package func value(at index: Int) -> ValueFile? { frames[index].value }

    package mutating func add(
        _ header: FrameHeader, key: UnsafeRawBufferPointer, origin: Origin, metadata: [UInt8] = [],
        payload: UnsafeRawBufferPointer, value: ValueFile? = nil
    ) {
        var header = header
        header.keyByteCount = key.count
        header.originByteCount = origin.bytes.count
        header.metadataByteCount = metadata.count
        let start = bytes.count
        unsafe bytes.append(contentsOf: key)
        let keyEnd = bytes.count
        bytes.append(contentsOf: origin.bytes)
        let originEnd = bytes.count
        bytes.append(contentsOf: metadata)
        let metadataEnd = bytes.count
        unsafe bytes.append(contentsOf: payload)
        frames.append(
            Frame(
                header: header, key: start..<keyEnd, origin: keyEnd..<originEnd, metadata: originEnd..<metadataEnd,
                payload: metadataEnd..<bytes.count, value: value))
    }

    /// Calls `body` with drafts whose bytes are valid while it runs.
    package func withDrafts<Result>(_ body: ([FrameDraft]) throws -> Result) rethrows -> Result {
        unsafe try bytes.withUnsafeBytes { bytes in
            try body(
                frames.map { frame in
                    unsafe FrameDraft(
                        header: frame.header, key: UnsafeRawBufferPointer(rebasing: bytes[frame.key]),
                        origin: UnsafeRawBufferPointer(rebasing: bytes[frame.origin]),
                        metadata: UnsafeRawBufferPointer(rebasing: bytes[frame.metadata]),
                        payload: UnsafeRawBufferPointer(rebasing: bytes[frame.payload]))
                })
        }
    }
}
