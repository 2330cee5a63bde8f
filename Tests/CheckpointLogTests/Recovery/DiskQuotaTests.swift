import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// R8: a disk with room for 0, 4, 8, … KiB, up to all that a life of a log needs.
///
/// Proves: what finds no room is refused as such and costs nothing that was acknowledged; the full disk is read as it
/// is; with space again the log opens, has everything, and takes more.
@Suite struct DiskQuotaTests {
    private static let blockByteCount = 4_096

    static var blockStride: Int { takesSamples && !isLongRun ? 9 : 1 }

    @Test(arguments: [true, false]) func aDiskOfAnySizeLosesNothing(mapping: Bool) throws {
        var (blocks, shown, refusedCount, begunCount) = (0, 0, 0, 0)
        while true {
            let life = FaultedLife(mapping: mapping, failedSync: blocks % 2 == 0 ? .kept : .dropped)
            life.disk.byteQuota = blocks * Self.blockByteCount
            life.run()
            life.checkFull()
            if life.disk.fileNames(in: SpecimenLog.path).contains(FileName.manifest) { begunCount += 1 }
            life.disk.byteQuota = nil
            life.checkAfterwards()
            if !life.problems.isEmpty, shown < 6 {
                shown += 1
                Issue.record("\(blocks) blocks: \(life.problems.prefix(3))")
            }
            if life.refusals.isEmpty { break }
            refusedCount += 1
            blocks += Self.blockStride
            // A life that never finds enough room would be a defect of its own.
            try #require(blocks < 1_000)
        }
        #expect(blocks > 30 && refusedCount > 10 / Self.blockStride && begunCount > 10 / Self.blockStride)
        tellCounts("DiskQuota", ["faults": refusedCount])
    }
}
