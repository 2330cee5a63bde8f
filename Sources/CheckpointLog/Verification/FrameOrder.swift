/// What must hold from one frame of a segment to the next: order, promises, batches. A pure state machine.
struct FrameOrder {
    let segment: SegmentName
    private var lastAppend = SequenceNumber(rawValue: 0)
    private var lastTimestamp = Int64.min
    private var lastPromise: LogPosition?
    private var isInBatch = false
    private var isRolled = false

    init(_ segment: SegmentName) { self.segment = segment }

    /// Whether the last frame asked for another one.
    var endsInBatch: Bool { isInBatch }

    /// What is wrong with `header` where it stands, nil when nothing is.
    mutating func fault(of header: FrameHeader, at offset: Int) -> (kind: String, expected: String?, actual: String?)? {
        switch segment.role {
        case .log: return logFault(of: header, at: offset)
        case .output:
            if header.promise != nil || header.flags.contains(.batchContinues) || !header.kind.isRecord {
                return ("a copied frame with a promise, a batch flag, or of a kind that is not copied", nil, nil)
            }
            return nil
        case .value:
            return header.kind == .chunk ? nil : ("a frame in a value segment that is no chunk", nil, nil)
        }
    }

    private mutating func logFault(
        of header: FrameHeader, at offset: Int
    ) -> (kind: String, expected: String?, actual: String?)? {
        defer {
            lastAppend = max(lastAppend, header.appendNumber)
            if !header.flags.contains(.late) { lastTimestamp = max(lastTimestamp, header.timestamp) }
            lastPromise = header.promise ?? lastPromise
            isInBatch = header.flags.contains(.batchContinues)
            isRolled = isRolled || header.kind == .roll
        }
        if isRolled { return ("a frame behind the roll frame", nil, nil) }
        if header.kind == .chunk { return ("a chunk outside of a value segment", nil, nil) }
        if header.appendNumber <= lastAppend {
            return ("append numbers do not ascend", "over \(lastAppend)", "\(header.appendNumber)")
        }
        if !header.flags.contains(.late), header.timestamp < lastTimestamp {
            return ("time runs backwards", "\(lastTimestamp) or more", "\(header.timestamp)")
        }
        if let promise = header.promise {
            if promise > LogPosition(segment: segment.identifier, offset: offset) {
                return ("a promise ahead of its own frame", "at most \(segment.identifier):\(offset)", "\(promise)")
            }
            if let lastPromise, promise < lastPromise {
                return ("promises run backwards", "\(lastPromise) or more", "\(promise)")
            }
        }
        if isInBatch, header.kind == .roll || header.kind == .promise {
            return ("a batch that a \(header.kind) frame breaks off", nil, nil)
        }
        return nil
    }
}
