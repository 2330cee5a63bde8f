#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What the file of a lock tells, and what an opening makes of one that holds anything else.
@Suite struct LockHolderTests {
    static let holder = LockHolder(process: 12, began: 1_700_000_000_123_456, host: "node-7.example")

    /// What a power cut, an earlier version or somebody else leaves there.
    static let contents: [String: [UInt8]] = [
        "nothing": [], "zero bytes": [0, 0, 0, 0, 0], "a page of zero bytes": [UInt8](repeating: 0, count: 4_096),
        "a number": Array("99999999\n".utf8), "a number and zero bytes": Array("12345\n".utf8) + [0, 0],
        "half a holder": Array(holder.bytes.prefix(9)), "a whole holder": holder.bytes, "text": Array("garbage".utf8),
        "a page of 0xFF": [UInt8](repeating: 0xFF, count: 4_096),
        "a number beyond all": Array("999999999999999999999\n".utf8),
        "times beyond all": Array("1\n\(Int64.max)\nhost\n".utf8),
    ]

    @Test func aHolderIsReadAsItWasWritten() throws {
        #expect(LockHolder(Self.holder.bytes) == Self.holder)
        #expect("\(Self.holder)" == "process 12 on node-7.example, begun 2023-11-14T22:13:20Z")
        // From before holders had a time and a host, and from systems that do not tell.
        #expect(LockHolder(Array("12\n".utf8)).map { "\($0)" } == "process 12")
        #expect("\(LockHolder(process: 1, began: .max, host: "a\nb"))" == "process 1 on a\\nb")
        for text in ["", "\n", "0\n", "-1\n", "12", "12\n34\n", "12\nx\nhost\n", "1\n2\nhost\nmore\n"] {
            #expect(LockHolder(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test(arguments: contents.keys.sorted()) func aLogOpensWhateverTheFileOfItsLockHolds(name: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log")
        let file = path.appending("LOCK")
        let bytes = try #require(Self.contents[name])
        var configuration = SpecimenLog.configuration(SimulatedFileSystem())
        configuration.fileSystem = POSIXFileSystem.shared
        try LogEngine.open(at: path, configuration).close()
        try Data(bytes).write(to: URL(filePath: file.string))
        let engine = try LogEngine.open(at: path, configuration)
        let held = try Data(contentsOf: URL(filePath: file.string))
        let isForeign = ["text", "a page of 0xFF"].contains(name)
        // What is not a lock's may be somebody's, by another name: it is locked, and left as it is.
        if isForeign {
            #expect(Array(held) == bytes)
        } else {
            #expect(LockHolder(Array(held))?.process == ProcessInfo.processInfo.processIdentifier)
        }
        let refusal = #expect(throws: CheckpointLogError.self) { try LogEngine.open(at: path, configuration) }
        #expect(refusal?.code == .locked && refusal?.location?.path == file.string)
        #expect(refusal?.message.contains(isForeign ? "another writer" : "this process itself") == true)
        try engine.close()
        #expect(try Data(contentsOf: URL(filePath: file.string)) == Data(isForeign ? bytes : []))
    }

    /// Process 1 of a container is not process 1 of another.
    @Test func aProcessOfTheSameNumberIsNotThisOne() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("lock")
        let outcome = try POSIXFileSystem.shared.lock(path)
        defer { withExtendedLifetime(outcome) {} }
        let own = try #require(LockHolder(Array(try Data(contentsOf: URL(filePath: path.string)))))
        #expect(own.isThisProcess && !own.host.isEmpty)
        let seconds = Double(own.began) / 1_000_000
        #expect((0...Date().timeIntervalSince1970).contains(seconds) && seconds > 1_600_000_000)
        var other = own
        other.began += 10_000
        #expect(!other.isThisProcess)
        #expect(CheckpointLogError.locked(path: "LOCK", holder: other).message.contains("process \(own.process) on "))
    }
}
