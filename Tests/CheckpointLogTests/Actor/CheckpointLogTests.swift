import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The public interface, on a real disk.
@Suite struct CheckpointLogTests {
    struct State: Codable, Equatable, Sendable {
        var step: Int
        var weights: [Float]
    }

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

    @Test func whatWasTakenIsRestored() async throws {
        let log = try await open()
        #expect(try await log.restore(State.self, for: "a") == nil)
        try await log.checkpoint(State(step: 1, weights: [1, 2]), for: "a")
        try await log.checkpoint(State(step: 2, weights: []), for: "a", level: 2)
        #expect(try await log.restore(State.self, for: "a") == State(step: 2, weights: []))
        #expect(try await log.restore(State.self, for: "a", level: 1) == State(step: 1, weights: [1, 2]))
        #expect(try await log.restore(State.self, for: "a", level: 3) == nil)
        try await log.close()
    }

    @Test func severalValuesComeBackAsATuple() async throws {
        let log = try await open()
        try await log.checkpoint(1, "two", [3.5], for: "several")
        let restored = try await log.restore(Int.self, String.self, [Double].self, for: "several")
        let (first, second, third) = try #require(restored)
        #expect(first == 1 && second == "two" && third == [3.5])
        try await log.close()
    }

    @Test func aReopenedLogHasEverything() async throws {
        var log = try await open()
        for index in 0..<5_000 {
            try log.submit(State(step: index, weights: [Float(index)]), for: "key \(index % 700)")
        }
        try await log.close()
        log = try await open()
        #expect(try await log.keys().count == 700)
        for index in 4_300..<5_000 {
            #expect(try await log.restore(State.self, for: "key \(index % 700)")?.step == index)
        }
        try await log.close()
    }

    @Test func anAbandonedLogHasEverything() async throws {
        do {
            let log = try await open()
            for index in 0..<2_000 { try log.submit(index, for: "key \(index % 100)") }
        }
        let log = try await open()
        for index in 1_900..<2_000 { #expect(try await log.restore(Int.self, for: "key \(index % 100)") == index) }
        try await log.close()
    }

    @Test func largeValuesHaveFilesOfTheirOwn() async throws {
        var log = try await open()
        let value = (0..<300_000).map { Double($0).squareRoot() }
        try await log.checkpoint(value, for: "large")
        #expect(try await log.restore([Double].self, for: "large") == value)
        try await log.close()
        log = try await open()
        #expect(try await log.restore([Double].self, for: "large") == value)
        try await log.checkpoint([1.0], for: "large")
        try await log.close()
        log = try await open()
        #expect(try await log.restore([Double].self, for: "large") == [1])
        try await log.compact()
        try await log.close()
        let names = try POSIXFileSystem.shared.entries(of: FilePath(path)).map(\.name)
        #expect(!names.contains { $0.hasSuffix(".val") })
    }

    /// Arrays of numbers are read to where they stay; asked for as something else, the same bytes go through the
    /// decoder.
    @Test func aLargeArrayIsRestoredAsWhatIsAskedFor() async throws {
        let log = try await open()
        let floats = (0..<600_000).map { Float($0) * 0.25 }
        try await log.checkpoint(floats, for: "floats")
        #expect(try await log.restore([Float].self, for: "floats") == floats)
        #expect(try await log.restore([Float?].self, for: "floats")?.count == floats.count)
        #expect(try await log.restore([Double].self, for: "floats") == floats.map(Double.init))
        await #expect(throws: CheckpointLogError.self) { try await log.restore([String].self, for: "floats") }
        let bytes = try await log.restoreBytes(for: "floats")
        #expect(bytes?.count == 4 * floats.count + 7)
        try await log.checkpoint(bytes: try #require(bytes), for: "bytes")
        #expect(try await log.restoreBytes(for: "bytes") == bytes)
        // Bytes that were taken as they are decode as nothing, also where they look like an array.
        await #expect(throws: CheckpointLogError.self) { try await log.restore([Float].self, for: "bytes") }
        try await log.checkpoint(floats, 1, for: "two")
        #expect(try await log.restore([Float].self, Int.self, for: "two")?.0 == floats)
        await #expect(throws: CheckpointLogError.self) { try await log.restore([Float].self, for: "two") }
        try await log.close()
    }

    @Test func aDamagedLargeArrayIsNamedAndAnOlderOneFound() async throws {
        let log = try await open { $0.levels[1] = LevelPolicy(durability: .synced, retention: .newest(2)) }
        let older = (0..<300_000).map { Double($0).squareRoot() }
        try await log.checkpoint(older, for: "large")
        try await log.checkpoint(older.map { -$0 }, for: "large")
        let files = POSIXFileSystem.shared
        let newest = try #require(
            try files.entries(of: FilePath(path)).map(\.name).filter { $0.hasSuffix(".val") }.max())
        let file = FilePath(path).appending(newest)
        let byteCount = try Data(contentsOf: URL(filePath: file.string)).count
        for place in [200, byteCount / 2, byteCount * 7 / 8] {
            var bytes = try [UInt8](Data(contentsOf: URL(filePath: file.string)))
            bytes[place] ^= 16
            try Data(bytes).write(to: URL(filePath: file.string))
            let error = await #expect(throws: CheckpointLogError.self) {
                try await log.restore([Double].self, for: "large")
            }
            #expect(error?.code == .damaged && error?.location?.path == file.string && error?.lost.count == 1)
            let found = Lock<[CheckpointLogError]>([])
            let restored = try await log.restore(
                [Double].self, for: "large", fallback: .lastIntact { error in found.withLock { $0.append(error) } })
            #expect(restored == older)
            #expect(found.withLock { $0.map(\.code) } == [.damaged])
            bytes[place] ^= 16
            try Data(bytes).write(to: URL(filePath: file.string))
        }
        #expect(try await log.restore([Double].self, for: "large")?[1] == -1)
        try await log.close()
    }

