import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A program without any `async`: it opens, takes, waits, restores and closes.
@Suite struct BlockingFormsTests {
    @Test func aSynchronousProgramCanDoItAll() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        var log = try CheckpointLog.openBlocking(at: path)
        try log.submit(1, for: "synced", level: 2).waitBlocking(for: .synced)
        try log.submit(2, for: "written")
        try log.updateBlocking()
        try log.saveBlocking()
        let reader = try CheckpointLog.openForReadingBlocking(at: path)
        #expect(try reader.restoreBlocking(Int.self, for: "written") == 2)
        try reader.closeBlocking()
        try log.closeBlocking()
        #expect(throws: CheckpointLogError.self) { try log.saveBlocking() }
        log = try CheckpointLog.openBlocking(at: path)
        #expect(try log.restoreBlocking(Int.self, for: "synced", level: 2) == 1)
        #expect(try log.restoreBlocking(Int.self, for: "nothing") == nil)
        let snapshot = try log.snapshotBlocking()
        try log.submit(3, for: "written")
        #expect(try snapshot.restoreBlocking(Int.self, for: "written") == 2)
        #expect(try snapshot.snapshotBlocking() === snapshot)
        try snapshot.closeBlocking()
        #expect(throws: CheckpointLogError.self) { try snapshot.snapshotBlocking() }
        try log.closeBlocking()
    }
}
