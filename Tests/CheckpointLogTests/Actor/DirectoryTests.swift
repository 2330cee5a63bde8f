#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A log lives in the directory that it locked: moved, linked, removed, copied, and open in two processes.
@Suite struct DirectoryTests {
    static func configuration(_ fileSystem: any FileSystem, seed: UInt64 = 1) -> Configuration {
        var configuration = SpecimenLog.configuration(SimulatedFileSystem())
        configuration.fileSystem = fileSystem
        configuration.randomSeed = seed
        return configuration
    }

    /// A program's whole life with a log, step by step, so that two can go on in turn: rolls, values in files of their
    /// own, a compaction.
    struct Run {
        let owner: UInt64
        let engine: LogEngine

        init(_ owner: UInt64, at path: FilePath, _ fileSystem: any FileSystem) throws {
            self.owner = owner
            engine = try LogEngine.open(at: path, DirectoryTests.configuration(fileSystem, seed: owner))
        }

        func take(_ steps: Range<Int>) throws {
            for step in steps {
                let bytes = NumberedBytes.bytes(step * 10 + Int(owner), count: step % 50 == 0 ? 10_000 : 500)
                _ = try engine.append(bytes, PowerLossTests.content(), key: CheckpointKey("\(step % 7)"))
                if step % 40 == 39 { try engine.requireWriter().maintenance.compact(fully: true) }
            }
        }

        /// Everything is in the log at `path`, by an opening of its own and to the verifier.
        func expectWhole(
            at path: FilePath, _ fileSystem: any FileSystem, through last: Int, hasTail: Bool = false
        ) throws {
            let report = LogVerifier(directory: path, level: .deep, fileSystem: fileSystem).run()
            let findings = report.findings.filter { !hasTail || $0.severity != .tornTail }
            #expect(findings.isEmpty, "\(owner): \(findings)")
            let again = try LogEngine.open(at: path, DirectoryTests.configuration(fileSystem))
            let found = try (0..<7).map { key in
                try unsafe again.withContent(level: 1, key: CheckpointKey("\(key)")) { unsafe Array($1) }
                    .flatMap(NumberedBytes.number)
            }
            try again.close()
            let steps = (0..<7).map { key in (0...last).last { $0 % 7 == key }.map { $0 * 10 + Int(owner) } }
            #expect(found == steps, "\(owner)")
        }
    }

    @Test(arguments: TestDisk.allCases) func aLogThatIsMovedGoesOnWhereItIs(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let first = try Run(1, at: volume("log"), volume.fileSystem)
        try first.take(0..<100)
        let reader = try LogEngine.openForReading(
            at: volume("log"), Self.configuration(volume.fileSystem), isSalvage: false)
        defer { reader.abandon() }
        try volume.move("log", to: "log.old")
        let second = try Run(2, at: volume("log"), volume.fileSystem)
        for start in stride(from: 100, to: 300, by: 10) {
            try second.take(start - 100..<start - 90)
            try first.take(start..<start + 10)
        }
        let seen = try unsafe reader.withContent(level: 1, key: "\(299 % 7)") { unsafe Array($1) }
        #expect(seen.flatMap(NumberedBytes.number) == 2_991)
        try first.engine.close()
        try second.engine.close()
        try first.expectWhole(at: volume("log.old"), volume.fileSystem, through: 299)
        try second.expectWhole(at: volume("log"), volume.fileSystem, through: 199)
    }

    /// In a process of its own, whose directory can be changed.
    @Test func aRelativePathAndALinkAreFollowedOnce() async {
        await #expect(processExitsWith: .success) { try DirectoryTests.followLinkAndPath() }
    }

