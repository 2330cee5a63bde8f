import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A receipt may outlive its log.
@Suite struct OutlivingReceiptTests {
    @Test(.timeLimit(.minutes(1))) func waitingOnAReceiptOfADroppedLogThrows() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        func take() async throws -> CheckpointReceipt {
            let log = try await CheckpointLog.open(at: path)
            return try log.submit(1, for: "key")
        }
        let receipt = try await take()
        // The last owner may be the thread that opened the log, still on its way out. Whoever gives the lock back is
        // done.
        var next: CheckpointLog?
        while next == nil {
            do {
                next = try await CheckpointLog.open(at: path)
            } catch let error as CheckpointLogError where error.code == .locked {
                await Task.yield()
            }
        }
        let error = await #expect(throws: CheckpointLogError.self) { try await receipt.wait(for: .synced) }
        #expect(error?.code == .closed)
        try await next?.close()
    }
}
