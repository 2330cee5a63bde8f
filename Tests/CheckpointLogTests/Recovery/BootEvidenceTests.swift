import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// By what an opening tells that everything written must be there, so that what is missing is damage, from a log that
/// may have lost what was not synced.
@Suite struct BootEvidenceTests {
    /// The specimen without what the active segment had not synced.
    static func withoutUnsynced(_ log: SpecimenLog, boot: CrashBoot) throws -> SimulatedFileSystem {
        let image = log.disk.crashImage(.everything, boot: boot)
        let bytes = try #require(image.contents(of: log.path(.active)))
        let kept = bytes.prefix(log.syncedOffset)
        image.setContents(kept + [UInt8](repeating: 0, count: bytes.count - kept.count), of: log.path(.active))
        return image
    }

    /// Replaces a word of POSITION.
    static func setWord(_ word: UInt64, at offset: Int, _ image: SimulatedFileSystem, _ log: SpecimenLog) throws {
        var bytes = try #require(image.contents(of: log.path(.position)))
        for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> (8 * index)) }
        image.setContents(bytes, of: log.path(.position))
    }

    @Test(arguments: SpecimenLog.Access.allCases)
    func inItsPlaceUnderTheSameBootNothingWrittenMayBeMissing(access: SpecimenLog.Access) throws {
        let log = try SpecimenLog()
        let image = try Self.withoutUnsynced(log, boot: .same)
        #expect(log.judge(image, damaged: .active, access, boot: .same) == .refused)
    }

    /// As a snapshot of a file system or a copy of the files has it: the same boot, another place.
    @Test(arguments: SpecimenLog.Access.allCases)
    func aSnapshotOfALiveLogOpensAsAfterAPowerCut(access: SpecimenLog.Access) throws {
        let log = try SpecimenLog()
        for place: UInt64 in [2, 0] {
            let image = try Self.withoutUnsynced(log, boot: .same)
            image.place = place
            let outcome = log.judge(image, damaged: .active, access, boot: .another)
            #expect(outcome == .cut(to: log.syncedCount), "place \(place)")
        }
    }

    /// Containers can hide the name of the boot. Two openings that know none may be of different boots.
    @Test(arguments: SpecimenLog.Access.allCases) func aBootThatIsNotKnownIsAnother(access: SpecimenLog.Access) throws {
        let log = try SpecimenLog()
        let image = try Self.withoutUnsynced(log, boot: .same)
        image.bootIdentifier = 0
        try Self.setWord(0, at: 64, image, log)
        let outcome = log.judge(image, damaged: .active, access, boot: .another)
        #expect(outcome == .cut(to: log.syncedCount))
    }

    @Test func namesOfBootsThatTellNothingAreNotKnown() {
        for name in ["", "\n", "00000000-0000-0000-0000-000000000000\n", "\0\0\0\0"] {
            #expect(POSIXFileSystem.bootIdentifier(named: Array(name.utf8)) == 0, "\(name)")
        }
        let first = POSIXFileSystem.bootIdentifier(named: Array("5b7a24ba-8e55-4a5f-a7a1-6d63d1c5f3a1\n".utf8))
        let second = POSIXFileSystem.bootIdentifier(named: Array("5b7a24ba-8e55-4a5f-a7a1-6d63d1c5f3a2\n".utf8))
        #expect(first != 0 && second != 0 && first != second)
    }

    /// A directory that was renamed is where it was; a copy of it is not.
    @Test func aDirectoryKeepsItsPlaceAndACopyHasAnother() throws {
        let directory = try TemporaryDirectory()
        let system = POSIXFileSystem.shared
        let (path, moved, copy) = (
            directory.path.appending("log"), directory.path.appending("moved"), directory.path.appending("copy")
        )
        try system.createDirectory(path)
        let place = try system.openDirectory(path).placeIdentifier
        try system.rename(path, to: moved)
        try system.createDirectory(copy)
        #expect(try place != 0 && system.openDirectory(moved).placeIdentifier == place)
        #expect(try system.openDirectory(copy).placeIdentifier != place)
    }

    /// The system takes pages for clean that a failed sync did not write: once they leave the memory, the files are
    /// shorter than what was written, under the same boot. Before the second opening's first sync the page of the first
    /// may be the one whose name is on the disk.
    @Test(arguments: 1...2) func aLogWhoseSyncFailedOpensWhenItsPagesAreGone(openings: Int) throws {
        let disk = SimulatedFileSystem(seed: 14)
        disk.failedSyncBehavior = .dropped
        for _ in 1..<openings { try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk)).close() }
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        func append(_ key: CheckpointKey, _ number: Int) throws -> SequenceNumber {
            try engine.append(PowerLossTests.bytes(number, count: 3_000), PowerLossTests.content(), key: key)
                .sequenceNumber
        }
        _ = try append("key", 1)
        try FailedSyncTests.sync(engine)
        let lost = try (2...9).map { try append("key", $0) }
        disk.fail(.sync, where: { $0.string.hasSuffix(".log") }, with: .ioError)
        #expect(throws: CheckpointLogError.self) { try FailedSyncTests.sync(engine) }
        engine.abandon()
        let image = disk.crashImage(.syncedOnly, boot: .another)
        image.bootIdentifier = disk.bootIdentifier
        let again = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(image))
        defer { again.abandon() }
        let bytes = unsafe try again.withContent(level: 1, key: "key") { unsafe Array($1) }
        #expect(bytes.flatMap(PowerLossTests.number) == 1)
        // What was acknowledged as written and is gone is told, by its numbers.
        let told = try #require(again.report.possiblyLost)
        #expect(lost.allSatisfy(told.contains), "\(told), lost \(lost)")
        #expect(try Int(#require(lost.first).rawValue) == Int(told.lowerBound.rawValue))
    }

    /// What a power cut took is told by its numbers; after the end of a process there is nothing to tell.
    @Test func whatMayBeLostIsToldByItsNumbers() throws {
        let log = try SpecimenLog()
        func report(_ image: SimulatedFileSystem) throws -> RecoveryReport {
            let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(image))
            defer { engine.abandon() }
            return engine.report
        }
        let numbers = log.values.keys.sorted()
        let newest = try #require(numbers.last)
        #expect(try report(log.disk.crashImage(.everything, boot: .same)).possiblyLost == nil)
        #expect(try report(log.disk.crashImage(.everything, boot: .another)).possiblyLost == nil)
        let cut = try report(try Self.withoutUnsynced(log, boot: .another))
        #expect(cut.possiblyLost?.contains(newest) == true)
        // Nothing states what was written.
        let image = log.disk.crashImage(.everything, boot: .another)
        image.removeFile(log.path(.position))
        #expect(try report(image).possiblyLost.map { $0.upperBound > newest } == true)
        // Nor does a page whose written position is unreadable, although it is of this boot.
        let unstated = try Self.withoutUnsynced(log, boot: .same)
        try Self.setWord(1, at: 128, unstated, log)
        #expect(try report(unstated).possiblyLost?.contains(newest) == true)
        // A log that was closed has lost nothing, also where its last segment was empty.
        let closed = log.disk.crashImage(.everything, boot: .same)
        for isEmpty in [false, true] {
            let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(closed))
            if !isEmpty { _ = try engine.append([1], PowerLossTests.content(), key: "a") }
            try engine.close()
            #expect(try report(closed.crashImage(.syncedOnly, boot: .another)).possiblyLost == nil, "empty: \(isEmpty)")
        }
        // Nor has one that has only just begun.
        #expect(try report(SimulatedFileSystem()).possiblyLost == nil)
    }
}
