import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Faults, quotas, failed syncs and editing of the simulated disk.
@Suite struct SimulatedFileSystemTests {
    private static let block = 4_096

    private func pattern(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    /// A disk with the synced file `/a` of two blocks of ones, open.
    private func makeDisk() throws -> (disk: SimulatedFileSystem, file: any OpenFile) {
        let disk = SimulatedFileSystem()
        disk.setContents(pattern(1, Self.block * 2), of: "/a")
        return (disk, try disk.openFile("/a", .readWrite))
    }

    private func firstBytes(_ disk: SimulatedFileSystem) -> [UInt8?] {
        [disk, disk.crashImage(.syncedOnly, boot: .another), disk.crashImage(.everything, boot: .another)].map {
            $0.contents(of: "/a")?.first
        }
    }

    // MARK: Failed syncs

    @Test func failedSyncThatKeepsPagesCanBeRetried() throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = .kept
        disk.fail(.sync, with: .ioError)
        try file.write([2], at: 0)
        #expect(code { try file.sync() } == .ioError)
        #expect(firstBytes(disk) == [2, 1, 2])
        try file.sync()
        #expect(firstBytes(disk) == [2, 2, 2])
    }

    @Test func failedSyncThatDropsPagesLooksMendedButIsNot() throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = .dropped
        disk.fail(.sync, with: .ioError)
        try file.write([2], at: 0)
        #expect(code { try file.sync() } == .ioError)
        try file.sync()
        #expect(firstBytes(disk) == [2, 1, 1])
        #expect(firstBytes(disk.crashImage(boot: .same)) == [2, 1, 1])
        let written = disk.copy()
        written.evictCleanPages()
        #expect(firstBytes(written) == [1, 1, 1])
        // A byte written again takes its whole page along.
        try file.write([3], at: 9)
        try file.sync()
        #expect(firstBytes(disk) == [2, 2, 2])
    }

    @Test func nothingComesBackBehindTheEndOfAFile() throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = .dropped
        disk.fail(.sync, with: .ioError)
        try file.truncate(toByteCount: 4)
        #expect(code { try file.sync() } == .ioError)
        disk.evictCleanPages()
        try file.truncate(toByteCount: 8)
        #expect(try file.allBytes() == [1, 1, 1, 1, 0, 0, 0, 0])
    }

    @Test func failedSyncThatRevertsPagesShowsTheOldBytes() throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = .reverted
        disk.fail(.sync, with: .ioError)
        try file.write([2], at: 0)
        try file.write([2], at: Self.block * 2)
        #expect(code { try file.sync() } == .ioError)
        #expect(firstBytes(disk) == [1, 1, 1])
        #expect(try file.byteCount() == Self.block * 2 + 1)
        #expect(try file.bytes(Self.block * 2..<Self.block * 2 + 1) == [0])
    }

    @Test(arguments: FailedSyncBehavior.allCases)
    func onlyUnsyncedPagesOfTheOneFileAreAffected(_ behavior: FailedSyncBehavior) throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = behavior
        try file.write([2], at: 0)
        try file.sync()
        try file.write([4], at: Self.block)
        let other = try disk.openFile("/b", .create)
        try disk.syncDirectory("/")
        try other.write([5], at: 0)
        disk.fail(.sync, with: .ioError)
        #expect(code { try file.sync() } == .ioError)
        #expect(firstBytes(disk) == [2, 2, 2])
        #expect(disk.crashImage(.everything, boot: .another).contents(of: "/b") == [5])
        try other.sync()
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/b") == [5])
    }

    @Test(arguments: FailedSyncBehavior.allCases)
    func interruptedSyncLosesNothing(_ behavior: FailedSyncBehavior) throws {
        let (disk, file) = try makeDisk()
        disk.failedSyncBehavior = behavior
        disk.fail(.sync, with: .interrupted)
        try file.write([2], at: 0)
        #expect(code { try file.sync() } == .interrupted)
        try file.sync()
        #expect(firstBytes(disk) == [2, 2, 2])
    }

    @Test func failedDirectorySyncLeavesNamesUnsynced() throws {
        let disk = SimulatedFileSystem()
        _ = try disk.openFile("/a", .create)
        disk.fail(.syncDirectory, with: .ioError)
        #expect(code { try disk.syncDirectory("/") } == .ioError)
        #expect(disk.crashImage(.syncedOnly, boot: .another).fileNames(in: "/") == [])
        try disk.syncDirectory("/")
        #expect(disk.crashImage(.syncedOnly, boot: .another).fileNames(in: "/") == ["a"])
    }

    // MARK: Quota

    @Test func fullDiskTakesWhatFitsAndThenNothing() throws {
        let disk = SimulatedFileSystem()
        let file = try disk.openFile("/a", .create)
        disk.byteQuota = 2 * Self.block
        #expect(try file.writeOnce(pattern(1, 10), at: 0) == 10)
        #expect(disk.usedByteCount == Self.block)
        #expect(try file.writeOnce(pattern(2, 3 * Self.block), at: 10) == 2 * Self.block - 10)
        #expect(code { _ = try file.writeOnce([3], at: 2 * Self.block) } == .noSpace)
        #expect(code { try file.truncate(toByteCount: 2 * Self.block + 1) } == .noSpace)
        // What is there already can be written again.
        #expect(try file.writeOnce([4], at: 0) == 1)
        #expect(disk.usedByteCount == 2 * Self.block)
        disk.byteQuota = nil
        try file.write([3], at: 2 * Self.block)
        #expect(try file.byteCount() == 2 * Self.block + 1)
    }

    @Test func reservationCountsAndMayStopHalfway() throws {
        let disk = SimulatedFileSystem()
        let file = try disk.openFile("/a", .create)
        disk.byteQuota = 4 * Self.block
        #expect(try file.reserve(byteCount: 3 * Self.block))
        let other = try disk.openFile("/b", .create)
        #expect(code { _ = try other.reserve(byteCount: 2 * Self.block) } == .noSpace)
        #expect(try other.byteCount() == Self.block)
        #expect(disk.usedByteCount == 4 * Self.block)
        // The reserved blocks can be written.
        try file.write(pattern(1, 3 * Self.block), at: 0)
        disk.byteQuota = 5 * Self.block
        #expect(try other.reserve(byteCount: 2 * Self.block))
    }

    @Test func spaceComesBackWithTheLastUseOfAFile() throws {
        let disk = SimulatedFileSystem()
        disk.byteQuota = 2 * Self.block
        disk.setContents(pattern(1, 2 * Self.block), of: "/a")
        let file = try disk.openFile("/a", .readWrite)
        try file.truncate(toByteCount: 1)
        #expect(disk.usedByteCount == Self.block)
        try disk.remove("/a")
        #expect(disk.usedByteCount == Self.block)
        file.close()
        #expect(disk.usedByteCount == 0)
        disk.setContents([1], of: "/b")
        disk.setContents([1], of: "/c")
        try disk.rename("/b", to: "/c")
        #expect(disk.usedByteCount == Self.block)
        #expect(disk.crashImage(boot: .another).usedByteCount == Self.block)
        #expect(disk.crashImage(boot: .another).byteQuota == 2 * Self.block)
    }

    @Test func absurdOffsetsAreRefused() throws {
        let (_, file) = try makeDisk()
        #expect(code { _ = try file.writeOnce([1], at: .max) } == .fileTooLarge)
        #expect(code { _ = try file.reserve(byteCount: .max) } == .fileTooLarge)
        #expect(code { try file.truncate(toByteCount: .max) } == .fileTooLarge)
        #expect(try file.readOnce(1, at: .max).isEmpty)
        #expect(try file.byteCount() == 2 * Self.block)
    }

    // MARK: Faults

    @Test func chosenCallFailsOnce() throws {
        let (disk, file) = try makeDisk()
        disk.fail(call: disk.callCount + 2, with: .tooManyOpenFiles)
        _ = try file.byteCount()
        #expect(code { _ = try file.byteCount() } == .tooManyOpenFiles)
        _ = try file.byteCount()
    }

    @Test func chosenCallFailsForGood() throws {
        let (disk, file) = try makeDisk()
        disk.fail(call: disk.callCount + 2, with: .noSpace, once: false)
        try file.write([2], at: 0)
        #expect(code { _ = try file.writeOnce([3], at: 0) } == .noSpace)
        #expect(code { try file.sync() } == .noSpace)
        #expect(disk.contents(of: "/a")?.first == 2)
        disk.removeFaults()
        try file.sync()
    }

    @Test func faultsAreChosenByOperationAndPath() throws {
        let (disk, file) = try makeDisk()
        let other = try disk.openFile("/b", .create)
        disk.fail(.sync, .write, where: { $0.lastComponent == "a" }, skipping: 1, with: .ioError, once: false)
        try other.write([1], at: 0)
        try other.sync()
        _ = try file.byteCount()
        try file.write([3], at: 0)
        #expect(code { _ = try file.writeOnce([4], at: 0) } == .ioError)
        #expect(code { try file.sync() } == .ioError)
        try other.sync()
        #expect(disk.contents(of: "/a")?.first == 3)
        let failure = FileSystemError(.sync, "/a", .ioError)
        #expect(throws: failure) { try file.sync() }
    }

    @Test func shortAndInterruptedCallsAreCarriedOn() throws {
        let (disk, file) = try makeDisk()
        disk.shorten(.write, .read, .readIfCached, toByteCount: 3, once: false)
        #expect(try file.writeOnce([1, 2, 3, 4], at: 0) == 3)
        #expect(try file.readOnce(10, at: 0) == [1, 2, 3])
        #expect(try file.readIfCached(10, at: 0) == [1, 2, 3])
        disk.fail(.write, skipping: 1, with: .interrupted)
        disk.fail(.read, skipping: 1, with: .interrupted)
        disk.isTracing = true
        try file.write([9, 8, 7, 6, 5, 4, 3, 2], at: 100)
        #expect(try file.bytes(100..<108) == [9, 8, 7, 6, 5, 4, 3, 2])
        // Pieces of 3, 3 and 2 bytes, and the call that was interrupted between the first two.
        #expect(disk.trace.map(\.offset) == [100, 103, 103, 106, 100, 103, 103, 106])
        #expect(disk.trace.map(\.failure) == [nil, .interrupted, nil, nil, nil, .interrupted, nil, nil])
    }

    @Test func deviceThatTakesNothingIsAnError() throws {
        let (disk, file) = try makeDisk()
        disk.shorten(.write, toByteCount: 0, once: false)
        #expect(code { try file.write([1], at: 0) } == .ioError)
    }

    @Test func storesUseUpNoFault() throws {
        let (disk, file) = try makeDisk()
        #expect(try file.map(byteCount: 100))
        disk.fail(call: disk.callCount + 1, with: .ioError)
        disk.fail(.store, .storeWord, with: .ioError, once: false)
        file.store([5], at: 0)
        file.storeWord(5, at: 8)
        #expect(disk.contents(of: "/a")?.first == 5)
        #expect(disk.contents(of: "/a")?[8] == 5)
        try file.sync()
    }

    // MARK: Behaviour

    @Test func mappingCanBeRefused() throws {
        let (disk, file) = try makeDisk()
        #expect(try file.map(byteCount: 8))
        disk.mapping = .refused
        #expect(try !file.map(byteCount: 8))
        #expect(try !disk.crashImage(boot: .another).openFile("/a", .readWrite).map(byteCount: 8))
    }

    @Test func cachedReadsCanMiss() throws {
        let (disk, file) = try makeDisk()
        #expect(try file.readIfCached(2, at: 0) == [1, 1])
        disk.servesCachedReads = false
        #expect(try file.readIfCached(2, at: 0) == nil)
        #expect(try file.readOnce(2, at: 0) == [1, 1])
    }

    @Test func closedFileAnswersAsAClosedDescriptor() throws {
        let (_, file) = try makeDisk()
        file.close()
        #expect(code { _ = try file.byteCount() } == .badFileDescriptor)
        #expect(code { _ = try file.readOnce(1, at: 0) } == .badFileDescriptor)
        #expect(code { _ = try file.writeOnce([1], at: 0) } == .badFileDescriptor)
        #expect(code { try file.sync() } == .badFileDescriptor)
        file.close()
    }

    @Test func traceTellsWhatWasAsked() throws {
        let disk = SimulatedFileSystem()
        disk.isTracing = true
        let file = try disk.openFile("/a", .create)
        try file.write([1, 2], at: 7)
        try disk.rename("/a", to: "/b")
        #expect(
            disk.trace == [
                SimulatedCall(number: 1, operation: .create, path: "/a"),
                SimulatedCall(number: 2, operation: .write, path: "/a", offset: 7, byteCount: 2),
                SimulatedCall(number: 3, operation: .rename, path: "/a", destination: "/b"),
            ])
        disk.isTracing = false
        try file.sync()
        #expect(disk.trace.isEmpty)
    }

    @Test func observerComesBeforeTheCallAndMayUseTheDisk() throws {
        let (disk, file) = try makeDisk()
        let seen = Lock<[UInt8?]>([])
        disk.observe { call in
            guard call.operation == .write else { return }
            let first = disk.contents(of: call.path)?.first
            seen.withLock { $0.append(first) }
        }
        try file.write([2], at: 0)
        try file.write([3], at: 0)
        disk.observe(nil)
        try file.write([4], at: 0)
        #expect(seen.withLock { $0 } == [1, 2])
    }

    // MARK: Editing

    @Test func editsAreDurableAndNotCounted() throws {
        let disk = SimulatedFileSystem()
        disk.setContents([1, 2, 3], of: "/x/y/a")
        #expect(disk.callCount == 0)
        disk.flipBit(8 + 7, of: "/x/y/a")
        let image = disk.crashImage(.syncedOnly, boot: .another)
        #expect(image.contents(of: "/x/y/a") == [1, 0x82, 3])
        disk.setContents([4], of: "/x/y/a")
        disk.setContents([], of: "/x/b")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/x/y/a") == [4])
        #expect(disk.fileNames(in: "/x") == ["b"])
        #expect(disk.fileNames(in: "/nothing") == [])
        #expect(!disk.flipBit(8, of: "/x/y/a"))
        #expect(!disk.flipBit(-1, of: "/x/y/a"))
        #expect(!disk.flipBit(0, of: "/x/z"))
        #expect(disk.removeFile("/x/b"))
        #expect(!disk.removeFile("/x/b"))
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/x/b") == nil)
        #expect(disk.contents(of: "/x/y") == nil)
    }

    @Test func copiesGoTheirOwnWay() throws {
        let (disk, file) = try makeDisk()
        let copy = disk.copy()
        try file.write([2], at: 0)
        copy.flipBit(1, of: "/a")
        #expect(disk.contents(of: "/a")?.first == 2)
        #expect(copy.contents(of: "/a")?.first == 3)
        #expect(copy.contents(of: "/a")?.last == 1)
    }

    // MARK: Threads

    @Test func threadsMayUseOneDisk() async throws {
        let disk = SimulatedFileSystem()
        try await withThrowingTaskGroup { group in
            for number in 0..<8 as Range<UInt8> {
                group.addTask {
                    let path = FilePath("/\(number)")
                    let file = try disk.openFile(path, .create)
                    for step in 0..<100 {
                        try file.write([number], at: step)
                        if step % 10 == 0 { try file.sync() }
                        _ = disk.crashImage(.random(UInt64(step)), boot: .another)
                    }
                    try disk.syncDirectory("/")
                    try file.sync()
                }
            }
            try await group.waitForAll()
        }
        let image = disk.crashImage(.syncedOnly, boot: .another)
        for number in 0..<8 as Range<UInt8> {
            #expect(image.contents(of: FilePath("/\(number)")) == [UInt8](repeating: number, count: 100))
        }
        #expect(disk.mutatingCallCount == 8 * (1 + 100 + 10 + 2))
    }

    @Test func generatorFollowsItsSeed() {
        // The first outputs of the reference implementation for seed 1234567.
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(generator.next() == 6_457_827_717_110_365_317)
        #expect(generator.next() == 3_203_168_211_198_807_973)
        #expect((0..<1_000).allSatisfy { _ in (0..<7).contains(generator.number(below: 7)) })
        #expect(generator.number(below: 0) == 0)
    }
}
