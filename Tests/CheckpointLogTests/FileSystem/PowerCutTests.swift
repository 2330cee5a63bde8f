import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The moment at which a simulated machine loses power.
@Suite struct PowerCutTests {
    private typealias Operation = SimulatedCall.Operation

    /// A disk with the synced and mapped file `/a`, the files `/b` and `/r`, and nothing else.
    private func makeDisk() throws -> (disk: SimulatedFileSystem, file: any OpenFile) {
        let disk = SimulatedFileSystem()
        disk.setContents([UInt8](repeating: 1, count: 64), of: "/a")
        disk.setContents([2], of: "/b")
        disk.setContents([3], of: "/r")
        let file = try disk.openFile("/a", .readWrite)
        #expect(try file.map(byteCount: 64))
        return (disk, file)
    }

    /// One call of each kind, each of which would change what a crash leaves or what reads see.
    private func run(
        _ operation: SimulatedCall.Operation, _ disk: SimulatedFileSystem, _ file: any OpenFile
    ) throws {
        switch operation {
        case .create: _ = try disk.openFile("/new", .create)
        case .createDirectory: try disk.createDirectory("/newDirectory")
        case .rename: try disk.rename("/b", to: "/c")
        case .link: #expect(try disk.link("/a", to: "/d"))
        case .remove: try disk.remove("/r")
        case .syncDirectory: try disk.syncDirectory("/")
        case .lock: _ = try disk.lock("/lock")
        case .write: try file.write([9, 9], at: 30)
        case .reserve: _ = try file.reserve(byteCount: 100)
        case .store: file.store([9], at: 0)
        case .storeWord: file.storeWord(9, at: 8)
        case .truncate: try file.truncate(toByteCount: 3)
        case .sync: try file.sync()
        case .open: _ = try disk.openFile("/a", .read)
        case .list: _ = try disk.entries(of: "/")
        case .isLocked: _ = try disk.isLocked("/lock")
        case .openDirectory: _ = try disk.openDirectory("/")
        case .isInPlace: _ = try disk.handle(onLock: "/a")?.isInPlace()
        case .size: _ = try file.byteCount()
        case .read: _ = try file.readOnce(1, at: 0)
        case .readIfCached: _ = try file.readIfCached(1, at: 0)
        case .map: _ = try file.map(byteCount: 64)
        case .populate: file.populate(0..<64)
        }
    }

    /// All that can be seen of the disk, now and after the next power loss.
    private func state(_ disk: SimulatedFileSystem) throws -> [String] {
        try [disk.crashImage(boot: .same), disk.crashImage(.syncedOnly, boot: .another)].flatMap { image in
            try image.entries(of: "/").map { entry in
                "\(entry.name) \(image.contents(of: FilePath("/\(entry.name)"))?.description ?? "directory")"
            } + [";"]
        }
    }

    @Test(arguments: SimulatedCall.Operation.allCases)
    func callIsCutOffWithoutEffect(_ operation: SimulatedCall.Operation) throws {
        let (disk, file) = try makeDisk()
        // Something unsynced, so that a sync would make a difference.
        try file.write([7], at: 63)
        _ = try disk.openFile("/unsynced", .create)
        let before = try state(disk)
        let count = disk.mutatingCallCount

        disk.cutPower(atCall: count + 1)
        let failure = code { try run(operation, disk, file) }
        #expect(disk.isPowerCut == operation.isMutating)
        if operation.isMutating {
            #expect(failure == (operation == .store || operation == .storeWord ? nil : .ioError))
            #expect(disk.mutatingCallCount == count + 1)
        } else {
            #expect(failure == nil)
            #expect(disk.mutatingCallCount == count)
        }
        #expect(try state(disk) == before)
    }

    @Test(arguments: SimulatedCall.Operation.allCases.filter(\.isMutating))
    func sameCallHasAnEffectWithPower(_ operation: SimulatedCall.Operation) throws {
        let (disk, file) = try makeDisk()
        try file.write([7], at: 63)
        _ = try disk.openFile("/unsynced", .create)
        let before = try state(disk)
        disk.cutPower(atCall: disk.mutatingCallCount + 2)
        try run(operation, disk, file)
        #expect(try state(disk) != before)
        #expect(!disk.isPowerCut)
    }

    @Test func nothingHappensAfterTheCut() throws {
        let (disk, file) = try makeDisk()
        guard case .acquired(let lock) = try disk.lock("/lock") else { return }
        let before = try state(disk)
        disk.cutPower()
        for operation in SimulatedCall.Operation.allCases {
            let failure = code { try run(operation, disk, file) }
            #expect(failure == (operation.isUnheard ? nil : .ioError), "\(operation)")
        }
        lock.unlock()
        file.close()
        #expect(try state(disk) == before)
    }

    @Test func imageHasPowerAgain() throws {
        let (disk, _) = try makeDisk()
        disk.cutPower()
        for boot in [CrashBoot.same, .another] {
            let image = disk.crashImage(boot: boot)
            #expect(!image.isPowerCut)
            #expect(image.mutatingCallCount == 0)
            try image.openFile("/a", .readWrite).write([5], at: 0)
            #expect(image.contents(of: "/a")?[0] == 5)
        }
        #expect(disk.contents(of: "/a")?[0] == 1)
    }

    @Test(arguments: [Operation.write, .store])
    func bytesAreTornAtMultiplesOfEight(_ operation: SimulatedCall.Operation) throws {
        let seed = testSeed()
        var kept: Set<Int> = []
        for number in 0..<200 as Range<UInt64> {
            let (disk, file) = try makeDisk()
            disk.cutPower(atCall: 1, tearing: seed &+ number)
            let bytes = [UInt8](repeating: 9, count: 30)
            if operation == .write { _ = try? file.write(bytes, at: 5) } else { file.store(bytes, at: 5) }
            let contents = try #require(disk.contents(of: "/a"))
            let count = contents.count { $0 == 9 }
            #expect(contents == [1, 1, 1, 1, 1] + bytes.prefix(count) + [UInt8](repeating: 1, count: 59 - count))
            kept.insert(count)
        }
        #expect(kept == [0, 3, 11, 19, 27, 30])
    }

    @Test func wordIsNeverTorn() throws {
        let seed = testSeed()
        var seen: Set<[UInt8]> = []
        for number in 0..<50 as Range<UInt64> {
            let (disk, file) = try makeDisk()
            disk.cutPower(atCall: 1, tearing: seed &+ number)
            file.storeWord(.max, at: 8)
            seen.insert(Array(try #require(disk.contents(of: "/a"))[8..<16]))
        }
        #expect(seen == [[UInt8](repeating: 1, count: 8), [UInt8](repeating: 255, count: 8)])
    }

    @Test func everyMutatingCallIsCountedAndTraced() throws {
        let (disk, file) = try makeDisk()
        disk.isTracing = true
        for operation in SimulatedCall.Operation.allCases where operation != .truncate {
            try run(operation, disk, file)
        }
        let traced = disk.trace.map(\.operation)
        #expect(traced == SimulatedCall.Operation.allCases.filter { $0 != .truncate })
        #expect(disk.mutatingCallCount == traced.count { $0.isMutating })
        #expect(disk.trace.last?.number == disk.callCount)
    }
}
