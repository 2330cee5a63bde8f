import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What is left of a simulated disk after a crash.
@Suite struct CrashImageTests {
    private static let block = 4_096

    private func pattern(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    /// A disk with one open file `/a` whose name and `bytes` are synced.
    private func makeDisk(_ bytes: [UInt8] = []) throws -> (disk: SimulatedFileSystem, file: any OpenFile) {
        let disk = SimulatedFileSystem()
        let file = try disk.openFile("/a", .create)
        try file.write(bytes, at: 0)
        try file.sync()
        try disk.syncDirectory("/")
        return (disk, file)
    }

    /// What many random images make of `/a`.
    private func outcomes(
        _ disk: SimulatedFileSystem, of path: FilePath = "/a", count: UInt64 = 300, seed: UInt64
    ) -> Set<[UInt8]?> {
        Set((0..<count).map { disk.crashImage(.random(seed &+ $0), boot: .another).contents(of: path) })
    }

    // MARK: Bytes

    @Test func powerLossKeepsWhatWasSynced() throws {
        let (disk, file) = try makeDisk([1, 2, 3])
        try file.write([9, 9], at: 2)
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1, 2, 3])
        #expect(disk.crashImage(.everything, boot: .another).contents(of: "/a") == [1, 2, 9, 9])
        #expect(disk.contents(of: "/a") == [1, 2, 9, 9])
        try file.sync()
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1, 2, 9, 9])
    }

    @Test func storesAreUnsyncedUntilASync() throws {
        let (disk, file) = try makeDisk(pattern(0, Self.block * 2))
        #expect(try file.map(byteCount: Self.block * 2))
        file.store([5], at: Self.block)
        file.storeWord(6, at: 8)
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == pattern(0, Self.block * 2))
        try file.sync()
        let image = disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a")
        #expect(image?[Self.block] == 5)
        #expect(image?[8] == 6)
    }

    @Test func deathOfTheProcessLosesNothingAndSyncsNothing() throws {
        let (disk, file) = try makeDisk([1])
        try file.write([2], at: 0)
        _ = try disk.openFile("/b", .create)
        let lock = try disk.lock("/lock")
        disk.fail(.read, with: .ioError, once: false)
        let image = disk.crashImage(.syncedOnly, boot: .same)
        #expect(image.bootIdentifier == disk.bootIdentifier)
        #expect(try image.openFile("/a", .read).allBytes() == [2])
        #expect(image.fileNames(in: "/") == ["a", "b", "lock"])
        #expect(try disk.isLocked("/lock"))
        #expect(try !image.isLocked("/lock"))
        withExtendedLifetime(lock) {}
        // The page cache is the kernel's: a later power cut can still take what the dead process wrote.
        let later = image.crashImage(.syncedOnly, boot: .another)
        #expect(later.contents(of: "/a") == [1])
        #expect(later.fileNames(in: "/") == ["a"])
        try image.openFile("/a", .readWrite).sync()
        #expect(image.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [2])
    }

    @Test func imageIsADiskOfAnotherBootWithEverythingSynced() throws {
        let (disk, file) = try makeDisk([1])
        try file.write([2], at: 0)
        _ = try disk.lock("/lock")
        let image = disk.crashImage(.everything, boot: .another)
        #expect(image.bootIdentifier != disk.bootIdentifier)
        #expect(image.bootIdentifier != 0)
        #expect(try !image.isLocked("/lock"))
        let next = image.crashImage(.syncedOnly, boot: .another)
        #expect(next.contents(of: "/a") == [2])
        #expect(next.fileNames(in: "/") == ["a", "lock"])
        #expect(next.bootIdentifier != image.bootIdentifier && next.bootIdentifier != disk.bootIdentifier)
    }

    @Test func randomImageKeepsAnySubsetOfUnsyncedBlocks() throws {
        let seed = testSeed()
        let (disk, file) = try makeDisk(pattern(1, Self.block * 3))
        try file.write(pattern(2, Self.block * 2), at: 0)
        let seen = outcomes(disk, seed: seed).map { bytes in
            stride(from: 0, to: Self.block * 3, by: Self.block).map { bytes?[$0] ?? 0xFF }
        }
        #expect(Set(seen) == [[1, 1, 1], [1, 2, 1], [2, 1, 1], [2, 2, 1]])
        for bytes in outcomes(disk, seed: seed) {
            for start in stride(from: 0, to: Self.block * 3, by: Self.block) {
                #expect(Set(bytes?[start..<start + Self.block] ?? []).count == 1, "A block is never torn.")
            }
        }
    }

    @Test func randomImageKeepsEitherLength() throws {
        let seed = testSeed()
        let (disk, file) = try makeDisk([1, 1])
        try file.write([2, 2], at: 2)
        // The length came through without the block, the block without the length, both, or neither.
        #expect(outcomes(disk, seed: seed) == [[1, 1], [1, 1, 0, 0], [1, 1, 2, 2]])
    }

    @Test func blockCanComeBackAsItOnceWas() throws {
        let seed = testSeed()
        var seen: Set<[UInt8]?> = []
        for diskSeed in 0..<20 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed &+ diskSeed)
            let file = try disk.openFile("/a", .create)
            try file.write([1], at: 0)
            try file.sync()
            try disk.syncDirectory("/")
            for version in 2...4 as ClosedRange<UInt8> { try file.write([version], at: 0) }
            seen.formUnion(outcomes(disk, count: 60, seed: seed))
        }
        #expect(seen == [[1], [2], [3], [4]])
    }

    @Test func truncationAndRegrowthNeverShowBytesThatWereNeverThere() throws {
        let seed = testSeed()
        let (disk, file) = try makeDisk(pattern(1, Self.block + 8))
        try file.truncate(toByteCount: 4)
        #expect(disk.crashImage(.everything, boot: .another).contents(of: "/a") == pattern(1, 4))
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == pattern(1, Self.block + 8))
        try file.truncate(toByteCount: Self.block + 8)
        let cleared = pattern(1, 4) + pattern(0, Self.block + 4)
        #expect(disk.crashImage(.everything, boot: .another).contents(of: "/a") == cleared)
        #expect(outcomes(disk, seed: seed).contains(pattern(1, 4) + pattern(0, Self.block - 4) + pattern(1, 8)))
        try file.sync()
        #expect(outcomes(disk, seed: seed) == [cleared])
    }

    @Test func blocksThatWereCutOffAreThereOrNot() throws {
        let seed = testSeed()
        let (disk, file) = try makeDisk(pattern(1, Self.block + 8))
        try file.write([2], at: Self.block)
        try file.truncate(toByteCount: 4)
        let lasts = Set(outcomes(disk, seed: seed).map { ($0?.count ?? 0) > 4 ? $0?.suffix(8).first : nil })
        #expect(lasts.isSubset(of: [nil, 1, 2]), "The old length without the truncation's zeros")
        #expect(lasts.contains(nil) && lasts.contains(1))
    }

    // MARK: Names

    @Test func fileWithoutSyncedNameMayBeLost() throws {
        let seed = testSeed()
        let disk = SimulatedFileSystem()
        let file = try disk.openFile("/a", .create)
        try file.write([1], at: 0)
        try file.sync()
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == nil)
        #expect(outcomes(disk, seed: seed) == [nil, [1]])
        try disk.syncDirectory("/")
        #expect(outcomes(disk, seed: seed) == [[1]])
    }

    @Test func nameDoesNotBringBytesAlong() throws {
        let seed = testSeed()
        let disk = SimulatedFileSystem()
        try disk.openFile("/a", .create).write([1], at: 0)
        try disk.syncDirectory("/")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [])
        #expect(outcomes(disk, seed: seed) == [[], [0], [1]])
    }

    @Test func renameHappensWhollyOrNotAtAll() throws {
        let seed = testSeed()
        let (disk, _) = try makeDisk([1])
        disk.setContents([2], of: "/b")
        try disk.rename("/b", to: "/a")
        let seen = Set(
            (0..<100 as Range<UInt64>).map { number -> [[UInt8]?] in
                let image = disk.crashImage(.random(seed &+ number), boot: .another)
                return [image.contents(of: "/a"), image.contents(of: "/b")]
            })
        #expect(seen == [[[1], [2]], [[2], nil]])
        // What the rename replaced is kept as long as a crash can bring it back.
        #expect(disk.copy().crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1])
        try disk.syncDirectory("/")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [2])
        #expect(disk.crashImage(.syncedOnly, boot: .another).fileNames(in: "/") == ["a"])
    }

    @Test func renameBetweenDirectoriesNeedsBothSynced() throws {
        let seed = testSeed()
        let (disk, _) = try makeDisk([1])
        try disk.createDirectory("/d")
        try disk.syncDirectory("/")
        try disk.rename("/a", to: "/d/a")
        let seen = Set(
            (0..<200 as Range<UInt64>).map { number -> [Bool] in
                let image = disk.crashImage(.random(seed &+ number), boot: .another)
                return [image.contents(of: "/a") != nil, image.contents(of: "/d/a") != nil]
            })
        #expect(seen == [[true, false], [false, true], [true, true], [false, false]])
        try disk.syncDirectory("/d")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/d/a") == [1])
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1])
        try disk.syncDirectory("/")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == nil)
    }

    @Test func removedFileMayComeBackUntilTheDirectoryIsSynced() throws {
        let seed = testSeed()
        let (disk, file) = try makeDisk([1])
        try disk.remove("/a")
        file.close()
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1])
        #expect(outcomes(disk, seed: seed) == [nil, [1]])
        #expect(disk.crashImage(boot: .same).crashImage(.syncedOnly, boot: .another).contents(of: "/a") == [1])
        try disk.syncDirectory("/")
        #expect(outcomes(disk, seed: seed) == [nil])
    }

    @Test func unsyncedDirectoryTakesItsFilesAlong() throws {
        let disk = SimulatedFileSystem()
        try disk.createDirectory("/d")
        let file = try disk.openFile("/d/a", .create)
        try file.write([1], at: 0)
        try file.sync()
        try disk.syncDirectory("/d")
        let image = disk.crashImage(.syncedOnly, boot: .another)
        #expect(code { _ = try image.entries(of: "/d") } == .noSuchFileOrDirectory)
        try disk.syncDirectory("/")
        #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/d/a") == [1])
    }

    @Test func independentChangesOfADirectoryAreKeptApart() throws {
        let seed = testSeed()
        let disk = SimulatedFileSystem()
        for name in ["/a", "/b"] as [FilePath] { _ = try disk.openFile(name, .create) }
        let seen = Set((0..<100).map { disk.crashImage(.random(seed &+ $0), boot: .another).fileNames(in: "/") })
        #expect(seen == [[], ["a"], ["b"], ["a", "b"]])
    }

    // MARK: Seeds

    @Test func seedDeterminesTheImage() throws {
        let seed = testSeed()
        func life() throws -> SimulatedFileSystem {
            let disk = SimulatedFileSystem(seed: seed)
            var generator = SeededGenerator(seed: seed)
            for name in 0..<5 {
                let file = try disk.openFile(FilePath("/\(name)"), .create)
                for _ in 0..<20 { try file.write(generator.bytes(3_000), at: generator.number(below: 40_000)) }
            }
            return disk
        }
        func all(_ disk: SimulatedFileSystem) -> [[UInt8]?] {
            (0..<5).map { disk.contents(of: FilePath("/\($0)")) }
        }
        let (one, two) = (try life(), try life())
        var images: Set<[[UInt8]?]> = []
        for number in 0..<20 as Range<UInt64> {
            let image = all(one.crashImage(.random(seed &+ number), boot: .another))
            #expect(image == all(two.crashImage(.random(seed &+ number), boot: .another)))
            images.insert(image)
        }
        #expect(images.count > 10)
        #expect(all(one) == all(two), "Making an image changes nothing.")
    }

    /// Against a model that was written another way: all states that each block went through since its last sync.
    @Test func everyBlockOfAnImageWasWrittenOnce() throws {
        let seed = testSeed()
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let (disk, file) = try makeDisk()
            var bytes: [UInt8] = []
            var states: [[UInt8]] = [[]]
            for _ in 0..<40 {
                switch generator.number(below: 10) {
                case 0:
                    try file.sync()
                    states = []
                case 1:
                    let count = generator.number(below: 20_000)
                    try file.truncate(toByteCount: count)
                    bytes = Array(bytes.prefix(count)) + pattern(0, max(0, count - bytes.count))
                default:
                    let offset = generator.number(below: 20_000)
                    let added = generator.bytes(generator.number(below: 5_000) + 1)
                    try file.write(added, at: offset)
                    bytes += pattern(0, max(0, offset + added.count - bytes.count))
                    bytes.replaceSubrange(offset..<offset + added.count, with: added)
                }
                states.append(bytes)
                #expect(try file.allBytes() == bytes)
                let image = disk.crashImage(.random(generator.next()), boot: .another).contents(of: "/a") ?? []
                #expect(states.contains { $0.count == image.count })
                for start in stride(from: 0, to: image.count, by: Self.block) {
                    let part = Array(image[start..<min(start + Self.block, image.count)])
                    // A length and a block from different moments meet in zeros, or in a shorter block.
                    let isKnown = states.contains { state in
                        let old = Array(state.dropFirst(start).prefix(part.count))
                        return part == old + pattern(0, part.count - old.count)
                    }
                    #expect(isKnown, "Block at \(start) of \(image.count) bytes")
                }
            }
            let synced = states.first
            #expect(disk.crashImage(.syncedOnly, boot: .another).contents(of: "/a") == synced)
            #expect(disk.crashImage(.everything, boot: .another).contents(of: "/a") == bytes)
        }
    }
}
