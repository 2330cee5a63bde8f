import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// A value whose encoding does something else besides.
private struct Hooked: Codable, Sendable {
    var number: Int
    var hook: (@Sendable () -> Void)?

    init(number: Int, hook: (@Sendable () -> Void)?) {
        self.number = number
        self.hook = hook
    }

    init(from decoder: any Decoder) throws { number = try Int(from: decoder) }

    func encode(to encoder: any Encoder) throws {
        hook?()
        try number.encode(to: encoder)
    }
}

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
        _ = try engine.append(bytes, engine.attributes(1).adding(.raw), key: key)
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

    static func firstByte(_ engine: LogEngine, _ query: RecordQuery) throws -> UInt8? {
        unsafe try engine.withContent(query) { unsafe $1.first }.flatMap { $0 }
    }

    static func isOutput(_ call: SimulatedCall) -> Bool {
        call.operation == .rename && call.destination?.lastComponent?.string != FileName.manifest
    }

    /// The batch has passed the check for a closed log when the closing comes: what it does to the manifest after the
    /// lock was given back would undo what the next writer did.
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

    /// The new manifest is in its place when the sync of the directory fails: it may be the one that the next opening
    /// finds.
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

    @Test func aReaderSeesALargeBatchAfterWhichNothingWasWritten() throws {
        let disk = SimulatedFileSystem(seed: 11)
        let engine = try Self.open(disk)
        try Self.put(engine, "part 0", 1)
        let reader = try LogEngine.openForReading(at: Self.path, Self.configuration(disk), isSalvage: false)
        #expect(try Self.value(reader, "part 0") == 1)
        try Self.commitLarge(engine, 2)
        #expect(try Self.value(engine, "part 0") == 2)
        #expect(try Self.value(reader, "part 0") == 2)
        try reader.close()
        try engine.close()
    }

    /// A removal of everything stays for ever; alone in a segment it must not be all that compaction ever sees.
    @Test func aRemovalOfAllDoesNotKeepCompactionFromTheRest() throws {
        let disk = SimulatedFileSystem(seed: 15)
        let engine = try Self.open(disk)
        let maintenance = try engine.requireWriter().maintenance
        func fill() throws {
            // In each segment a few live records among many dead ones.
            for round in 0..<8 {
                for number in 0..<5 { try Self.put(engine, "kept \(round).\(number)", 1, count: 2_000) }
                for _ in 0..<20 { try Self.put(engine, "busy", 2, count: 2_000) }
            }
        }
        _ = try engine.appendRemovalOfAll(Level(validating: 1))
        try fill()
        try maintenance.compact(fully: true)
        try fill()
        for _ in 0..<3 { try maintenance.compact(fully: true) }
        try fill()
        for _ in 0..<3 { try maintenance.compact(fully: true) }
        let segments = try engine.requireWriter().manifest.current.segments
        let total = segments.reduce(0) { $0 + $1.byteCount }
        // 40 records of 2,000 bytes are live.
        #expect(total < 150_000, "\(segments.map(\.byteCount))")
        try engine.close()
    }

    /// The child's batch has its numbers before other records that are taken over first.
    @Test func aLargeBatchIsTakenOverThoughNewerRecordsWereBefore() throws {
        let disk = SimulatedFileSystem(seed: 16)
        let child = try Self.open(disk)
        try Self.put(child, "first", 1)
        let reader = try LogEngine.openForReading(at: Self.path, Self.configuration(disk), isSalvage: false)
        let parent = LogIdentifier(high: 1, low: 2)
        let mark = Lock<ChildMark?>(nil)
        let interruption = Interruption(turn: 1)
        disk.observe { call in
            guard Self.isOutput(call) else { return }
            interruption.arrive {
                try? Self.put(child, "second", 1)
                let takeover = try? reader.takeover(after: nil, by: parent)
                mark.withLock { $0 = takeover?.mark }
            }
        }
        try Self.commitLarge(child, 2)
        disk.observe(nil)
        try Self.put(child, "third", 1)
        let last = try #require(mark.withLock { $0 })
        let keys = try reader.takeover(after: last, by: parent).records.map(\.key)
        #expect(keys == ["part 0", "part 1", "part 2", "part 3", "third"])
        try reader.close()
        try child.close()
    }

    /// Compaction and new values go on while a parent takes over: a key that is written all the time is never passed
    /// over.
    @Test(arguments: 1...4) func whatIsRewrittenMeanwhileIsTakenOver(turn: Int) throws {
        let disk = SimulatedFileSystem(seed: 17)
        let child = try Self.open(disk)
        try Self.put(child, "busy", 1)
        try Self.put(child, "quiet", 1)
        let interruption = Interruption(turn: turn)
        disk.observe { call in
            guard call.operation == .read else { return }
            interruption.arrive { try? Self.put(child, "busy", 2) }
        }
        let parent = LogIdentifier(high: 1, low: 2)
        let first = try child.takeover(after: nil, by: parent)
        disk.observe(nil)
        #expect(interruption.isDone)
        #expect(first.records.map(\.key) == ["busy", "quiet"])
        let second = try child.takeover(after: first.mark, by: parent)
        // Each value once, whether it came before the reading or after.
        let taken = (first.records + second.records).filter { $0.key == "busy" }.compactMap(\.bytes.first)
        #expect(taken == [2] || taken == [1, 2])
        try child.close()
    }

    @Test(arguments: 1...4) func whatIsRewrittenMeanwhileIsLoaded(turn: Int) throws {
        let disk = SimulatedFileSystem(seed: 18)
        let other = try Self.open(disk)
        try Self.put(other, "busy", 1)
        try Self.put(other, "quiet", 1)
        let interruption = Interruption(turn: turn)
        disk.observe { call in
            guard call.operation == .read else { return }
            interruption.arrive { try? Self.put(other, "busy", 2) }
        }
        let log = try LogEngine.open(at: "/loading", Self.configuration(SimulatedFileSystem(seed: 19)))
        #expect(try log.loadAll(of: other).count == 2)
        disk.observe(nil)
        #expect(interruption.isDone)
        #expect(try Self.value(log, "busy") != nil)
        try log.close()
        try other.close()
    }

    /// A value that is encoded for `save` may be slow, or take another checkpoint: what its task has taken by then is
    /// what is saved.
    @Test func whatIsTakenWhileOthersAreSavedIsSaved() throws {
        let disk = SimulatedFileSystem(seed: 20)
        let engine = try Self.open(disk)
        let attributes = try engine.attributes(4)
        @Sendable func take(_ key: CheckpointKey, _ number: Int, _ hook: (@Sendable () -> Void)? = nil) throws {
            _ = try engine.keepInMemory(.values([Hooked(number: number, hook: hook)]), attributes, key: key)
        }
        try take("a", 1) { try? take("b", 2) }
        try take("b", 1)
        _ = try engine.writeOutAll()
        engine.abandon()
        let again = try Self.open(disk)
        let found = try Self.firstByte(again, RecordQuery(key: "b", level: 4))
        // CBOR of the number.
        #expect(found == 2)
        try again.close()
    }

    /// The snapshot that a closing writes says what the index says, so it waits for those who have appended and not
    /// told the index.
    @Test func aClosingWaitsForEntriesThatAreStillToCome() throws {
        let disk = SimulatedFileSystem(seed: 21)
        let engine = try Self.open(disk)
        try Self.put(engine, "key", 1)
        let active = try engine.requireWriter().appender.activeSegment
        active.addPendingEntry()
        let isClosed = Lock(false)
        let closer = NamedThread(name: "closer") {
            try? engine.close()
            isClosed.withLock { $0 = true }
            isClosed.wakeAll()
        }
        #expect(isClosed.wait(atMost: 100_000_000) { $0 ? () : nil } == nil)
        active.removePendingEntry()
        isClosed.wait { $0 ? () : nil }
        closer?.join()
    }

    /// A key is removed from every level, though one of its checkpoints is taken anew meanwhile.
    @Test func aRemovalLeavesNoLevelOut() async throws {
        let disk = SimulatedFileSystem(seed: 23)
        var configuration = Self.configuration(disk)
        for level in 1...3 { configuration.levels[level] = LevelPolicy(durability: .written) }
        // Inline, whoever appends seals, and here two tasks do.
        configuration.runsInline = false
        let log = try await CheckpointLog.open(at: Self.path.string, configuration: configuration)
        let isOver = Lock(false)
        let taker = Task.detached {
            while !isOver.withLock({ $0 }) {
                _ = try log.submit(30, for: "key", level: 3)
                await Task.yield()
            }
        }
        for _ in 0..<200 {
            for level in 1...3 { try await log.checkpoint(level, for: "key", level: level) }
            try await log.removeCheckpoint(for: "key")
            #expect(try await log.restore(Int.self, for: "key", level: 1) == nil)
            #expect(try await log.restore(Int.self, for: "key", level: 2) == nil)
        }
        isOver.withLock { $0 = true }
        try await taker.value
        try await log.close()
    }
}