    static func followLinkAndPath() throws {
        let place = try TemporaryDirectory()
        let (files, disk) = (FileManager.default, POSIXFileSystem.shared)
        for name in ["one", "two"] { try disk.createDirectory(place.path.appending(name)) }
        let link = place.path.appending("current").string
        try files.createSymbolicLink(atPath: link, withDestinationPath: "one")
        let first = try Run(1, at: FilePath(link).appending("log"), disk)
        try first.take(0..<50)
        try files.removeItem(atPath: link)
        try files.createSymbolicLink(atPath: link, withDestinationPath: "two")
        #expect(files.changeCurrentDirectoryPath(place.path.appending("two").string))
        let second = try Run(2, at: "log", disk)
        #expect(disk.absolute("log") == FilePath(files.currentDirectoryPath).appending("log"))
        #expect(files.changeCurrentDirectoryPath("/"))
        for start in stride(from: 50, to: 200, by: 10) {
            try second.take(start - 50..<start - 40)
            try first.take(start..<start + 10)
        }
        try first.engine.close()
        try second.engine.close()
        try first.expectWhole(at: place.path.appending("one").appending("log"), disk, through: 199)
        try second.expectWhole(at: place.path.appending("two").appending("log"), disk, through: 149)
    }

    /// What was done to the directory, and whether the LOCK is another file afterwards.
    enum Removal: CaseIterable {
        case ofDirectory, ofLock, replacementOfLock

        func carryOut(_ volume: TestDisk.Volume) throws {
            if self == .ofDirectory { return volume.removeTree("log") }
            let directory = try volume.fileSystem.openDirectory(volume("log"))
            try directory.remove("LOCK")
            if self == .replacementOfLock { _ = try directory.openFile("LOCK", .create) }
        }
    }

