import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// An asynchronous checkpoint does not leave its caller's executor before its value is encoded.
@Suite struct CallersExecutorTests {
    /// Tells on which thread it is encoded.
    private struct Probe: Codable, Sendable {
        static let threads = Lock<[ObjectIdentifier]>([])

        init() {}
        init(from decoder: any Decoder) throws {}

        func encode(to encoder: any Encoder) throws {
            Self.threads.withLock { $0.append(CallersExecutorTests.thread) }
            var container = encoder.singleValueContainer()
            try container.encode(1)
        }
    }

    private static var thread: ObjectIdentifier { ObjectIdentifier(Thread.current) }

    @MainActor @Test func aValueIsEncodedWhereItsCallerRuns() async throws {
        let directory = try TemporaryDirectory()
        let log = try await CheckpointLog.open(at: directory.path.appending("log").string)
        // The main actor has one thread; another executor has others.
        let own = Self.thread
        try await log.checkpoint(Probe(), for: "one")
        try await log.checkpoint(Probe(), Probe(), for: "two")
        #expect(Probe.threads.withLock { $0 } == [own, own, own])
        try await log.close()
    }
}
