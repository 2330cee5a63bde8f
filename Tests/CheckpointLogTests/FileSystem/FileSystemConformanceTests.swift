import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// What every file system promises: the simulated disk is worth nothing where it differs from the real one.
@Suite struct FileSystemConformanceTests {
    // MARK: Names

    @Test(arguments: TestDisk.allCases)
    func createdFileIsEmptyAndCanBeOpenedAgain(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        #expect(file.path == volume("a"))
        #expect(try file.byteCount() == 0)
        try file.write([1, 2, 3], at: 0)
        for mode in [false, true] {
            #expect(try volume.fileSystem.openFile(volume("a"), mode ? .read : .readWrite).allBytes() == [1, 2, 3])
        }
    }

    /// Whatever part of it a call takes, and whichever of the three is empty.
    @Test(arguments: TestDisk.allCases)
    func threeStretchesAreWrittenAsOne(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        let content = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for (first, second) in [(100, 12_000), (0, 20_000), (7, 0), (20_000, 0), (64, 19_929)] {
            try file.truncate(toByteCount: 0)
            try file.write([9, 9, 9], at: 0)
            try unsafe content.withUnsafeBytes { bytes in
                try unsafe file.write(
                    UnsafeRawBufferPointer(rebasing: bytes[..<first]),
                    UnsafeRawBufferPointer(rebasing: bytes[first..<first + second]),
                    UnsafeRawBufferPointer(rebasing: bytes[(first + second)...]), at: 3)
            }
            #expect(try file.allBytes() == [9, 9, 9] + content)
        }
        file.close()
        #expect(code { unsafe try file.write(.empty, .empty, .empty, at: 0) } == .badFileDescriptor)
    }

    @Test(arguments: TestDisk.allCases)
    func creationRefusesWhatIsThereAlready(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        try volume.fileSystem.openFile(volume("a"), .create).write([7], at: 0)
        try volume.fileSystem.createDirectory(volume("d"))
        #expect(code { _ = try volume.fileSystem.openFile(volume("a"), .create) } == .fileExists)
        #expect(code { _ = try volume.fileSystem.openFile(volume("d"), .create) } == .fileExists)
        #expect(code { try volume.fileSystem.createDirectory(volume("a")) } == .fileExists)
        #expect(code { try volume.fileSystem.createDirectory(volume("d")) } == .fileExists)
        #expect(try volume.fileSystem.openFile(volume("a"), .read).allBytes() == [7])
    }

    @Test(arguments: TestDisk.allCases)
    func whatIsMissingIsNamed(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        let missing = volume("nothing")
        #expect(code { _ = try system.openFile(missing, .read) } == .noSuchFileOrDirectory)
        #expect(code { _ = try system.openFile(missing, .readWrite) } == .noSuchFileOrDirectory)
        #expect(code { _ = try system.openFile(missing.appending("a"), .create) } == .noSuchFileOrDirectory)
        #expect(code { _ = try system.entries(of: missing) } == .noSuchFileOrDirectory)
        #expect(code { try system.remove(missing) } == .noSuchFileOrDirectory)
        #expect(code { try system.rename(missing, to: volume("b")) } == .noSuchFileOrDirectory)
        #expect(code { try system.syncDirectory(missing) } == .noSuchFileOrDirectory)
        #expect(code { try system.createDirectory(missing.appending("d")) } == .noSuchFileOrDirectory)
        #expect(code { _ = try system.lock(missing.appending("lock")) } == .noSuchFileOrDirectory)
        do throws(FileSystemError) {
            _ = try system.openFile(missing, .read)
            Issue.record("A missing file was opened.")
        } catch {
            #expect(error == FileSystemError(.open, missing, .noSuchFileOrDirectory))
        }
    }

    @Test(arguments: TestDisk.allCases)
    func fileIsNoDirectoryAndDirectoryNoFile(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        _ = try system.openFile(volume("a"), .create)
        try system.createDirectory(volume("d"))
        #expect(code { _ = try system.entries(of: volume("a")) } == .notDirectory)
        #expect(code { _ = try system.openFile(volume("a").appending("b"), .create) } == .notDirectory)
        #expect(code { try system.syncDirectory(volume("a")) } == .notDirectory)
        #expect(code { _ = try system.openFile(volume("d"), .read) } == .isDirectory)
        #expect(code { _ = try system.openFile(volume("d"), .readWrite) } == .isDirectory)
        #expect(code { try system.rename(volume("a"), to: volume("d")) } == .isDirectory)
        #expect(code { try system.rename(volume("d"), to: volume("a")) } == .notDirectory)
        #expect(code { _ = try system.lock(volume("d")) } == .isDirectory)
        #if os(Linux)
        #expect(code { try system.remove(volume("d")) } == .isDirectory)
        #endif
    }

