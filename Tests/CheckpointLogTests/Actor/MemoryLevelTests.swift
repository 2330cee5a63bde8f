import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The memory level: values kept as they are, encoded when they are saved.
@Suite struct MemoryLevelTests {
    struct Refused: Error {}

    /// A value that counts how often it is encoded, and refuses when told to.
    struct Probe: Codable, Sendable, Equatable {
        static let encodings = Lock<[Int: Int]>([:])

        var number: Int
        var refuses = false

        func encode(to encoder: any Encoder) throws {
            if refuses { throw Refused() }
            Self.encodings.withLock { $0[number, default: 0] += 1 }
            var container = encoder.singleValueContainer()
            try container.encode(number)
        }

        init(number: Int, refuses: Bool = false) {
            self.number = number
            self.refuses = refuses
        }

        init(from decoder: any Decoder) throws {
            number = try decoder.singleValueContainer().decode(Int.self)
        }
    }

    final class Box: Codable, Sendable {
        private let content: Lock<Int>
        var value: Int { content.withLock { $0 } }

        init(_ value: Int) { content = Lock(value) }

        func set(_ value: Int) { content.withLock { $0 = value } }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }

        init(from decoder: any Decoder) throws {
            content = Lock(try decoder.singleValueContainer().decode(Int.self))
        }
    }

    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.path.appending("log").string }

    func open(_ change: (inout Configuration) -> Void = { _ in }) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.levels[1] = LevelPolicy(durability: .memory)
        change(&configuration)
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    @Test func aValueComesBackWithoutBeingEncoded() async throws {
        let log = try await open()
        try await log.checkpoint(Probe(number: 101), for: "probe")
        #expect(try await log.restore(Probe.self, for: "probe") == Probe(number: 101))
        #expect(Probe.encodings.withLock { $0[101] } == nil)
        #expect(log.statistics.recordCount == 0)
        #expect(try await log.restore(Int.self, for: "probe") == 101, "another type goes through the codec")
        try await log.close()
    }

    @Test func aLaterChangeDoesNotReachTheCheckpoint() async throws {
        let log = try await open()
        var values = [1, 2, 3]
        let box = Box(1)
        try await log.checkpoint(values, for: "values")
        try await log.checkpoint(box, for: "box")
        values[0] = 9
        box.set(9)
        #expect(try await log.restore([Int].self, for: "values") == [1, 2, 3])
        #expect(try await log.restore(Box.self, for: "box")?.value == 1)
        try await log.close()
    }

    @Test func aLaterChangeDoesNotReachOneOfSeveralValues() async throws {
        let log = try await open()
        let box = Box(1)
        try await log.checkpoint(7, box, for: "boxes")
        box.set(9)
        let restored = try #require(try await log.restore(Int.self, Box.self, for: "boxes"))
        #expect(restored.0 == 7 && restored.1.value == 1)
        try await log.close()
    }

    @Test func saveEncodesOnceWhatWasTakenLast() async throws {
        var log = try await open()
        for number in 200..<210 { try await log.checkpoint(Probe(number: number), for: "probe") }
        try await log.save()
        try await log.save()
        let encodings = Probe.encodings.withLock { $0 }.filter { $0.key >= 200 && $0.key < 210 }
        #expect(encodings == [209: 1])
        #expect(log.statistics.recordCount == 1)
        try await log.close()
        log = try await open()
        #expect(try await log.restore(Probe.self, for: "probe") == Probe(number: 209))
        try await log.close()
    }

    @Test func savedRecordsKeepTheNumbersTheyWereTakenWith() async throws {
        var log = try await open()
        let receipt = try await log.checkpoint(Probe(number: 300), for: "probe")
        let later = try await log.checkpoint(1, for: "other", level: 2)
        #expect(receipt.sequenceNumber < later.sequenceNumber)
        try await log.save()
        try await log.close()
        log = try await open()
        let history = try await log.history(for: "probe")
        #expect(history.map(\.sequenceNumber) == [receipt.sequenceNumber])
        #expect(try await log.restore(Probe.self, for: "probe", version: .sequence(receipt.sequenceNumber)) != nil)
        try await log.close()
    }

    @Test func waitingForMoreWritesTheRecordOut() async throws {
        let log = try await open()
        let first = try await log.checkpoint(1, for: "key")
        try await log.checkpoint(2, for: "key")
        try await first.wait(for: .memory)
        #expect(log.statistics.recordCount == 0)
        // The newer record meets the older receipt.
        try await first.wait(for: .written)
        #expect(log.statistics.recordCount == 1)
        try await first.wait(for: .synced)
        let third = try await log.checkpoint(3, for: "key")
        try await log.removeCheckpoint(for: "key")
        try await third.wait(for: .synced)
        #expect(try await log.restore(Int.self, for: "key") == nil)
        try await log.close()
    }

    @Test func aValueThatDoesNotEncodeKeepsNoneOfTheOthersBack() async throws {
        var log = try await open()
        try await log.checkpoint(Probe(number: 400), for: "a")
        try await log.checkpoint(Probe(number: 401, refuses: true), for: "b")
        try await log.checkpoint(Probe(number: 402), for: "c")
        let error = await #expect(throws: CheckpointLogError.self) { try await log.save() }
        #expect(error?.code == .encodingFailed && error?.message.contains("\"b\"") == true)
        try await log.removeCheckpoint(for: "b")
        try await log.close()
        log = try await open()
        #expect(try await log.restore(Probe.self, for: "a") == Probe(number: 400))
        #expect(try await log.restore(Probe.self, for: "b") == nil)
        #expect(try await log.restore(Probe.self, for: "c") == Probe(number: 402))
        try await log.close()
    }

    @Test func overTheLimitTheOldestAreWrittenOut() async throws {
        var log = try await open { $0.memoryCountLimit = 16 }
        for number in 0..<100 { try await log.checkpoint(number, for: "key \(number)") }
        #expect(log.statistics.memoryRecordCount <= 16)
        #expect(log.statistics.recordCount >= 84)
        for number in 0..<100 { #expect(try await log.restore(Int.self, for: "key \(number)") == number) }
        try await log.close()
        log = try await open()
        for number in 0..<100 { #expect(try await log.restore(Int.self, for: "key \(number)") == number) }
        try await log.close()
    }

    @Test func aLogWithoutADirectoryHoldsEverythingInMemory() async throws {
        let log = try await CheckpointLog.inMemory()
        let receipt = try await log.checkpoint(1, "two", for: "pair", level: 2)
        try await log.checkpoint(2, "three", for: "pair", level: 2)
        let pair = try #require(try await log.restore(Int.self, String.self, for: "pair"))
        #expect(pair == (2, "three"))
        #expect(try await log.history(for: "pair").count == 2)
        let old = try #require(
            try await log.restore(Int.self, String.self, for: "pair", version: .sequence(receipt.sequenceNumber)))
        #expect(old == (1, "two"))
        let error = await #expect(throws: CheckpointLogError.self) { try await receipt.wait(for: .written) }
        #expect(error?.code == .unsupported)
        try await log.commit("group") { group in
            try group.put(1, for: "x")
            try group.put(2, for: "y")
        }
        try await log.checkpoint(10, for: "x")
        let group = try #require(try await log.restoreGroup("group"))
        #expect(try await group.restore(Int.self, for: "x") == 1)
        #expect(try await group.restore(Int.self, for: "y") == 2)
        try await log.removeCheckpoint(for: "pair")
        #expect(try await log.restore(Int.self, String.self, for: "pair") == nil)
        #expect(try await log.keys() == ["x", "y"])
        try await log.removeAllCheckpoints()
        #expect(try await log.keys().isEmpty)
        #expect(try await log.restoreGroup("group") == nil)
        try await log.save()
        try await log.close()
        #expect(throws: CheckpointLogError.self) { try log.submit(1, for: "x") }
    }

    @Test func aFullMemoryWithoutADirectoryRefuses() async throws {
        var configuration = Configuration()
        configuration.memoryCountLimit = 4
        let log = try await CheckpointLog.inMemory(configuration: configuration)
        for number in 0..<4 { try await log.checkpoint(number, for: "key \(number)") }
        let error = await #expect(throws: CheckpointLogError.self) { try await log.checkpoint(4, for: "key 4") }
        #expect(error?.code == .memoryFull)
        try await log.checkpoint(10, for: "key 0")
        #expect(try await log.restore(Int.self, for: "key 0") == 10)
        #expect(try await log.restore(Int.self, for: "key 4") == nil)
        try await log.close()
    }

    @Test func whatIsRefusedForWantOfRoomChangesNothing() async throws {
        var configuration = Configuration()
        configuration.memoryByteLimit = 1_000
        let log = try await CheckpointLog.inMemory(configuration: configuration)
        try await log.checkpoint(bytes: [UInt8](repeating: 1, count: 100), for: "a")
        try await log.commit("group") { try $0.put([UInt8](repeating: 2, count: 300), for: "b") }
        let large = [UInt8](repeating: 3, count: 2_000)
        let error = await #expect(throws: CheckpointLogError.self) { try await log.checkpoint(bytes: large, for: "a") }
        #expect(error?.code == .memoryFull)
        #expect(try await log.restoreBytes(for: "a")?.count == 100)
        await #expect(throws: CheckpointLogError.self) {
            try await log.commit("group") { group in
                try group.put([1 as UInt8], for: "c")
                try group.put(large, for: "b")
            }
        }
        #expect(try await log.restore([UInt8].self, for: "c") == nil)
        let group = try #require(try await log.restoreGroup("group"))
        #expect(try await group.restore([UInt8].self, for: "b")?.count == 300)
    }

    @Test func aGroupWithABadKeyLeavesNothingInMemory() async throws {
        let log = try await CheckpointLog.inMemory()
        let error = await #expect(throws: CheckpointLogError.self) {
            try await log.commit("group") { group in
                try group.put(1, for: "q")
                try group.put(2, for: "")
            }
        }
        #expect(error?.code == .invalidKey)
        #expect(try await log.restore(Int.self, for: "q") == nil)
    }

    @Test func overTheLimitAValueThatDoesNotEncodeIsReportedAndHoldsNothingUp() async throws {
        let reported = Lock(0)
        let log = try await open {
            $0.memoryCountLimit = 8
            $0.onBackgroundFailure = { _ in reported.withLock { $0 += 1 } }
        }
        try await log.checkpoint(Probe(number: 500, refuses: true), for: "bad")
        for number in 0..<100 { try await log.checkpoint(Probe(number: 501), for: "good \(number)") }
        #expect(log.statistics.memoryRecordCount <= 9)
        #expect(reported.withLock { $0 } == 1)
        let error = await #expect(throws: CheckpointLogError.self) { try await log.save() }
        #expect(error?.code == .encodingFailed && error?.message.contains("\"bad\"") == true)
        try await log.removeCheckpoint(for: "bad")
        try await log.close()
    }

    @Test func classesInCollectionsAndOptionalsAreIsolated() async throws {
        let log = try await open()
        let boxes = [Box(1), Box(2)]
        let optional: Box? = Box(3)
        try await log.checkpoint(boxes, optional, ["a": Box(4)], for: "boxes")
        for box in boxes { box.set(100) }
        optional?.set(100)
        let restored = try #require(
            try await log.restore([Box].self, Box?.self, [String: Box].self, for: "boxes"))
        #expect(restored.0.map(\.value) == [1, 2])
        #expect(restored.1?.value == 3)
        #expect(restored.2["a"]?.value == 4)
        try await log.close()
    }

    @Test func listingsAndBlockingReadsDoNotEncodeEither() async throws {
        let log = try await open()
        try await log.checkpoint(Probe(number: 600, refuses: true), for: "probe")
        #expect(try await log.restoreAll(as: Probe.self) == ["probe": Probe(number: 600, refuses: true)])
        func blocking() throws -> Probe? { try log.restoreBlocking(Probe.self, for: "probe") }
        #expect(try blocking() == Probe(number: 600, refuses: true))
        try await log.removeCheckpoint(for: "probe")
        try await log.close()
    }

    /// The limit is for what is committed together, and each member for itself may be under it.
    @Test func aGroupOverTheLimitIsRefusedAndNothingOfItIsThere() async throws {
        let log = try await open { $0.valueByteLimit = 10_000 }
        let error = await #expect(throws: CheckpointLogError.self) {
            try await log.commit("group", level: 2) { group in
                for key in ["a", "b"] {
                    try group.put([UInt8](repeating: 1, count: 6_000), for: CheckpointKey(key))
                }
            }
        }
        #expect(error?.code == .valueTooLarge && error?.message.contains("valueByteLimit") == true)
        #expect(try await log.restoreGroup("group") == nil)
        #expect(try await log.keys(level: 2).isEmpty)
        #expect(log.statistics.recordCount == 0)
        try await log.close()
    }

    @Test func theLargestValueIsRefusedWhileItIsEncoded() async throws {
        var log = try await open { $0.valueByteLimit = 10_000 }
        for level in 1...2 {
            let error = await #expect(throws: CheckpointLogError.self) {
                try await log.checkpoint([UInt8](repeating: 1, count: 20_000), for: "large", level: level)
                try await log.save()
            }
            #expect(error?.code == .valueTooLarge && error?.message.contains("valueByteLimit") == true)
        }
        try await log.removeCheckpoint(for: "large")
        try await log.close()
        log = try await open()
        #expect(try await log.keys().isEmpty)
        try await log.close()
    }
}
