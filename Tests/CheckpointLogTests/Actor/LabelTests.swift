import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Pins and tags: versions that are kept for good, and found by a name.
@Suite struct LabelTests {
    let disk = SimulatedFileSystem(seed: 51)

    static func open(_ disk: SimulatedFileSystem, keep: Int = 2) async throws -> CheckpointLog {
        try await VersionRemovalTests.open(disk, keep: keep)
    }

    func take(_ log: CheckpointLog, _ range: ClosedRange<Int>, level: Int = 2) async throws -> [Int: SequenceNumber] {
        var numbers: [Int: SequenceNumber] = [:]
        for value in range {
            numbers[value] = try await log.checkpoint(value, for: "key", level: level).sequenceNumber
        }
        return numbers
    }

    /// The versions that are listed, with their labels, and that restore as what they were taken of.
    func listed(_ log: CheckpointLog, level: Int = 2) async throws -> [String] {
        var listed: [String] = []
        for version in try await log.history(for: "key", level: level) {
            let value = try await log.restore(
                Int.self, for: "key", level: level, version: .sequence(version.sequenceNumber))
            let labels = (version.isPinned ? ["!"] : []) + version.tags
            listed.append("\(try #require(value))\(labels.joined(separator: ","))")
            for tag in version.tags {
                #expect(try await log.restore(Int.self, for: "key", level: level, version: .tag(tag)) == value)
            }
        }
        return listed
    }

    func findings(_ disk: SimulatedFileSystem) async -> [VerificationFinding] { await FreedValueTests.findings(disk) }

    /// At once, to readers, and after every kind of ending, with a snapshot of the index and without.
    @Test func whatHasALabelIsKept() async throws {
        let log = try await Self.open(disk)
        let reader = try await CheckpointLog.openForReading(
            at: SpecimenLog.path.string, configuration: VersionRemovalTests.configuration(disk))
        var numbers = try await take(log, 1...2)
        #expect(try await log.pin(try #require(numbers[1]), of: "key"))
        #expect(try await log.tag(try #require(numbers[2]), of: "key", as: "best", level: 2))
        #expect(try await log.tag(try #require(numbers[2]), of: "key", as: "ähnlich", level: 2))
        #expect(try await listed(reader) == ["2best,ähnlich", "1!"])
        numbers.merge(try await take(log, 3...20)) { $1 }
        let kept = ["20", "19", "2best,ähnlich", "1!"]
        #expect(try await listed(log) == kept)
        #expect(try await listed(reader) == kept)
        try await log.compact()
        #expect(try await listed(reader) == kept)
        let images = [disk.crashImage(.everything, boot: .same), disk.crashImage(.syncedOnly, boot: .another)]
        try await log.close()
        for image in images + [disk] {
            #expect(await findings(image).isEmpty)
            for turn in 0..<4 {
                if turn == 2 { image.removeFile(SpecimenLog.path.appending("SNAPSHOT")) }
                let again = try await Self.open(image)
                #expect(try await listed(again) == kept, "turn \(turn)")
                if turn == 1 { try await again.compact() }
                #expect(try await listed(again) == kept, "turn \(turn), compacted")
                try await again.close()
            }
            #expect(await findings(image).isEmpty)
        }
    }

    @Test func aTagMovesAndALabelCanBeTakenAway() async throws {
        var log = try await Self.open(disk, keep: 1)
        let one = try await log.checkpoint(1, for: "key", level: 2).sequenceNumber
        try await log.tag(one, of: "key", as: "best")
        try await log.pin(one, of: "key")
        #expect(try await log.pin(one, of: "key"))
        let two = try await log.checkpoint(2, for: "key", level: 2).sequenceNumber
        #expect(try await listed(log) == ["2", "1!,best"])
        #expect(try await log.unpin(one, of: "key"))
        #expect(try await !log.unpin(one, of: "key"))
        #expect(try await listed(log) == ["2", "1best"])
        try await log.tag(two, of: "key", as: "best")
        #expect(try await listed(log) == ["2best"])
        #expect(try await log.restore(Int.self, for: "key", version: .sequence(one)) == nil)
        #expect(try await log.removeTag("best", of: "key"))
        #expect(try await !log.removeTag("best", of: "key"))
        #expect(try await log.restore(Int.self, for: "key", version: .tag("best")) == nil)
        for _ in 0..<3 {
            #expect(try await listed(log) == ["2"])
            try await log.close()
            log = try await Self.open(disk, keep: 1)
            try await log.compact()
        }
        // Nothing is left of it all.
        #expect(try log.engine.requireWriter().manifest.current.segments.reduce(0) { $0 + $1.entryCount } == 1)
        try await log.close()
    }

