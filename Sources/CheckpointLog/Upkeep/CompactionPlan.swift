/// Chooses which segments a compaction rewrites.
package struct CompactionPlan: Sendable, Equatable {
    package var inputs: [Manifest.Segment]
    /// Whether so much of the log is dead that compaction need not leave the disk to the appends.
    package var isUrgent = false

    /// Compaction starts when the sealed part is larger than the first bound, and stops below the second. Both are
    /// multiples of the live bytes.
    private static let upperBound = 1.5
    private static let lowerBound = 1.45
    /// If the sealed part is larger than this multiple of the live bytes, compaction no longer rests.
    private static let urgentBound = 2.0

    /// Chooses the inputs; nil if nothing is worth copying.
    ///
    /// Segments without a live byte go at once. Others go by cost-benefit, (1 − u) · age ÷ (1 + u), where u is the live
    /// share (Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System", 1992).
    package static func plan(
        segments: [Manifest.Segment], liveByteCount: (SegmentNumber) -> Int, now: Int64, outputLimit: Int, fully: Bool
    ) -> CompactionPlan? {
        let live = segments.map { min(liveByteCount($0.name.identifier), $0.byteCount) }
        let dead = zip(segments, live).filter { $0.1 == 0 }.map(\.0)
        if !dead.isEmpty { return CompactionPlan(inputs: dead) }
        let total = segments.reduce(0) { $0 + $1.byteCount }
        let liveTotal = live.reduce(0, +)
        let small = segments.indices.filter { segments[$0].byteCount < outputLimit / 8 }
        let isOver = Double(total) > upperBound * Double(liveTotal) || (fully && total > liveTotal + liveTotal / 16)
        guard isOver else {
            guard small.count >= 4 else { return nil }
            return fitted(small.map { segments[$0] }, small.map { live[$0] }, total, liveTotal, outputLimit, all: true)
        }
        let ranked = segments.indices.sorted { score(segments[$0], live[$0], now) > score(segments[$1], live[$1], now) }
        var plan = fitted(
            ranked.map { segments[$0] }, ranked.map { live[$0] }, total, liveTotal, outputLimit, all: fully)
        plan?.isUrgent = fully || Double(total) > urgentBound * Double(liveTotal)
        return plan
    }

    /// Takes segments in order until the bound is reached or their live bytes no longer fit into one output.
    private static func fitted(
        _ segments: [Manifest.Segment], _ live: [Int], _ total: Int, _ liveTotal: Int, _ outputLimit: Int, all: Bool
    ) -> CompactionPlan? {
        var inputs: [Manifest.Segment] = []
        var (outputByteCount, rest) = (0, total)
        for (segment, liveByteCount) in zip(segments, live) {
            if !all, Double(rest) <= lowerBound * Double(liveTotal) { break }
            // The size classes round up, so this leaves room for the footer too.
            if outputByteCount + liveByteCount > outputLimit - outputLimit / 4 { continue }
            inputs.append(segment)
            outputByteCount += liveByteCount
            rest -= segment.byteCount - liveByteCount
        }
        // Rewriting a single segment that is nearly all live wins nothing.
        guard let first = inputs.first, inputs.count > 1 || outputByteCount * 16 < first.byteCount * 15 else {
            return nil
        }
        return CompactionPlan(inputs: inputs)
    }

    private static func score(_ segment: Manifest.Segment, _ live: Int, _ now: Int64) -> Double {
        let share = min(1, Double(live) / Double(max(segment.byteCount, 1)))
        let age = max(1, Double(now) - Double(segment.newestTimestamp))
        return (1 - share) * age / (1 + share)
    }
}

/// What a compaction did.
package struct CompactionOutcome: Sendable, Equatable {
    package var inputCount: Int
    package var inputByteCount: Int
    package var outputByteCount: Int
    package var recordCount: Int
}