    @Test func compactionKeepsTheNewestAndGivesSpaceBack() async throws {
        let log = try await open()
        let padding = [UInt8](repeating: 7, count: 500).enumerated().map { UInt8(truncatingIfNeeded: $0.offset * 31) }
        for index in 0..<20_000 { try log.submit(index, padding, for: "key \(index % 50)") }
        try await log.save()
        try await log.compact()
        let statistics = log.statistics
        #expect(statistics.rollCount > 5)
        #expect(statistics.compactionCount > 0)
        #expect(statistics.sealedByteCount < statistics.frameByteCount / 2)
        for index in 19_950..<20_000 {
            #expect(try await log.restore(Int.self, [UInt8].self, for: "key \(index % 50)")?.0 == index)
        }
        try await log.close()
        let again = try await open()
        for index in 19_950..<20_000 {
            #expect(try await again.restore(Int.self, [UInt8].self, for: "key \(index % 50)")?.0 == index)
        }
        try await again.close()
    }

    @Test func versionsAreKeptAsThePolicySays() async throws {
        let log = try await open { $0.levels[3] = LevelPolicy(durability: .written, retention: .newest(3)) }
        for value in 1...5 { try await log.checkpoint(value, for: "v", level: 3) }
        let history = try await log.history(for: "v", level: 3)
        #expect(history.count == 3)
        let oldest = try #require(history.dropFirst(2).first).sequenceNumber
        #expect(try await log.restore(Int.self, for: "v", level: 3, version: .sequence(oldest)) == 3)
        try await log.close()
    }

    @Test func aListingIsOfTheLevelAskedFor() async throws {
        let log = try await open()
        try await log.checkpoint(1, for: "a")
        try await log.checkpoint(2, for: "a", level: 2)
        try await log.checkpoint(3, for: "b", level: 2)
        #expect(try await log.checkpoints(level: 1).map(\.key) == ["a"])
        #expect(try await log.checkpoints(level: 2).map(\.key) == ["a", "b"])
        #expect(try await log.checkpoints().map(\.level) == [1, 2, 2])
        #expect(try await log.keys(level: 3).isEmpty)
        #expect(try await log.restoreAll(as: Int.self, level: 2) == ["a": 2, "b": 3])
        #expect(try await log.restoreAll(as: Int.self) == ["a": 2, "b": 3])
        try await log.close()
    }

    @Test func removedKeysStayRemoved() async throws {
        var log = try await open()
        try await log.checkpoint(1, for: "gone")
        try await log.checkpoint(2, for: "gone", level: 2)
        try await log.checkpoint(3, for: "kept")
        try await log.removeCheckpoint(for: "gone")
        #expect(try await log.restore(Int.self, for: "gone") == nil)
        try await log.close()
        log = try await open()
        #expect(try await log.restore(Int.self, for: "gone") == nil)
        #expect(try await log.keys() == ["kept"])
        try await log.removeAllCheckpoints()
        #expect(try await log.keys() == [])
        try await log.checkpoint(4, for: "new")
        try await log.close()
        log = try await open()
        #expect(try await log.keys() == ["new"])
        try await log.close()
    }

    @Test func groupsAreWhole() async throws {
        var log = try await open()
        try await log.commit("epoch", level: 2) { group in
            try group.put(1, for: "a")
            try group.put("one", 1.5, for: "b")
        }
        for value in 2...6 { try await log.checkpoint(value, for: "a", level: 2) }
        for round in 0..<2 {
            let group = try #require(try await log.restoreGroup("epoch", level: 2))
            #expect(group.keys == ["a", "b"])
            #expect(try await group.restore(Int.self, for: "a") == 1)
            #expect(try await group.restore(String.self, Double.self, for: "b")?.0 == "one")
            #expect(try await log.restore(Int.self, for: "a", level: 2) == 6)
            guard round == 0 else { break }
            try await log.close()
            log = try await open()
            try await log.compact()
        }
        try await log.removeCheckpoint(for: "a", level: 2)
        #expect(try await log.restoreGroup("epoch", level: 2) == nil)
        try await log.close()
        log = try await open()
        #expect(try await log.restoreGroup("epoch", level: 2) == nil)
        try await log.close()
    }

