import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Which segments a compaction takes.
@Suite struct CompactionPlanTests {
    private static func segment(_ number: UInt32, byteCount: Int) -> Manifest.Segment {
        let trailer = SegmentTrailer(
            segment: SegmentNumber(number), footerOffset: byteCount - 100, footer: [], entryCount: 0)
        var segment = Manifest.Segment(
            name: SegmentName(SegmentNumber(number), .log), footer: SegmentFooter(), trailer: trailer)
        segment.byteCount = byteCount
        return segment
    }

    private static func plan(_ byteCounts: [Int], live: Double = 1) -> [Int]? {
        let segments = byteCounts.enumerated().map { segment(UInt32($0 + 1), byteCount: $1) }
        let plan = CompactionPlan.plan(
            segments: segments,
            liveByteCount: { number in
                segments.first { $0.name.identifier == number }.map { Int(Double($0.byteCount) * live) } ?? 0
            }, now: 0, outputLimit: 1 << 20, fully: false)
        return plan?.inputs.map(\.byteCount)
    }

    /// A log without dead bytes is left alone, but for small segments: four make a larger one.
    @Test func smallSegmentsAreMergedOnceThereAreFour() {
        #expect(Self.plan([1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20]) == nil)
        #expect(Self.plan([1_000, 1 << 20, 1_001, 1_002]) == nil)
        #expect(Self.plan([1_000, 1 << 20, 1_001, 1_002, 1_003]) == [1_000, 1_001, 1_002, 1_003])
    }

    @Test func deadSegmentsGoByThemselves() {
        #expect(Self.plan([1_000, 2_000], live: 0) == [1_000, 2_000])
        #expect(Self.plan([1_000]) == nil)
    }
}