    @Test(arguments: TestDisk.allCases, Removal.allCases)
    func nothingCountsAnyMoreWhereTheLockIsGone(_ disk: TestDisk, _ removal: Removal) throws {
        for isCompaction in [false, true] {
            let volume = try disk.makeVolume()
            let run = try Run(1, at: volume("log"), volume.fileSystem)
            try run.take(0..<100)
            for number in 0..<300 {
                _ = try run.engine.append(NumberedBytes.bytes(number, count: 500), PowerLossTests.content(), key: "k")
            }
            let writer = try run.engine.requireWriter()
            try writer.maintenance.sealAll()
            try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            let manifest = try volume.fileSystem.openFile(volume("log").appending("MANIFEST"), .read)
            let bytes = try manifest.allBytes()
            try removal.carryOut(volume)
            let refused = #expect(throws: CheckpointLogError.self) {
                if isCompaction {
                    try writer.maintenance.compact(fully: true)
                } else {
                    _ = try run.engine.append([1], PowerLossTests.content(), key: "k")
                    try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
                }
            }
            #expect(refused?.code == .writerFailed, "\(refused?.message ?? "")")
            let cause = refused?.message.contains("LOCK") == true
            #expect(cause || "\(String(describing: refused?.cause))".contains("LOCK"), "\(String(describing: refused))")
            let next = #expect(throws: CheckpointLogError.self) {
                _ = try run.engine.append([2], PowerLossTests.content(), key: "k")
                try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
            }
            #expect(next?.code == .writerFailed, "\(next?.message ?? "")")
            let closing = #expect(throws: CheckpointLogError.self) { try run.engine.close() }
            #expect(closing?.code == .writerFailed, "\(closing?.message ?? "")")
            if removal != .ofDirectory {
                let now = try volume.fileSystem.openFile(volume("log").appending("MANIFEST"), .read).allBytes()
                #expect(now == bytes, "the manifest of whoever holds the lock now was replaced")
            }
        }
    }

    @Test(arguments: TestDisk.allCases) func aReaderOfADirectoryThatIsRemovedIsTold(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let run = try Run(1, at: volume("log"), volume.fileSystem)
        try run.take(0..<30)
        try run.engine.close()
        let reader = try LogEngine.openForReading(
            at: volume("log"), Self.configuration(volume.fileSystem), isSalvage: false)
        defer { reader.abandon() }
        volume.removeTree("log")
        let error = #expect(throws: CheckpointLogError.self) { try reader.refresh() }
        #expect(error?.code == .notALog)
    }

    @Test func aChildIsTheLogThatIsAtItsPathNow() async throws {
        let volume = try TestDisk.posix.makeVolume()
        var configuration = Configuration()
        configuration.rank = 2
        let parent = try await CheckpointLog.open(at: volume("parent").string, configuration: configuration)
        try await parent.register(directory: volume("log").string, name: "C")
        for number in 1...3 {
            let child = try await CheckpointLog.open(at: volume("log").string)
            try await child.checkpoint(number, for: "k")
            try await child.close()
            try await parent.update()
            #expect(try await parent.restore(Int.self, for: "k", level: 2, origin: "C") == number)
            try volume.move("log", to: "log.\(number)")
        }
        await #expect(throws: CheckpointLogError.self) { try await parent.update() }
        #expect(try await parent.restore(Int.self, for: "k", level: 2, origin: "C") == 3)
        try await parent.close()
    }

    /// In a process of its own, whose directory can be changed.
    @Test func aChildsRelativePathIsTakenFromWhereItWasGiven() async {
        await #expect(processExitsWith: .success) { try await DirectoryTests.registerByRelativePath() }
    }

    static func registerByRelativePath() async throws {
        let volume = try TestDisk.posix.makeVolume()
        let files = FileManager.default
        #expect(files.changeCurrentDirectoryPath(volume("log").removingLastComponent().string))
        let child = try await CheckpointLog.open(at: "log")
        try await child.checkpoint(7, for: "k")
        try await child.close()
        var configuration = Configuration()
        configuration.rank = 2
        let parent = try await CheckpointLog.open(at: "parent", configuration: configuration)
        try await parent.register(directory: "log", name: "C")
        #expect(files.changeCurrentDirectoryPath("/"))
        try await parent.update()
        #expect(try await parent.restore(Int.self, for: "k", level: 2, origin: "C") == 7)
        try await parent.close()
    }

    /// In a process of its own: a fork copies what is there, and nothing may wait for a thread that is not.
    @Test func aChildOfAForkIsRefusedAndItsParentGoesOn() async {
        await #expect(processExitsWith: .success) { try DirectoryTests.fork() }
    }

    static func fork() throws {
        typealias Fork = @convention(c) () -> Int32
        // Not offered to Swift, since threads end with it.
        let symbol = unsafe try #require(dlsym(dlopen(nil, RTLD_NOW), "fork"))
        let fork = unsafe unsafeBitCast(symbol, to: Fork.self)
        let place = try TemporaryDirectory()
        let path = place.path.appending("log")
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        let log = try CheckpointLog.openBlocking(at: path.string, configuration: configuration)
        let receipt = try log.submit(0, for: "before")
        try receipt.waitBlocking(for: .written)
        let unsynced = try log.submit(1, for: "unsynced")
        let child = fork()
        if child == 0 {
            // What waits for a thread that is not there ends the process, and the test is told. A worker thread blocks
            // the signal.
            var signals = sigset_t()
            unsafe sigemptyset(&signals)
            unsafe pthread_sigmask(SIG_SETMASK, &signals, nil)
            alarm(20)
            func isRefused(_ body: () throws -> Void) -> Bool {
                do { try body() } catch { return (error as? CheckpointLogError)?.code == .writerFailed }
                return false
            }
            let refusals = [
                isRefused { for number in 0..<10 { try log.submit(number, for: "child") } },
                isRefused { try log.submit(1, for: "child", level: 2) },
                isRefused { try unsynced.waitBlocking(for: .synced) },
                isRefused { try log.closeBlocking() },
            ]
            log.engine.abandon()
            _exit(refusals.firstIndex(of: false).map { Int32($0 + 1) } ?? 0)
        }
        for number in 0..<200 { try log.submit(number, for: CheckpointKey("parent \(number)")) }
        var status: Int32 = -1
        unsafe waitpid(child, &status, 0)
        #expect(status == 0, "the child ended with \(status >> 8), by signal \(status & 0x7F)")
        for number in 200..<400 { try log.submit(number, for: CheckpointKey("parent \(number)"), level: 2) }
        try log.saveBlocking()
        try log.closeBlocking()
        #expect(LogVerifier(directory: path.string, level: .deep).verifyBlocking().findings.isEmpty)
        let again = try CheckpointLog.openForReadingBlocking(at: path.string)
        for number in 0..<400 {
            let found = try again.restoreBlocking(
                Int.self, for: CheckpointKey("parent \(number)"), level: number < 200 ? 1 : 2)
            #expect(found == number)
        }
        #expect(try again.restoreBlocking(Int.self, for: "child") == nil)
        #expect(try again.restoreBlocking(Int.self, for: "before") == 0)
        try again.closeBlocking()
    }

    /// `cp -al`: files of the backup and of the log are the same ones.
    @Test(arguments: [true, false]) func aBackupOfHardLinksStaysAsItWas(isClosed: Bool) throws {
        let volume = try TestDisk.posix.makeVolume()
        let run = try Run(1, at: volume("log"), volume.fileSystem)
        try run.take(0..<100)
        if isClosed { try run.engine.close() } else { run.engine.abandon() }
        try volume.fileSystem.createDirectory(volume("backup"))
        let names = try volume.fileSystem.entries(of: volume("log")).map(\.name)
        for name in names {
            let (source, link) = (volume("log").appending(name).string, volume("backup").appending(name).string)
            try FileManager.default.linkItem(atPath: source, toPath: link)
        }
        func contents() throws -> [String: [UInt8]] {
            let kept = names.filter { $0 != "LOCK" && (isClosed || !$0.hasSuffix(".log")) }
            return Dictionary(
                uniqueKeysWithValues: try kept.map {
                    ($0, try volume.fileSystem.openFile(volume("backup").appending($0), .read).allBytes())
                })
        }
        let before = try contents()
        for round in 0..<3 {
            let next = try Run(1, at: volume("log"), volume.fileSystem)
            try next.take(100 + round * 50..<150 + round * 50)
            try next.engine.close()
        }
        let changed = try contents().filter { before[$0.key] != $0.value }.keys.sorted()
        #expect(changed.isEmpty)
        // A tail that was not sealed yet is, by the log's next opening, and that is in the backup, too.
        try run.expectWhole(at: volume("backup"), volume.fileSystem, through: 99, hasTail: !isClosed)
    }

    @Test func storesAreMappedOnlyWhereTheyCannotNeedABlock() {
        let ext4: Int64 = 0xEF53
        let tmpfs: Int64 = 0x0102_1994
        for type in [ext4, tmpfs] { #expect(POSIXFileSystem.canMap(onSystemOfType: type)) }
        // XFS, Btrfs, ZFS, overlayfs, NFS, FUSE, bcachefs, unknown.
        let others: [Int64] = [
            0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0x794C_7630, 0x6969, 0x6573_5546, 0xCA45_1A4E, 0,
        ]
        for type in others { #expect(!POSIXFileSystem.canMap(onSystemOfType: type), "\(type)") }
    }

    @Test(arguments: ["", "\0", "cut\0log"])
    func aPathThatTheSystemWouldNotTakeWholeIsRefused(name: String) async throws {
        let place = try TemporaryDirectory()
        let path = name.isEmpty ? "" : place.path.string + "/" + name
        func code(_ body: () async throws -> Void) async -> CheckpointLogError.Code? {
            do { try await body() } catch { return (error as? CheckpointLogError)?.code }
            return nil
        }
        #expect(await code { _ = try await CheckpointLog.open(at: path) } == .invalidArgument)
        #expect(await code { _ = try await CheckpointLog.openForReading(at: path) } == .invalidArgument)
        var configuration = Configuration()
        configuration.rank = 2
        let log = try await CheckpointLog.inMemory(configuration: configuration)
        #expect(await code { try await log.register(directory: path, name: "c") } == .invalidArgument)
        #expect(await code { _ = try await log.load(from: path) } == .invalidArgument)
        try await log.close()
        #expect(await LogVerifier(directory: path).verify().exitCode == 5)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path.string).isEmpty)
    }

    @Test func aPathThatIsNotThereSaysWhatToDo() async throws {
        for (path, advice) in [("~/log", "is not expanded"), ("/no such place/log", "Create its parent directory")] {
            do {
                _ = try await CheckpointLog.open(at: path)
                Issue.record("opened \(path)")
            } catch let error as CheckpointLogError {
                #expect(error.message.contains(advice), "\(error.message)")
            }
        }
    }
}