    @Test func badInputIsRefusedBeforeAnythingIsWritten() async throws {
        let log = try await open()
        func code(_ body: () async throws -> Void) async -> CheckpointLogError.Code? {
            do { try await body() } catch { return (error as? CheckpointLogError)?.code }
            return nil
        }
        let before = log.statistics.frameCount
        #expect(await code { try await log.checkpoint(1, for: "") } == .invalidKey)
        let long = CheckpointKey(String(repeating: "k", count: 1_025))
        #expect(await code { try await log.checkpoint(1, for: long) } == .invalidKey)
        #expect(await code { try await log.checkpoint(1, for: "k", level: 0) } == .invalidLevel)
        #expect(await code { try await log.checkpoint(1, for: "k", level: 256) } == .invalidLevel)
        #expect(await code { try await log.commit("empty") { _ in } } == .invalidGroup)
        for key in ["", long] {
            #expect(await code { _ = try await log.restore(Int.self, for: key) } == .invalidKey)
            #expect(await code { _ = try await log.history(for: key) } == .invalidKey)
            #expect(await code { _ = try await log.restoreGroup(key) } == .invalidKey)
            #expect(await code { try await log.removeCheckpoint(for: key) } == .invalidKey)
        }
        #expect(log.statistics.frameCount == before)
        try await log.checkpoint("text", for: "k")
        #expect(await code { _ = try await log.restore(Int.self, for: "k") } == .decodingFailed)
        let path = path
        #expect(await code { _ = try await CheckpointLog.open(at: path) } == .locked)
        try await log.close()
        try await log.close()
        #expect(await code { try await log.checkpoint(1, for: "k") } == .closed)
        #expect(await code { _ = try await log.restore(Int.self, for: "k") } == .closed)
    }

    @Test func aGroupIsFoundAtWhicheverLevelIsNewest() async throws {
        let log = try await open()
        try await log.commit("group", level: 2) { try $0.put(2, for: "k") }
        #expect(try await log.restoreGroup("group")?.level == 2)
        try await log.commit("group", level: 1) { try $0.put(1, for: "k") }
        #expect(try await log.restoreGroup("group")?.level == 1)
        #expect(try await log.restoreGroup("group", level: 2)?.level == 2)
        #expect(try await log.restoreGroup("group", level: 3) == nil)
        try await log.close()
    }

    @Test func aNewLogKeepsByItsDurabilityWhatItIsNotTold() async throws {
        let log = try await open {
            $0.levels = [3: LevelPolicy(durability: .written), 4: LevelPolicy(durability: .synced)]
        }
        for (level, durability, count) in [(1, LevelPolicy.Durability.written, 1), (2, .synced, 2), (3, .written, 1)] {
            #expect(
                try log.policy(for: level) == LevelPolicy(durability: durability, retention: .newest(count)), "\(level)"
            )
        }
        #expect(try log.policy(for: 4) == log.policy(for: 255))
        #expect(throws: CheckpointLogError.self) { try log.policy(for: 256) }
        try await log.close()
    }

    @Test func errorsSayWhereAndWhat() async throws {
        struct Refused: Error {}
        struct Inner: Codable, Sendable {
            func encode(to encoder: any Encoder) throws { throw Refused() }
            init() {}
            init(from decoder: any Decoder) throws { throw Refused() }
        }
        struct Outer: Codable, Sendable {
            var step = 1
            var inner = Inner()
        }
        let log = try await open()
        func message(_ body: () async throws -> Void) async -> String {
            do { try await body() } catch { return error.localizedDescription }
            return ""
        }
        let encoding = await message { try await log.checkpoint(Outer(), for: "outer") }
        #expect(encoding.contains("encodingFailed") && encoding.contains("\"outer\"") && encoding.contains("at inner;"))
        try await log.checkpoint(["a": 1, "b": 2], for: "map")
        let decoding = await message { _ = try await log.restore([Double].self, for: "map") }
        #expect(decoding.contains("a map of 2 entries") && decoding.contains("Array<Double>"))
        let several = await message { _ = try await log.restore(Int.self, String.self, for: "map") }
        #expect(several.contains("(Int, String)"))
        try await log.close()
        let nowhere = await message { _ = try await CheckpointLog.open(at: path + "/no/parent") }
        #expect(nowhere.contains("Create its parent directory first"))
    }

    @Test func readersSeeWhatWasWritten() async throws {
        let log = try await open()
        for index in 0..<3_000 { try log.submit(index, for: "key \(index % 10)") }
        let reader = try await CheckpointLog.openForReading(at: path)
        #expect(try await reader.restore(Int.self, for: "key 9") == 2_999)
        await #expect(throws: CheckpointLogError.self) { try await reader.checkpoint(1, for: "k") }
        try await reader.close()
        try await log.close()
    }
}
