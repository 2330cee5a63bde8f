/// What the check of one file found, before anybody knows which of its records are live.
struct CheckOutcome: Sendable {
    /// How many findings of one file are listed. The rest is summed up, so that the report of a log full of damage can
    /// still be read.
    static let itemLimit = 1_000

    /// A finding, and the record it is about.
    struct Item: Sendable {
        var finding: VerificationFinding
        var record: Record?
    }

    /// A record by name, for the question whether it is live.
    struct Record: Sendable {
        var kind: RecordKind
        var level: UInt8
        var key: [UInt8]
        var origin: [UInt8]
        var sequenceNumber: SequenceNumber
        var location: FrameLocation
        var valueSegment: SegmentNumber = 0
        var flags: FrameHeader.Flags = []

        /// Whether it can be restored, as opposed to a removal.
        var isCheckpoint: Bool {
            switch kind {
            case .value, .reference, .group, .mark: true
            case .removal, .removalOfAll, .roll, .promise, .chunk, .freed, .versionRemoval, .groupRemoval, .labels:
                false
            }
        }
    }

    /// A large value, as the frame that commits it describes it.
    struct Reference: Sendable {
        var reference: ValueReference
        var record: Record
        var isRaw: Bool
    }

    struct AppendNumbers: Sendable {
        var segment: SegmentNumber
        var first: SequenceNumber
        var last: SequenceNumber
    }

    private(set) var items: [Item] = []
    private var omitted: (count: Int, numbers: ClosedRange<SequenceNumber>?) = (0, nil)
    var byteCount = 0
    var frameCount = 0
    /// Records of complete batches of the chain. The records of sealed segments are in their footers.
    var records: [Record] = []
    /// Acknowledged records after the end of the chain whose headers can be read.
    var lostRecords: [Record] = []
    /// The finding that the chain ends before the known position. It costs the lost records.
    var chainDamage: VerificationFinding?
    var references: [Reference] = []
    /// Value segments to which any frame refers, valid or not.
    var referencedSegments: Set<SegmentNumber> = []
    /// Value segments that frames declare freed.
    var freedSegments: Set<SegmentNumber> = []
    /// Value segments that a power cut may have taken, of superseded versions. This is no damage.
    var lostValues: Set<SegmentNumber> = []
    /// The first and the last append number of a log segment, or of the chain, and the segment with the first.
    var appendNumbers: AppendNumbers?
    /// Whether the file was missing. An active writer may have removed it since the manifest was read.
    var isMissing = false
    /// The large value whose file was missing.
    var missingValue: SegmentNumber?

    mutating func add(_ finding: VerificationFinding, _ record: Record? = nil) {
        guard items.count >= Self.itemLimit else {
            items.append(Item(finding: finding, record: record))
            return
        }
        omitted.count += 1
        guard let number = record?.sequenceNumber else { return }
        let known = omitted.numbers ?? number...number
        omitted.numbers = min(known.lowerBound, number)...max(known.upperBound, number)
    }

    /// Adds one finding of `file` for everything over the limit.
    mutating func sumUp(_ file: String) {
        guard omitted.count > 0 else { return }
        var finding = VerificationFinding(.damage, file, "\(omitted.count) more findings of this kind")
        if let numbers = omitted.numbers {
            finding.lost = [.numbers("\(numbers.lowerBound)…\(numbers.upperBound)")]
        }
        items.append(Item(finding: finding))
        omitted = (0, nil)
    }

    mutating func noteAppend(_ number: SequenceNumber, in segment: SegmentNumber) {
        if appendNumbers == nil { appendNumbers = AppendNumbers(segment: segment, first: number, last: number) }
        appendNumbers?.last = number
    }

    mutating func updateFindings(_ change: (inout VerificationFinding) -> Void) {
        for index in items.indices { change(&items[index].finding) }
    }
}

extension CheckOutcome {
    /// How much was found before a batch began.
    struct Mark {
        fileprivate var itemCount = 0
        fileprivate var omitted: (count: Int, numbers: ClosedRange<SequenceNumber>?) = (0, nil)
        fileprivate var recordCount = 0
        fileprivate var referenceCount = 0
        fileprivate var frameCount = 0
        fileprivate var appendNumbers: AppendNumbers?
    }

    var mark: Mark {
        Mark(
            itemCount: items.count, omitted: omitted, recordCount: records.count, referenceCount: references.count,
            frameCount: frameCount, appendNumbers: appendNumbers)
    }

    /// Forgets the frames of a batch that turned out to be incomplete.
    mutating func rollBack(to mark: Mark) {
        items.removeLast(items.count - mark.itemCount)
        omitted = mark.omitted
        records.removeLast(records.count - mark.recordCount)
        references.removeLast(references.count - mark.referenceCount)
        frameCount = mark.frameCount
        appendNumbers = mark.appendNumbers
    }
}
