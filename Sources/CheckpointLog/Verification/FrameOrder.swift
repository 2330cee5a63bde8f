/// The rules from one frame of a segment to the next: order, epochs, promises, batches. A state machine without side
/// effects.
struct FrameOrder {
    struct Fault {
        var kind: String
        var expected: String?
        var actual: String?

        init(_ kind: String, expected: String? = nil, actual: String? = nil) {
            self.kind = kind
            self.expected = expected
            self.actual = actual
        }
    }

    private let segment: SegmentName
    /// The epoch of the writer that made the segment; nil if its header is damaged.
    private let epoch: UInt32?
    private var lastAppend = SequenceNumber(rawValue: 0)
    private var lastTimestamp = Int64.min
    private var lastPromise: LogPosition?
    private var isInBatch = false
    private var isRolled = false

    /// - Parameter previous: the state after the segment before it in the chain, which this one continues.
    init(_ segment: SegmentName, epoch: UInt32?, after previous: FrameOrder? = nil) {
        self.segment = segment
        self.epoch = epoch
        guard let previous else { return }
        lastAppend = previous.lastAppend
        // Between two openings the clock may have been corrected.
        if previous.epoch == epoch { lastTimestamp = previous.lastTimestamp }
        lastPromise = previous.lastPromise
    }

    /// Whether the last frame says that its batch continues.
    var endsInBatch: Bool { isInBatch }

    /// What is wrong with `header` at this place; nil if nothing is.
    @inline(__always)
    mutating func fault(of header: FrameHeader, at offset: Int) -> Fault? {
        switch segment.role {
        case .log: return logFault(of: header, at: offset)
        case .output:
            if header.promise != nil || header.flags.contains(.batchContinues) || !header.kind.isCopied {
                return Fault("a copied frame with a promise, a batch flag, or of a kind that is not copied")
            }
            return nil
        case .value: return header.kind == .chunk ? nil : Fault("a frame in a value segment that is no chunk")
        }
    }

    private mutating func logFault(of header: FrameHeader, at offset: Int) -> Fault? {
        defer {
            lastAppend = max(lastAppend, header.appendNumber)
            if !header.flags.contains(.late) { lastTimestamp = max(lastTimestamp, header.timestamp) }
            lastPromise = header.promise ?? lastPromise
            isInBatch = header.flags.contains(.batchContinues)
            isRolled = isRolled || header.kind == .roll
        }
        if isRolled { return Fault("a frame after the roll frame") }
        if header.kind == .chunk { return Fault("a chunk outside of a value segment") }
        if header.appendNumber <= lastAppend {
            return Fault(
                "append numbers do not ascend", expected: "over \(lastAppend)", actual: "\(header.appendNumber)")
        }
        if let epoch, header.appendNumber.epoch != epoch {
            return Fault("an append number of another epoch", expected: "\(epoch)", actual: "\(header.appendNumber)")
        }
        if !header.flags.contains(.late), header.timestamp < lastTimestamp {
            return Fault("time runs backwards", expected: "\(lastTimestamp) or more", actual: "\(header.timestamp)")
        }
        if let promise = header.promise {
            if (promise.segment, Int(promise.offset)) > (segment.identifier, offset) {
                return Fault(
                    "a promise ahead of its own frame", expected: "at most \(segment.identifier):\(offset)",
                    actual: "\(promise)")
            }
            if let lastPromise, promise < lastPromise {
                return Fault("promises run backwards", expected: "\(lastPromise) or more", actual: "\(promise)")
            }
        }
        if isInBatch, header.kind == .roll || header.kind == .promise {
            return Fault("a batch that a \(header.kind) frame breaks off")
        }
        return nil
    }
}
