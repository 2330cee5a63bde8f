/// What one run of a worker measured.
struct RunFigures: Equatable {
    static let fieldCount = 9

    /// Steps within an epoch, and the time of their checkpoints, at level 1.
    var stepCount = 0
    var stepNanoseconds = 0
    /// Steps that completed an epoch, and the time of their two checkpoints, at levels 1 and 2.
    var epochCount = 0
    var epochNanoseconds = 0
    var learningNanoseconds = 0
    /// Bytes of all frames that were appended.
    var frameByteCount = 0
    /// Bytes of the last checkpoint before compression; all have about as many.
    var encodedByteCount = 0
    var rollCount = 0
    var compactionCount = 0

    init() {}

    /// - Parameter fields: as many as ``fieldCount`` says.
    init(fields: [Int]) {
        (stepCount, stepNanoseconds, epochCount, epochNanoseconds) = (fields[0], fields[1], fields[2], fields[3])
        (learningNanoseconds, frameByteCount, encodedByteCount) = (fields[4], fields[5], fields[6])
        (rollCount, compactionCount) = (fields[7], fields[8])
    }

    var fields: [Int] {
        [
            stepCount, stepNanoseconds, epochCount, epochNanoseconds, learningNanoseconds, frameByteCount,
            encodedByteCount, rollCount, compactionCount,
        ]
    }

    var checkpointCount: Int { stepCount + 2 * epochCount }
    var checkpointingNanoseconds: Int { stepNanoseconds + epochNanoseconds }
}