    @Test(arguments: TestDisk.allCases)
    func listNamesFilesAndDirectories(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        _ = try volume.fileSystem.openFile(volume("b"), .create)
        _ = try volume.fileSystem.openFile(volume("a"), .create)
        try volume.fileSystem.createDirectory(volume("d"))
        _ = try volume.fileSystem.openFile(volume("d").appending("inside"), .create)
        try volume.fileSystem.syncDirectory(volume.path)
        let entries = try volume.fileSystem.entries(of: volume.path).sorted { $0.name < $1.name }
        #expect(
            entries == [
                DirectoryEntry(name: "a", isRegularFile: true), DirectoryEntry(name: "b", isRegularFile: true),
                DirectoryEntry(name: "d", isRegularFile: false, isDirectory: true),
            ])
        #expect(try volume.fileSystem.entries(of: volume("d")).map(\.name) == ["inside"])
    }

    @Test(arguments: TestDisk.allCases)
    func renameReplacesAndOpenFilesStay(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        let new = try system.openFile(volume("new"), .create)
        try new.write([1], at: 0)
        let old = try system.openFile(volume("old"), .create)
        try old.write([2, 2], at: 0)
        try system.rename(volume("new"), to: volume("old"))
        #expect(try system.entries(of: volume.path).map(\.name) == ["old"])
        #expect(try system.openFile(volume("old"), .read).allBytes() == [1])
        #expect(try old.allBytes() == [2, 2])
        try new.write([3], at: 1)
        #expect(try system.openFile(volume("old"), .read).allBytes() == [1, 3])
        try system.rename(volume("old"), to: volume("old"))
        #expect(try system.openFile(volume("old"), .read).allBytes() == [1, 3])
    }

    @Test(arguments: TestDisk.allCases)
    func aDirectoryIsFoundOnceAndStaysTheSameWhereverItIs(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        try system.createDirectory(volume("d"))
        let directory = try system.openDirectory(volume("d"))
        let place = directory.placeIdentifier
        try directory.openFile("a", .create).write([5], at: 0)
        guard case .acquired(let lock) = try directory.lock("lock") else {
            Issue.record("the lock is free")
            return
        }
        try system.rename(volume("d"), to: volume("e"))
        try system.createDirectory(volume("d"))
        try system.openFile(volume("d").appending("a"), .create).write([6, 6], at: 0)
        #expect(try directory.openFile("a", .read).allBytes() == [5])
        try directory.rename("a", to: "b")
        try directory.createDirectory("inside")
        try directory.openDirectory("inside").openFile("c", .create).write([7], at: 0)
        #expect(code { _ = try directory.openDirectory("b") } == .notDirectory)
        try directory.sync()
        try directory.syncParent()
        #expect(try Set(directory.entries().map(\.name)) == ["b", "inside", "lock"])
        #expect(try system.openFile(volume("e").appending("b"), .read).allBytes() == [5])
        #expect(try system.openFile(volume("d").appending("a"), .read).allBytes() == [6, 6])
        #expect(try system.entries(of: volume("d")).map(\.name) == ["a"])
        #expect(try lock.isInPlace() && directory.isLocked("lock"))
        #expect(directory.placeIdentifier == place)
        try directory.remove("b")
        #expect(try Set(system.entries(of: volume("e")).map(\.name)) == ["inside", "lock"])
    }

    @Test(arguments: TestDisk.allCases)
    func aLockThatIsGoneOrAnotherFileIsNotInPlace(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        try volume.fileSystem.createDirectory(volume("d"))
        let directory = try volume.fileSystem.openDirectory(volume("d"))
        guard case .acquired(let lock) = try directory.lock("lock") else {
            Issue.record("the lock is free")
            return
        }
        #expect(try lock.isInPlace())
        try directory.remove("lock")
        #expect(try !lock.isInPlace())
        _ = try directory.openFile("lock", .create)
        #expect(try !lock.isInPlace())
        try directory.remove("lock")
        volume.removeTree("d")
        #expect(try !lock.isInPlace())
        #expect(code { _ = try directory.openFile("a", .create) } == .noSuchFileOrDirectory)
        #expect(code { _ = try directory.openFile("a", .read) } == .noSuchFileOrDirectory)
        #expect(try directory.entries().isEmpty)
    }

    @Test(arguments: TestDisk.allCases)
    func removedFileStaysReadableWhileOpen(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        let file = try system.openFile(volume("a"), .create)
        try file.write([1, 2], at: 0)
        try system.remove(volume("a"))
        #expect(try system.entries(of: volume.path).isEmpty)
        try file.write([3], at: 2)
        #expect(try file.allBytes() == [1, 2, 3])
        try file.sync()
        let another = try system.openFile(volume("a"), .create)
        #expect(try another.byteCount() == 0)
        #expect(try file.allBytes() == [1, 2, 3])
    }

    // MARK: Bytes

    @Test(arguments: TestDisk.allCases)
    func readEndsWithTheFile(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try file.write(bytes, at: 0)
        #expect(try file.bytes(4_000..<9_000) == Array(bytes[4_000..<9_000]))
        #expect(try file.readOnce(100, at: 9_990) == Array(bytes[9_990...]))
        #expect(try file.readOnce(100, at: 10_000).isEmpty)
        #expect(try file.readOnce(100, at: 1 << 32).isEmpty)
        #expect(try file.readOnce(0, at: 0).isEmpty)
        #expect(try file.bytes(9_999..<10_001) == nil)
        #expect(code { _ = try file.readOnce(1, at: -1) } == .invalidArgument)
        if let cached = try file.readIfCached(50, at: 9_980) { #expect(cached == Array(bytes[9_980...])) }
    }

    @Test(arguments: TestDisk.allCases)
    func writePastTheEndFillsWithZeros(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        try file.write([1], at: 0)
        try file.write([2], at: 9_000)
        #expect(try file.allBytes() == [1] + [UInt8](repeating: 0, count: 8_999) + [2])
        #expect(try file.writeOnce([], at: 20_000) == 0)
        #expect(try file.byteCount() == 9_001)
        #expect(code { _ = try file.writeOnce([1], at: -1) } == .invalidArgument)
    }

    @Test(arguments: TestDisk.allCases)
    func writeOverwritesInPlace(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        try file.write([UInt8](repeating: 1, count: 9_000), at: 0)
        try file.write([UInt8](repeating: 2, count: 4_096), at: 4_000)
        let expected = [(4_000, 1), (4_096, 2), (904, 1)].flatMap { [UInt8](repeating: $0.1, count: $0.0) }
        #expect(try file.allBytes() == expected)
    }

    @Test(arguments: TestDisk.allCases)
    func truncationCutsAndExtendsWithZeros(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        try file.write([UInt8](repeating: 9, count: 9_000), at: 0)
        try file.truncate(toByteCount: 5_000)
        #expect(try file.allBytes() == [UInt8](repeating: 9, count: 5_000))
        try file.truncate(toByteCount: 10_000)
        let expected = [UInt8](repeating: 9, count: 5_000) + [UInt8](repeating: 0, count: 5_000)
        #expect(try file.allBytes() == expected)
        #expect(code { try file.truncate(toByteCount: -1) } == .invalidArgument)
    }

    @Test(arguments: TestDisk.allCases)
    func reservationExtendsWithZerosAndNeverCuts(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        try file.write([4, 5], at: 0)
        guard try file.reserve(byteCount: 12_345) else { return }
        #expect(try file.allBytes() == [4, 5] + [UInt8](repeating: 0, count: 12_343))
        #expect(try file.reserve(byteCount: 100))
        #expect(try file.byteCount() == 12_345)
    }

    @Test(arguments: TestDisk.allCases)
    func storesAreSeenByReads(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        guard try file.reserve(byteCount: 16_384), try file.map(byteCount: 16_384) else {
            #expect(disk == .posix, "The simulated disk maps.")
            return
        }
        file.store([1, 2, 3, 4, 5], at: 4_093)
        file.storeWord(0x0807_0605_0403_0201, at: 8_192)
        file.store([], at: 16_384)
        let reader = try volume.fileSystem.openFile(volume("a"), .read)
        #expect(try reader.bytes(4_092..<4_099) == [0, 1, 2, 3, 4, 5, 0])
        #expect(try reader.bytes(8_192..<8_200) == [1, 2, 3, 4, 5, 6, 7, 8])
        try file.write([7], at: 4_094)
        #expect(try reader.bytes(4_093..<4_096) == [1, 7, 3])
        file.unmap()
        try file.sync()
        #expect(try reader.bytes(4_093..<4_098) == [1, 7, 3, 4, 5])
        #expect(try file.byteCount() == 16_384)
    }

    /// A mapping may be longer than the file is so far: where the file has grown to, stores land in it.
    @Test(arguments: TestDisk.allCases)
    func aFileGrowsUnderItsMapping(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let file = try volume.fileSystem.openFile(volume("a"), .create)
        guard try file.reserve(byteCount: 16_384), try file.map(byteCount: 1 << 20) else {
            #expect(disk == .posix, "The simulated disk maps.")
            return
        }
        let reader = try volume.fileSystem.openFile(volume("a"), .read)
        file.store([1, 2], at: 16_382)
        for byteCount in [20_480, 1 << 20] {
            let before = try file.byteCount()
            #expect(try file.reserve(byteCount: byteCount))
            file.store([3, 4], at: before)
            file.store([5], at: byteCount - 1)
            #expect(try reader.byteCount() == byteCount)
            #expect(try reader.bytes(before..<before + 2) == [3, 4])
            try file.sync()
            #expect(try reader.bytes(byteCount - 2..<byteCount) == [0, 5])
        }
        #expect(try reader.bytes(16_382..<16_384) == [1, 2])
    }

    @Test(arguments: TestDisk.allCases)
    func readOnlyFileTakesNoChange(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        try volume.fileSystem.openFile(volume("a"), .create).write([1], at: 0)
        let file = try volume.fileSystem.openFile(volume("a"), .read)
        #expect(code { _ = try file.writeOnce([2], at: 0) } == .badFileDescriptor)
        #expect(code { try file.truncate(toByteCount: 0) } == .invalidArgument)
        #expect(code { _ = try file.reserve(byteCount: 10) } == .badFileDescriptor)
        #expect(try !file.map(byteCount: 1))
        try file.sync()
        #expect(try file.allBytes() == [1])
    }

    // MARK: Locks

    @Test(arguments: TestDisk.allCases)
    func lockIsHeldByOneAndNamesItsProcess(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let system = volume.fileSystem
        let path = volume("lock")
        #expect(try !system.isLocked(path))
        guard case .acquired(let lock) = try system.lock(path) else {
            Issue.record("A free lock was refused.")
            return
        }
        #expect(try system.isLocked(path))
        #if os(Linux)
        #expect(try !system.isAnnounced(path))
        #endif
        lock.announce()
        #expect(try system.isLocked(path) && system.isAnnounced(path))
        guard case .held(let holder) = try system.lock(path) else {
            Issue.record("A lock was given twice.")
            return
        }
        #expect(holder?.process == ProcessInfo.processInfo.processIdentifier)
        lock.unlock()
        #expect(try !system.isLocked(path) && !system.isAnnounced(path))
        #expect(try system.openFile(path, .read).byteCount() == 0)
    }

    @Test(arguments: TestDisk.allCases)
    func lockEndsWithItsLastReference(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        do {
            let outcome = try volume.fileSystem.lock(volume("lock"))
            #expect(try volume.fileSystem.isLocked(volume("lock")))
            withExtendedLifetime(outcome) {}
        }
        #expect(try !volume.fileSystem.isLocked(volume("lock")))
    }

    @Test(arguments: TestDisk.allCases)
    func secondUnlockLeavesTheNextHolderAlone(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        let path = volume("lock")
        guard case .acquired(let first) = try volume.fileSystem.lock(path) else { return }
        first.unlock()
        guard case .acquired(let second) = try volume.fileSystem.lock(path) else { return }
        first.unlock()
        guard case .held(let holder) = try volume.fileSystem.lock(path) else {
            Issue.record("A lock was given twice.")
            return
        }
        #expect(holder?.process == ProcessInfo.processInfo.processIdentifier)
        second.unlock()
    }

    @Test(arguments: TestDisk.allCases)
    func bootIsKnown(_ disk: TestDisk) throws {
        let volume = try disk.makeVolume()
        #expect(volume.fileSystem.bootIdentifier != 0)
        #expect(volume.fileSystem.bootIdentifier == volume.fileSystem.bootIdentifier)
    }
}
