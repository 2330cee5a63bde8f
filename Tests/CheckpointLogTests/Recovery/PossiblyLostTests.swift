import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The numbers that recovery says may be lost.
@Suite struct PossiblyLostTests {
    /// The shortest frame of a record is a header and eight bytes of key: so many as fit may have been there.
    @Test func bytesThatWereCutOffAreCountedAsTheLeastFrames() throws {
        let number = SequenceNumber(epoch: 1, count: 10)
        var outcome = ChainReader.Outcome()
        outcome.end = LogPosition(segment: 1, offset: 4_096)
        outcome.highestNumber = number
        let disk = SimulatedFileSystem()
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { engine.abandon() }
        let manifest = try engine.requireWriter().manifest.current
        func lost(_ byteCount: Int, written: Int = 4_096) -> ClosedRange<SequenceNumber>? {
            let log = LogIdentifier(high: 1, low: 2)
            let page = PositionStatement.bytes(
                of: log, boot: 5, place: 6, start: LogPosition(segment: 1, offset: written), generation: 1)
            let position = PositionStatement(page, of: log, boot: 7, place: 6)
            return outcome.possiblyLost(position, cutByteCount: byteCount, manifest: manifest)
        }
        func numbers(_ range: ClosedRange<UInt32>) -> ClosedRange<SequenceNumber> {
            SequenceNumber(epoch: 1, count: range.lowerBound)...SequenceNumber(epoch: 1, count: range.upperBound)
        }
        #expect(lost(0) == nil)
        // Nothing says what was written: all after the last sealed number, and there is none.
        let unstated = outcome.possiblyLost(nil, cutByteCount: 0, manifest: manifest)
        #expect(unstated?.lowerBound == SequenceNumber(rawValue: 1))
        let least = FrameHeader.byteCount + 8
        #expect(lost(least - 1) == nil)
        #expect(lost(least) == numbers(11...11))
        #expect(lost(10 * least) == numbers(11...20))
        #expect(lost(0, written: 4_096 + 10 * least) == numbers(11...20))
        #expect(lost(10 * least, written: 4_096 + least) == numbers(11...20))
    }
}
