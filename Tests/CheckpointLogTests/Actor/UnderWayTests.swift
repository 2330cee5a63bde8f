import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Large batches, closings and removals that meet each other half way.
@Suite struct UnderWayTests {
    static let path: FilePath = "/log"

    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = SpecimenLog.configuration(disk)
        configuration.levels[1] = LevelPolicy(durability: .written, compression: .none)
        configuration.levels[4] = LevelPolicy(durability: .memory)
        configuration.snapshotByteCount = .max
        return configuration
    }

    static func open(_ disk: SimulatedFileSystem) throws -> LogEngine {
        try LogEngine.open(at: path, configuration(disk))
    }

    static func put(_ engine: LogEngine, _ key: CheckpointKey, _ byte: UInt8, count: Int = 100) throws {
        let bytes = [UInt8](repeating: byte, count: count)
        _ = try engine.append(bytes, engine.content(1).adding(.raw), key: key)
    }

    /// More than `largeValueByteCount` in all, so that it gets segments of its own; `big` has a value segment besides.
    static func commitLarge(_ engine: LogEngine, _ byte: UInt8, big: Bool = false) throws {
        var members = (0..<4).map { index in
            (CheckpointKey("part \(index)"), [UInt8](repeating: byte, count: 3_000), FrameHeader.Flags.raw)
        }
        if big { members.append(("big", [UInt8](repeating: byte, count: 20_000), .raw)) }
        _ = try engine.appendGroup("group", members, Level(validating: 1))
    }

    static func value(_ engine: LogEngine, _ key: CheckpointKey) throws -> UInt8? {
        unsafe try engine.withContent(level: 1, key: key) { unsafe $1.first }.flatMap { $0 }
    }

    static func isOutput(_ call: SimulatedCall) -> Bool {
        call.operation == .rename && call.destination?.lastComponent?.string != FileName.manifest
    }

    /// The batch has passed the check for a closed log when the closing comes: what it does to the manifest after the lock was
    /// given back would undo what the next writer did.
    @Test func aClosingWaitsForALargeBatch() throws {
        let disk = SimulatedFileSystem(seed: 12)
        let engine = try Self.open(disk)
        try Self.put(engine, "before", 1)
        let isSecondDone = Lock(false)
        let interruption = Interruption(turn: 1)
        disk.observe { call in
            guard Self.isOutput(call) else { return }
            interruption.arrive {
                _ = NamedThread(name: "closer") {
                    try? engine.close()
                    if let second = try? Self.open(disk) {
                        try? Self.put(second, "after", 2)
                        try? second.close()
                    }
                    isSecondDone.withLock { $0 = true }
                    isSecondDone.wakeAll()
                }
                // A closing that waits for the batch takes this long; one that does not is done sooner.
                _ = isSecondDone.wait(atMost: 300_000_000) { $0 ? () : nil }
            }
        }
        try? Self.commitLarge(engine, 3)
        isSecondDone.wait { $0 ? () : nil }
        disk.observe(nil)
        let again = try Self.open(disk)
        #expect(try Self.value(again, "before") == 1)
        #expect(try Self.value(again, "after") == 2)
        #expect(try Self.value(again, "part 0") == 3)
        try again.close()
    }

    @Test func aClosingWaitsForACompactionThatWasAskedFor() throws {
        let disk = SimulatedFileSystem(seed: 13)
        var engine = try Self.open(disk)
        for number in 0..<20 { try Self.put(engine, "key \(number)", 1, count: 1_000) }
        for number in 0..<15 { try Self.put(engine, "key \(number)", 2, count: 1_000) }
        try engine.close()
        engine = try Self.open(disk)
        let closing = engine
        let isSecondDone = Lock(false)
        let interruption = Interruption(turn: 1)
        disk.observe { call in
            // The compaction's output has its name, and its manifest is about to get its own.
            guard call.operation == .rename, call.destination?.lastComponent?.string == FileName.manifest else {
                return
            }
            guard call.path.string.isEmpty == false, closing.writer?.maintenance.isCompacting == true else { return }
            interruption.arrive {
                _ = NamedThread(name: "closer") {
                    try? closing.close()
                    if let second = try? Self.open(disk) {
                        try? Self.put(second, "after", 2)
                        try? second.close()
                    }
                    isSecondDone.withLock { $0 = true }
                    isSecondDone.wakeAll()
                }
                _ = isSecondDone.wait(atMost: 300_000_000) { $0 ? () : nil }
            }
        }
        _ = try? engine.requireWriter().maintenance.compact(fully: true)
        isSecondDone.wait { $0 ? () : nil }
        disk.observe(nil)
        #expect(interruption.isDone)
        let again = try Self.open(disk)
        for number in 0..<20 { #expect(try Self.value(again, "key \(number)") == (number < 15 ? 2 : 1)) }
        #expect(try Self.value(again, "after") == 2)
        try again.close()
    }

    /// The new manifest is in its place when the sync of the directory fails: it may be the one that the next opening finds.
    @Test func aBatchWhoseCommitIsInDoubtKeepsItsLargeValues() throws {
        let disk = SimulatedFileSystem(seed: 14)
        let engine = try Self.open(disk)
        try Self.put(engine, "big", 1)
        let sawOutput = Lock(false)
        disk.observe { call in
            guard call.operation == .rename else { return }
            if Self.isOutput(call) {
                sawOutput.withLock { $0 = true }
            } else if sawOutput.withLock({ $0 }) {
                disk.fail(.syncDirectory, with: .ioError)
            }
        }
        #expect(throws: CheckpointLogError.self) { try Self.commitLarge(engine, 2, big: true) }
        disk.observe(nil)
        #expect(throws: CheckpointLogError.self) { try engine.close() }
        let again = try Self.open(disk.crashImage(boot: .same))
        #expect(try [1, 2].contains(Self.value(again, "big")))
        try again.close()
    }

}

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
