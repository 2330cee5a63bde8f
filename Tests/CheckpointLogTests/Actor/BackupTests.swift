import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// A copy of a log that is being written: all of it, as it was at one moment.
@Suite(.timeLimit(.minutes(5))) struct BackupTests {
    static func configuration(_ disk: any FileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 16 << 10
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(4))
        configuration.levels[3] = LevelPolicy(durability: .memory)
        return configuration
    }

    static func open(
        _ disk: any FileSystem, at path: String = "/log", compacts: Bool = true
    ) async throws -> CheckpointLog {
        var configuration = configuration(disk)
        configuration.compactsAutomatically = compacts
        return try await CheckpointLog.open(at: path, configuration: configuration)
    }

    static let large = SeededGenerator.bytes(30_000, seed: 5)

    /// Of everything that a log can hold.
    static func fill(_ log: CheckpointLog, _ round: Int) async throws {
        for number in 0..<12 {
            try await log.checkpoint(
                number + round, for: "state", level: 2, metadata: ["step": .integer(Int64(number + round))])
            let bytes = [UInt8](repeating: UInt8(number), count: 3_000)
            try await log.checkpoint(bytes, for: CheckpointKey("k\(number % 7)"))
        }
        try await log.checkpoint(large + [UInt8(round)], for: "large")
        try await log.checkpoint(large + [UInt8(round)], for: "large")
        try await log.checkpoint(round, for: "remembered", level: 3)
        try await log.commit("pair", level: 2) { group in
            try group.put(round, for: "left")
            try group.put(large + [UInt8(round)], for: "right")
        }
        try await log.checkpoint(-1, for: "left", level: 2)
        let version = try #require(try await log.history(for: "state", level: 2).last)
        try await log.pin(version.sequenceNumber, of: "state", level: 2)
        try await log.tag(version.sequenceNumber, of: "state", as: "best", level: 2)
        try await log.removeCheckpoint(for: "k0")
    }

    /// What can be asked of a log, as text.
    static func content(_ log: CheckpointLog) async throws -> [String] {
        var content: [String] = []
        for version in try await log.checkpoints() {
            for version in try await log.history(for: version.key, level: version.level) {
                let bytes = try await log.restoreBytes(
                    for: version.key, level: version.level, version: .sequence(version.sequenceNumber))
                content.append(
                    "\(version.key) \(version.level) \(version.sequenceNumber) \(version.date.timeIntervalSince1970) "
                        + "\(version.metadata) \(version.tags) \(version.isPinned) \(bytes?.hashValue ?? 0)")
            }
        }
        let group = try #require(try await log.restoreGroup("pair"))
        let (left, right) = (
            try await group.restore(Int.self, for: "left"), try await group.restore([UInt8].self, for: "right")
        )
        content.append("\(group.sequenceNumber) \(left ?? 0) \(right?.last ?? 0)")
        content.append("\(try log.policy(for: 2))")
        return content
    }

    static func check(_ disk: any FileSystem, at path: FilePath = "/copy", _ label: String = "") async {
        let report = await LogVerifier(directory: path, level: .deep, fileSystem: disk).verify()
        #expect(report.exitCode == 0, "\(label) \(report.findings)")
    }

    @Test(arguments: [true, false]) func aCopyHasAllOfTheLog(links: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 1)
        if !links { disk.fail(.link, with: .improperLink, once: false) }
        let log = try await Self.open(disk, compacts: false)
        try await Self.fill(log, 1)
        let progress = Lock<[BackupProgress]>([])
        let first = try await log.backup(to: "/copy") { step in progress.withLock { $0.append(step) } }
        var expected = try await Self.content(log)
        #expect(first.keptFileCount == 0)
        #expect((first.linkedFileCount > 0) == links && (first.copiedFileCount > 0) != links)
        let steps = progress.withLock { $0 }
        #expect(steps.last?.byteCount == first.byteCount && steps.last?.totalByteCount == first.byteCount)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.byteCount <= $1.byteCount })
        // What the log does from now on is not in the copy.
        try await Self.fill(log, 2)
        try await log.compact()
        await Self.check(disk)
        var copy = try await CheckpointLog.openForReading(at: "/copy", configuration: Self.configuration(disk))
        #expect(try await Self.content(copy) == expected)
        #expect(copy.recoveryReport.possiblyLost == nil && copy.recoveryReport.tornTail == nil)
        try await copy.close()
        // The next one takes what is new.
        try await log.save()
        expected = try await Self.content(log)
        let second = try await log.backup(to: "/copy")
        await Self.check(disk)
        copy = try await CheckpointLog.openForReading(at: "/copy", configuration: Self.configuration(disk))
        #expect(try await Self.content(copy) == expected)
        try await copy.close()
        let third = try await log.backup(to: "/copy")
        #expect(third.keptFileCount >= second.keptFileCount + second.linkedFileCount + second.copiedFileCount)
        #expect(third.copiedFileCount + third.linkedFileCount <= 1)
        try await log.close()
        // The files that the log itself does not need any more went from the copy, too.
        let values = disk.fileNames(in: "/copy").filter { $0.hasSuffix(".val") }
        #expect(values.count <= 3, "\(values)")
        // A copy is a log that can be gone on with.
        let next = try await Self.open(disk, at: "/copy")
        #expect(next.recoveryReport.possiblyLost == nil && next.recoveryReport.orphans.isEmpty)
        #expect(try await Self.content(next) == expected)
        try await next.checkpoint(99, for: "state", level: 2)
        try await next.close()
        await Self.check(disk)
    }

    @Test func whatIsNoBackupOfThisLogIsLeftAlone() async throws {
        let disk = SimulatedFileSystem(seed: 2)
        let log = try await Self.open(disk)
        try await Self.fill(log, 1)
        func refusal(_ path: String, isAtRest: Bool = true) async -> CheckpointLogError? {
            let before = Set(disk.fileNames(in: FilePath(path)))
            let error = await #expect(throws: CheckpointLogError.self) { try await log.backup(to: path) }
            let added = Set(disk.fileNames(in: FilePath(path))).symmetricDifference(before)
            if isAtRest { #expect(added.isEmpty) }
            return error
        }
        try disk.createDirectory("/photos")
        disk.setContents([1, 2, 3], of: "/photos/one.jpg")
        #expect(await refusal("/photos")?.code == .invalidArgument)
        let other = try await Self.open(disk, at: "/other")
        try await other.checkpoint(1, for: "state")
        #expect(await refusal("/other", isAtRest: false)?.code == .locked)
        try await other.close()
        #expect(await refusal("/other")?.code == .invalidArgument)
        #expect(await refusal("/log", isAtRest: false)?.code == .invalidArgument)
        // A copy that has gone on by itself is a log of its own.
        try await log.backup(to: "/copy")
        let copy = try await Self.open(disk, at: "/copy")
        try await copy.checkpoint(1, for: "its own")
        try await copy.close()
        #expect(await refusal("/copy")?.code == .invalidArgument)
        // So is what a stranger's log has left without its manifest.
        try disk.remove("/other/MANIFEST")
        #expect(await refusal("/other")?.code == .invalidArgument)
        #expect(disk.fileNames(in: "/photos") == ["one.jpg"])
        #expect(await refusal("/missing/parent")?.code == .ioFailure)
        let memory = try await CheckpointLog.inMemory()
        let unsupported = await #expect(throws: CheckpointLogError.self) { try await memory.backup(to: "/memory") }
        #expect(unsupported?.code == .unsupported)
        try await memory.close()
        try await log.close()
        let closed = await #expect(throws: CheckpointLogError.self) { try await log.backup(to: "/late") }
        #expect(closed?.code == .closed)
    }

    /// Writers, compaction and the end of large values go on; each copy is one moment all the same.
    @Test(arguments: [false, true]) func aCopyOfALogThatIsBeingWrittenIsOneMoment(byReader: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 3)
        let log = try await Self.open(disk)
        let source =
            byReader ? try await CheckpointLog.openForReading(at: "/log", configuration: Self.configuration(disk)) : log
        let goesOn = Lock(true)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    var round = 0
                    while goesOn.withLock({ $0 }) {
                        round += 1
                        // The second is never ahead of the first, nor the pair divided.
                        try await log.checkpoint(round, for: CheckpointKey("first \(writer)"))
                        try await log.checkpoint(round, for: CheckpointKey("second \(writer)"))
                        try await log.commit(CheckpointKey("pair \(writer)")) { group in
                            try group.put(round, for: CheckpointKey("left \(writer)"))
                            try group.put(round, Self.large, for: CheckpointKey("right \(writer)"))
                        }
                    }
                }
            }
            for copy in 0..<12 {
                try await source.backup(to: copy % 3 == 0 ? "/copy\(copy)" : "/copy")
                let path: FilePath = copy % 3 == 0 ? FilePath("/copy\(copy)") : "/copy"
                await Self.check(disk, at: path)
                let reader = try await CheckpointLog.openForReading(
                    at: path.string, configuration: Self.configuration(disk))
                for writer in 0..<2 {
                    let first = try await reader.restore(Int.self, for: CheckpointKey("first \(writer)")) ?? 0
                    let second = try await reader.restore(Int.self, for: CheckpointKey("second \(writer)")) ?? 0
                    let left = try await reader.restore(Int.self, for: CheckpointKey("left \(writer)")) ?? 0
                    let right = try await reader.restore(Int.self, [UInt8].self, for: CheckpointKey("right \(writer)"))
                    #expect(first - second == 0 || first - second == 1)
                    #expect(second - left == 0 || second - left == 1)
                    #expect(left == right?.0 ?? 0)
                }
                try await reader.close()
            }
            goesOn.withLock { $0 = false }
            try await group.waitForAll()
        }
        if byReader { try await source.close() }
        try await log.close()
    }

    /// A writer keeps the files that its backup is made of until its end; a reader has them open.
    @Test(arguments: [false, true]) func whatIsCopiedStaysUntilTheEnd(byReader: Bool) async throws {
        let disk = SimulatedFileSystem(seed: 4)
        disk.fail(.link, with: .improperLink, once: false)
        let log = try await Self.open(disk)
        for round in 0..<3 { try await Self.fill(log, round) }
        try await log.save()
        let expected = try await Self.content(log)
        @Sendable func files(_ path: FilePath) -> Set<String> {
            Set(disk.fileNames(in: path).filter { name in [".log", ".out", ".val"].contains { name.hasSuffix($0) } })
        }
        let meanwhile = Lock<Set<String>?>(nil)
        let source =
            byReader ? try await CheckpointLog.openForReading(at: "/log", configuration: Self.configuration(disk)) : log
        try await source.backup(to: "/copy") { _ in
            guard meanwhile.withLock({ $0 == nil }) else { return }
            do {
                for key in try log.engine.keys(level: nil, prefix: "") {
                    for level in 1...2 { try log.submit(0, for: key, level: level) }
                }
                try log.saveBlocking()
                let maintenance = try log.engine.requireWriter().maintenance
                try maintenance.freeValues()
                try maintenance.compact(fully: true)
            } catch {
                Issue.record(error)
            }
            meanwhile.withLock { $0 = files("/log") }
        }
        await Self.check(disk)
        let copy = try await CheckpointLog.openForReading(at: "/copy", configuration: Self.configuration(disk))
        #expect(try await Self.content(copy) == expected)
        try await copy.close()
        // What is not sealed has another name in a reader's copy.
        let copied = files("/copy").filter { !$0.hasPrefix("8") }
        #expect(copied.contains { $0.hasSuffix(".val") })
        #expect(try #require(meanwhile.withLock { $0 }).isSuperset(of: copied) != byReader)
        if byReader { try await source.close() }
        #expect(log.statistics.heldByteCount == 0)
        #expect(!files("/log").isSuperset(of: copied))
        try await log.close()
    }

    /// A writer that frees a value before each look at its file changes no manifest, and is still at work.
    @Test func aReaderCopiesBesideAWriterThatFreesValues() async throws {
        let disk = SimulatedFileSystem(seed: 8)
        var configuration = Self.configuration(disk)
        configuration.runsInline = true
        configuration.deadValueByteLimit = 0
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        try await log.checkpoint(Self.large, for: "large")
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: configuration)
        let left = Lock(24)
        let engine = log.engine
        disk.observe { call in
            guard call.operation == .open, call.path.extension == "val", call.path.string.hasPrefix("/log/"),
                left.withLock({ left in
                    left -= 1
                    return left > 0
                })
            else { return }
            for number in 0..<4 {
                _ = try? engine.append(
                    Self.large + [UInt8(number)], engine.attributes(1).adding(.raw), key: CheckpointKey("large"))
            }
        }
        try await reader.backup(to: "/copy")
        disk.observe(nil)
        #expect(left.withLock { $0 } < 0)
        try await reader.close()
        try await log.close()
        await Self.check(disk)
    }

    /// Before anybody has opened the log for writing again, a copy goes without what a power cut took and nobody wants.
    @Test func aLogIsCopiedAsAPowerCutLeftIt() async throws {
        let disk = SimulatedFileSystem(seed: 6)
        let log = try await Self.open(disk)
        try await log.checkpoint(Self.large, for: "large")
        try await log.checkpoint(Self.large + [1], for: "large")
        try await log.checkpoint(Self.large + [2], for: "large")
        try await log.save()
        let image = disk.crashImage(.syncedOnly, boot: .another)
        log.engine.abandon()
        let values = image.fileNames(in: "/log").filter { $0.hasSuffix(".val") }.sorted()
        // Nothing had to make the two that were superseded durable, nor their names.
        for name in values.dropLast() { #expect(image.removeFile(FilePath("/log").appending(name))) }
        #expect(values.count == 3)
        let reader = try await CheckpointLog.openForReading(at: "/log", configuration: Self.configuration(image))
        try await reader.backup(to: "/copy")
        try await reader.close()
        await Self.check(image)
        let copy = try await Self.open(image, at: "/copy")
        #expect(try await copy.restore([UInt8].self, for: "large") == Self.large + [2])
        try await copy.close()
        await Self.check(image)
    }

    /// On a real disk: files with two names, and the log goes on without a change to them.
    @Test func aRealDiskIsCopiedTo() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        let copy = directory.path.appending("copy").string
        let log = try await Self.open(POSIXFileSystem.shared, at: path)
        try await Self.fill(log, 1)
        let report = try await log.backup(to: copy)
        #expect(report.linkedFileCount + report.copiedFileCount > 0)
        let expected = try await Self.content(log)
        try await Self.fill(log, 2)
        try await log.compact()
        try await log.close()
        await Self.check(POSIXFileSystem.shared, at: FilePath(copy))
        let restored = try await Self.open(POSIXFileSystem.shared, at: copy)
        #expect(try await Self.content(restored) == expected)
        try await restored.close()
        await Self.check(POSIXFileSystem.shared, at: FilePath(path))
    }
}

extension SeededGenerator {
    fileprivate static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }
}
