import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A directory that is put back from a backup gives numbers once more: who has known the log as it was is told, or
/// begins anew, and never takes one history for the other.
@Suite struct PutBackTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func path(_ name: String) -> String { directory.path.appending(name).string }

    func configuration(_ name: String, rank: Int = 1) -> Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 1 << 20
        configuration.name = name
        configuration.rank = rank
        return configuration
    }

    func open(_ name: String, rank: Int = 1) async throws -> CheckpointLog {
        try await CheckpointLog.open(at: path(name), configuration: configuration(name, rank: rank))
    }

    /// Makes the log `name` hold 1 under "k", keeps a copy of it, and goes on to 2.
    func makeBackup(of name: String) async throws {
        var log = try await open(name)
        try await log.checkpoint(1, for: "k")
        try await log.close()
        try FileManager.default.copyItem(atPath: path(name), toPath: path("backup"))
        log = try await open(name)
        try await log.checkpoint(2, for: "k")
        try await log.checkpoint(2, for: "only later")
        try await log.close()
    }

    /// The files of the backup in the directory that is there, as a restore tool puts them.
    func putBack(_ name: String) throws {
        let files = FileManager.default
        for file in try files.contentsOfDirectory(atPath: path(name)) {
            try files.removeItem(atPath: path(name) + "/" + file)
        }
        for file in try files.contentsOfDirectory(atPath: path("backup")) {
            try files.copyItem(atPath: path("backup") + "/" + file, toPath: path(name) + "/" + file)
        }
    }

    @Test func aReaderBeginsAnew() async throws {
        try await makeBackup(of: "log")
        let reader = try await CheckpointLog.openForReading(at: path("log"))
        #expect(try await reader.restore(Int.self, for: "k") == 2)
        try putBack("log")
        #expect(try await reader.restore(Int.self, for: "k") == 1)
        #expect(try await reader.restore(Int.self, for: "only later") == nil)
        #expect(try await reader.history(for: "k").count == 1)
        // The same numbers, lengths and places as those that the reader has known.
        let log = try await open("log")
        try await log.checkpoint(3, for: "k")
        #expect(try await reader.restore(Int.self, for: "k") == 3)
        try await log.close()
        #expect(try await reader.restore(Int.self, for: "k") == 3)
        #expect(try await reader.checkpoints().map(\.key) == ["k"])
        try await reader.close()
    }

    /// Without a look in between, when everything that stands in numbers is as it was.
    @Test func aReaderThatDidNotLookBeginsAnew() async throws {
        try await makeBackup(of: "log")
        let reader = try await CheckpointLog.openForReading(at: path("log"))
        #expect(try await reader.restore(Int.self, for: "k") == 2)
        try putBack("log")
        let log = try await open("log")
        try await log.checkpoint(3, for: "k")
        try await log.checkpoint(3, for: "other later")
        try await log.close()
        #expect(try await reader.restore(Int.self, for: "k") == 3)
        #expect(try await reader.restore(Int.self, for: "only later") == nil)
        #expect(try await reader.restore(Int.self, for: "other later") == 3)
        try await reader.close()
    }

    /// Openings come and go, more of them than a manifest names.
    @Test func aReaderStaysWithALogThatIsOpenedOften() async throws {
        try await makeBackup(of: "log")
        let reader = try await CheckpointLog.openForReading(at: path("log"))
        for turn in [1, 2, Manifest.openingLimit, Manifest.openingLimit + 1] {
            for _ in 0..<turn {
                let log = try await open("log")
                try await log.checkpoint(turn, for: "k")
                try await log.close()
            }
            #expect(try await reader.restore(Int.self, for: "k") == turn)
            #expect(try await reader.restore(Int.self, for: "only later") == 2)
        }
        try await reader.close()
    }

    /// Both ways that a parent knows its child.
    @Test(arguments: ["registered", "directory"]) func aParentIsToldAndTakesWhatIsThere(_ way: String) async throws {
        let told = Lock<[CheckpointLogError.Code]>([])
        var settings = configuration("parent", rank: 2)
        settings.onBackgroundFailure = { error in
            told.withLock { $0.append((error as? CheckpointLogError)?.code ?? .unsupported) }
        }
        let parent = try await CheckpointLog.open(at: path("parent"), configuration: settings)
        try await makeBackup(of: "child")
        func update() async throws {
            if way == "directory" { return try await parent.update() }
            let child = try await open("child")
            try await parent.register(child)
            try await parent.update()
            try await parent.deregister("child")
            try await child.close()
        }
        if way == "directory" { try await parent.register(directory: path("child"), name: "child") }
        try await update()
        #expect(try await parent.restore(Int.self, for: "k", origin: "child") == 2)
        #expect(told.withLock { $0 }.isEmpty)

        try putBack("child")
        let child = try await open("child")
        try await child.checkpoint(3, for: "new")
        try await child.close()
        try await update()
        #expect(told.withLock { $0 } == [.wentBack])
        #expect(try await parent.restore(Int.self, for: "k", origin: "child") == 1)
        #expect(try await parent.restore(Int.self, for: "new", origin: "child") == 3)
        #expect(try await parent.restore(Int.self, for: "only later", origin: "child") == 2)

        // Once is enough, and nothing is taken twice.
        let count = parent.statistics.recordCount
        try await update()
        #expect(told.withLock { $0 } == [.wentBack])
        #expect(parent.statistics.recordCount == count)
        try await parent.close()
    }

    /// A child that has nothing to take says once that it went back.
    @Test func aChildThatIsEmptyNowIsReportedOnce() async throws {
        try await open("child").close()
        try FileManager.default.copyItem(atPath: path("child"), toPath: path("backup"))
        var child = try await open("child")
        try await child.checkpoint(1, for: "k")
        let parent = try await open("parent", rank: 2)
        try await parent.register(child)
        try await parent.update()
        try await parent.deregister("child")
        try await child.close()
        try putBack("child")
        child = try await open("child")
        try await parent.register(child)
        for _ in 0..<2 { try await parent.update() }
        #expect(parent.statistics.backgroundFailureCount == 1)
        #expect(try await parent.restore(Int.self, for: "k", origin: "child") == 1)
        try await child.checkpoint(2, for: "k")
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "k", origin: "child") == 2)
        try await child.close()
        try await parent.close()
    }

    /// A snapshot of the index that another history left behind, where a backup was copied over a directory.
    @Test func aSnapshotOfAnotherHistoryIsNotUsed() throws {
        let disk = SimulatedFileSystem(seed: 14)
        func put(_ values: ClosedRange<UInt8>, keys: String) throws {
            var configuration = Configuration()
            configuration.fileSystem = disk
            configuration.runsInline = true
            configuration.compactsAutomatically = false
            configuration.segmentByteLimit = 64 << 10
            configuration.snapshotByteCount = 0
            let engine = try LogEngine.open(at: "/log", configuration)
            for value in values {
                _ = try engine.append([value], try engine.attributes(1), key: CheckpointKey("\(keys) \(value)"))
            }
            if keys == "removed" { _ = try engine.appendRemovalOfAll(Level(validating: 1)) }
            try engine.close()
        }
        func contents() -> [String: [UInt8]] {
            disk.fileNames(in: "/log").reduce(into: [:]) { $0[$1] = disk.contents(of: FilePath("/log").appending($1)) }
        }
        try put(1...2, keys: "kept")
        let backup = contents()
        try put(3...4, keys: "removed")
        let snapshot = try #require(contents()["SNAPSHOT"])
        for name in contents().keys where backup[name] == nil { disk.removeFile(FilePath("/log").appending(name)) }
        for (name, bytes) in backup { disk.setContents(bytes, of: FilePath("/log").appending(name)) }
        for turn in UInt8(5)...8 {
            disk.setContents(snapshot, of: "/log/SNAPSHOT")
            try put(turn...turn, keys: "kept")
            disk.setContents(snapshot, of: "/log/SNAPSHOT")
            let reader = try LogEngine.openForReading(at: "/log", SpecimenLog.configuration(disk), isSalvage: false)
            #expect(!reader.report.usedSnapshot)
            #expect(try reader.newest(RecordQuery(key: "kept 1", level: 1)) != nil)
            #expect(try reader.newest(RecordQuery(key: "kept \(turn)", level: 1)) != nil)
            try reader.close()
        }
    }
}