    /// Removals end labels: of the version, of the key, of everything.
    @Test(arguments: 0..<4) func aRemovalEndsIt(how: Int) async throws {
        var log = try await Self.open(disk, keep: 1)
        let numbers = try await take(log, 1...1)
        try await log.pin(try #require(numbers[1]), of: "key")
        try await log.tag(try #require(numbers[1]), of: "key", as: "first")
        _ = try await take(log, 2...3)
        switch how {
        case 0: #expect(try await log.removeVersion(try #require(numbers[1]), of: "key"))
        case 1: try await log.removeCheckpoint(for: "key")
        case 2: try await log.removeAllCheckpoints(level: 2)
        default: try await log.removeAllCheckpoints()
        }
        let left = how == 0 ? ["3"] : []
        for turn in 0..<3 {
            #expect(try await listed(log) == left, "turn \(turn)")
            #expect(try await log.restore(Int.self, for: "key", version: .tag("first")) == nil)
            if turn == 1 { try await log.compact() }
            try await log.close()
            #expect(await findings(disk).isEmpty)
            log = try await Self.open(disk, keep: 1)
        }
        // A new life of the key has labels of its own.
        let number = try await log.checkpoint(9, for: "key", level: 2).sequenceNumber
        try await log.tag(number, of: "key", as: "first")
        #expect(try await listed(log).first == "9first")
        try await log.close()
    }

    /// Where everything newer was removed, the version that a label keeps is the newest.
    @Test func aLabelledVersionCanBeTheNewest() async throws {
        var log = try await Self.open(disk, keep: 1)
        let numbers = try await take(log, 1...3)
        #expect(try await !log.pin(try #require(numbers[1]), of: "key"))
        try await log.pin(try #require(numbers[3]), of: "key")
        let last = try await log.checkpoint(4, for: "key", level: 2).sequenceNumber
        try await log.removeVersion(last, of: "key")
        for _ in 0..<2 {
            #expect(try await log.restore(Int.self, for: "key") == 3)
            #expect(try await log.checkpoints().map(\.isPinned) == [true])
            try await log.close()
            log = try await Self.open(disk, keep: 1)
        }
        try await log.close()
    }

    /// The file of a large value stays as long as a label keeps it, and an age does not end it.
    @Test func aLargeValueIsKept() async throws {
        let time = Lock<Int64>(1_700_000_000_000_000)
        var configuration = VersionRemovalTests.configuration(disk)
        configuration.levels[2] = LevelPolicy(
            durability: .synced, retention: .newest(2).younger(than: .seconds(10)))
        configuration.now = { time.withLock { $0 } }
        var log = try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration)
        func bytes(_ value: Int) -> [UInt8] { NumberedBytes.bytes(value, count: 40_000) }
        let first = try await log.checkpoint(bytes: bytes(1), for: "large", level: 2).sequenceNumber
        try await log.pin(first, of: "large")
        for value in 2...4 { try await log.checkpoint(bytes: bytes(value), for: "large", level: 2) }
        time.withLock { $0 += 100_000_000 }
        try await log.close()
        log = try await CheckpointLog.open(at: SpecimenLog.path.string, configuration: configuration)
        try await log.compact()
        #expect(try await log.restoreBytes(for: "large", version: .sequence(first)) == bytes(1))
        #expect(try await log.history(for: "large").count == 2)
        #expect(FreedValueTests.values(disk).count == 2)
        try await log.unpin(first, of: "large")
        try await log.compact()
        #expect(FreedValueTests.values(disk).count == 1)
        try await log.close()
        #expect(await findings(disk).isEmpty)
    }

    @Test func aVersionOfTheMemoryLevelIsWrittenFirst() async throws {
        var log = try await Self.open(disk)
        let numbers = try await take(log, 1...1, level: 3)
        #expect(try await log.tag(try #require(numbers[1]), of: "key", as: "first"))
        _ = try await take(log, 2...3, level: 3)
        #expect(try await listed(log, level: 3) == ["3", "1first"])
        try await log.close()
        log = try await Self.open(disk)
        #expect(try await listed(log, level: 3) == ["3", "1first"])
        try await log.close()
    }

    @Test func whatCannotBeIsRefused() async throws {
        let log = try await Self.open(disk)
        let number = try await log.checkpoint(1, for: "key", level: 2).sequenceNumber
        for name in ["", String(repeating: "n", count: 256)] {
            let error = await #expect(throws: CheckpointLogError.self) {
                try await log.tag(number, of: "key", as: name)
            }
            #expect(error?.code == .invalidArgument)
        }
        let end = try log.engine.requireWriter().appender.writtenPosition
        #expect(try await !log.pin(number, of: "another"))
        #expect(try await !log.pin(number, of: "key", level: 1))
        #expect(try await !log.tag(SequenceNumber(rawValue: 7), of: "key", as: "name"))
        #expect(try log.engine.requireWriter().appender.writtenPosition == end)
        let level = try Level(validating: 2)
        let error = #expect(throws: CheckpointLogError.self) {
            try log.engine.changeLabels(of: "key", level, origin: .own, keeping: number) { labels in
                for name in 0...VersionLabels.limit { labels.insert(VersionLabels.Entry(number, name: "\(name)")) }
            }
        }
        #expect(error?.code == .invalidArgument)
        #expect(try await listed(log) == ["1"])
        try await log.close()
        let inMemory = try await CheckpointLog.inMemory()
        let refusal = await #expect(throws: CheckpointLogError.self) { try await inMemory.pin(number, of: "key") }
        #expect(refusal?.code == .unsupported)
        try await inMemory.close()
    }

