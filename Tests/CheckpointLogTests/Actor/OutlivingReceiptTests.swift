import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// A receipt may outlive its log.
@Suite struct OutlivingReceiptTests {
    @Test func waitingOnAReceiptOfADroppedLogThrows() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        func take() async throws -> CheckpointReceipt {
            let log = try await CheckpointLog.open(at: path)
            return try log.submit(1, for: "key")
        }
        let receipt = try await take()
        let error = await #expect(throws: CheckpointLogError.self) { try await receipt.wait(for: .synced) }
        #expect(error?.code == .closed)
    }
}
