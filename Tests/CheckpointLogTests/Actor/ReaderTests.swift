import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Versions, groups of any size, readers beside a writer, and the test of the model.
@Suite struct ReaderTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.path.appending("log").string }

    func open(_ change: (inout Configuration) -> Void = { _ in }) async throws -> CheckpointLog {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.largeValueByteCount = 64 << 10
        change(&configuration)
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    @Test func aReaderKeepsUpWithAWriterThatRollsAndCompacts() async throws {
        let log = try await open()
        try await log.checkpoint(0, for: "first")
        let reader = try await CheckpointLog.openForReading(at: path)
        #expect(try await reader.restore(Int.self, for: "first") == 0)
        for round in 1...6 {
            for key in 0..<200 { try log.submit([Int](repeating: round, count: 150), for: "key \(key)") }
            try log.submit([UInt8](repeating: UInt8(round), count: 100 << 10), for: "large")
            try await log.commit("pair") { group in
                try group.put(round, for: "left")
                try group.put(-round, for: "right")
            }
            if round % 2 == 0 { try await log.compact() }
            for key in [0, 77, 199] {
                #expect(try await reader.restore([Int].self, for: "key \(key)")?.first == round)
            }
            #expect(try await reader.restore([UInt8].self, for: "large")?.first == UInt8(round))
            let group = try #require(try await reader.restoreGroup("pair"))
            #expect(try await group.restore(Int.self, for: "right") == -round)
        }
        try await log.removeCheckpoint(for: "key 3")
        #expect(try await reader.restore([Int].self, for: "key 3") == nil)
        #expect(try await reader.keys().count == 203)
        try await log.close()
        #expect(try await reader.restore([Int].self, for: "key 4")?.first == 6)
        let again = try await open()
        try await again.checkpoint("new", for: "after")
        #expect(try await reader.restore(String.self, for: "after") == "new")
        let error = await #expect(throws: CheckpointLogError.self) { try await reader.checkpoint(1, for: "x") }
        #expect(error?.code == .readOnly)
        try await again.close()
        try await reader.close()
    }

    @Test func aGroupOfAnySizeIsOne() async throws {
        var log = try await open()
        let big = (0..<12).map { [UInt8](repeating: UInt8($0), count: 50 << 10) }
        let huge = [UInt8](repeating: 200, count: 300 << 10)
        for round in 0..<3 {
            try await log.commit("all", level: 2) { group in
                for (index, bytes) in big.enumerated() { try group.put(bytes, round, for: "member \(index)") }
                try group.put(huge, for: "huge")
            }
        }
        try await log.checkpoint([UInt8](), 9, for: "member 4", level: 2)
        func check() async throws {
            let group = try #require(try await log.restoreGroup("all", level: 2))
            #expect(group.keys.count == 13)
            for (index, bytes) in big.enumerated() {
                let (restored, round) = try #require(
                    try await group.restore([UInt8].self, Int.self, for: "member \(index)"))
                #expect(restored == bytes && round == 2)
            }
            #expect(try await group.restore([UInt8].self, for: "huge") == huge)
            #expect(try await log.restore([UInt8].self, Int.self, for: "member 4")?.1 == 9)
            #expect(try await log.restore([UInt8].self, Int.self, for: "member 5")?.0 == big[5])
        }
        try await check()
        try await log.compact()
        try await check()
        try await log.close()
        log = try await open()
        try await check()
        #expect(log.recoveryReport.orphans.isEmpty)
        try await log.close()
    }

    @Test func versionsAsOfADateAndOfAnAge() async throws {
        let time = Lock<Int64>(1_000_000_000)
        let log = try await open { settings in
            settings.levels[2] = LevelPolicy(
                durability: .written, retention: .newest(10).younger(than: .seconds(100)))
            settings.now = { time.withLock { $0 } }
        }
        for second in stride(from: 0, through: 90, by: 30) {
            time.withLock { $0 = Int64(1_000 + second) * 1_000_000 }
            try await log.checkpoint(second, for: "k", level: 2)
        }
        func restore(_ second: Double) async throws -> Int? {
            try await log.restore(
                Int.self, for: "k", level: 2, version: .asOf(Date(timeIntervalSince1970: 1_000 + second)))
        }
        #expect(try await restore(90) == 90)
        #expect(try await restore(59) == 30)
        #expect(try await restore(-1) == nil)
        #expect(try await log.history(for: "k", level: 2).count == 4)
        // At 1,145 s the versions of 1,000 and 1,030 s are over their age; the newest never is.
        time.withLock { $0 = 1_145_000_000 }
        #expect(try await log.history(for: "k", level: 2).count == 2)
        time.withLock { $0 = 2_000_000_000 }
        #expect(try await log.history(for: "k", level: 2).count == 1)
        #expect(try await log.restore(Int.self, for: "k", level: 2) == 90)
        try await log.close()
    }

    @Test func aDamagedNewestVersionCanBeGoneAround() async throws {
        let log = try await open {
            $0.levels[2] = LevelPolicy(durability: .synced, retention: .newest(3), compression: .none)
        }
        try await log.checkpoint("older", for: "k", level: 2)
        let newest = try await log.checkpoint("newer", for: "k", level: 2)
        let entry = try #require(
            try log.engine.newest(RecordQuery(key: "k", level: 2)))
        guard case .frame(let place, _, _) = entry else { return }
        let file = log.engine.files.path(of: place.location.segment)
        let descriptor = try FileDescriptor.open(file, .readWrite)
        _ = try descriptor.writeAll(toAbsoluteOffset: Int64(place.location.offset + 66), [0xEE])
        try descriptor.close()
        let error = await #expect(throws: CheckpointLogError.self) {
            try await log.restore(String.self, for: "k", level: 2)
        }
        #expect(error?.code == .damaged)
        #expect(error?.lost.first?.sequenceNumbers == newest.sequenceNumber...newest.sequenceNumber)
        let skipped = Lock(0)
        let value = try await log.restore(
            String.self, for: "k", level: 2, fallback: .lastIntact { _ in skipped.withLock { $0 += 1 } })
        #expect(value == "older")
        #expect(skipped.withLock { $0 } == 1)
        log.engine.abandon()
    }

    /// The Julia package's own test, in our terms.
    @Test func theModelsOwnTest() async throws {
        var log = try await open { $0.levels[1] = LevelPolicy(durability: .memory) }
        try await log.checkpoint(1, 2, 3, for: "first")
        #expect(try #require(try await log.restore(Int.self, Int.self, Int.self, for: "first")) == (1, 2, 3))
        try await log.checkpoint(4, 5, 6, for: "first")
        #expect(try #require(try await log.restore(Int.self, Int.self, Int.self, for: "first")) == (4, 5, 6))
        try await log.checkpoint("a", "b", "c", for: "second")
        let all = try await log.checkpoints().map(\.key)
        #expect(all == ["first", "second"])
        try await log.save()
        try await log.close()
        log = try await open { $0.levels[1] = LevelPolicy(durability: .memory) }
        #expect(try await log.checkpoints().map(\.key) == all)
        #expect(try #require(try await log.restore(Int.self, Int.self, Int.self, for: "first")) == (4, 5, 6))
        #expect(
            try #require(try await log.restore(String.self, String.self, String.self, for: "second")) == ("a", "b", "c")
        )
        try await log.close()
    }
}