    /// A compaction may move a version between the moment that it is held and the one that its label is written.
    @Test func aVersionThatIsMovedMeanwhileIsFoundWhereItIs() {
        let catalog = RecordCatalog(hashSecret: HashSecret(first: 1, second: 2), retentions: Retentions())
        let hash = CheckpointIndexTests.hash(1, 2)
        let number = SequenceNumber(epoch: 1, count: 7)
        let places = [1, 2].map { FrameLocation(segment: SegmentNumber($0), offset: 128, byteCount: 128) }
        catalog.labels.hold(LabelTable.Version(hash: hash, number: number, location: places[0]))
        catalog.relocate(hash, number, from: places[0], to: places[1])
        var labels = VersionLabels()
        labels.insert(VersionLabels.Entry(number))
        #expect(catalog.labels.set(labels, of: hash).isEmpty)
        #expect(catalog.labels.location(hash, number) == places[1])
        #expect(catalog.labels.holds(places[1]) && !catalog.labels.holds(places[0]))
        #expect(catalog.labels.set(VersionLabels(), of: hash).map(\.location) == [places[1]])
        #expect(!catalog.labels.holds(places[1]))
    }

    /// Nothing is kept that is not in the log.
    @Test func aLabelThatIsNotWrittenKeepsNothing() async throws {
        disk.mapping = .refused
        let log = try await Self.open(disk, keep: 1)
        let number = try await log.checkpoint(1, for: "key", level: 2).sequenceNumber
        disk.fail(.write, where: { $0.lastComponent?.string.hasSuffix(".log") == true }, with: .ioError)
        await #expect(throws: CheckpointLogError.self) { try await log.pin(number, of: "key") }
        #expect(try await log.history(for: "key").map(\.isPinned) == [false])
        log.engine.abandon()
    }

    /// What they keep is not known where they cannot be read: it would be given up.
    @Test func labelsThatAreDamagedAreTold() async throws {
        let log = try await Self.open(disk, keep: 1)
        let number = try await log.checkpoint(1, for: "key", level: 2).sequenceNumber
        try await log.pin(number, of: "key")
        let hash = try log.engine.hash(of: "key", level: 2, origin: .own, space: .labels)
        let location = try #require(log.engine.catalog.index.newest(hash)).location
        _ = try await take(log, 2...3)
        try await log.close()
        let name = SegmentName(location.segment, .log).fileName
        #expect(disk.flipBit((location.offset + FrameHeader.byteCount + 5) * 8, of: SpecimenLog.path.appending(name)))
        let error = await #expect(throws: CheckpointLogError.self) { try await Self.open(disk, keep: 1) }
        #expect(error?.code == .damaged && error?.location?.offset == location.offset, "\(String(describing: error))")
        #expect(await findings(disk).contains { $0.severity == .damage && $0.offset == location.offset })
        let salvage = try await CheckpointLog.openForReading(
            at: SpecimenLog.path.string, configuration: VersionRemovalTests.configuration(disk), salvage: true)
        #expect(try await salvage.restore(Int.self, for: "key") == 3)
        #expect(salvage.recoveryReport.damage.count == 1)
        try await salvage.close()
    }
}
