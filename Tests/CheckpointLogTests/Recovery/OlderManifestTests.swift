import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A manifest of an earlier moment, put in the place of the right one, is noticed: what it does not list would be lost
/// in silence, and removed by the next opening for writing.
@Suite struct OlderManifestTests {
    private static let manifest = SpecimenLog.path.appending("MANIFEST")
    private let disk = SimulatedFileSystem(seed: 21)

    /// The names of the files, and the manifest as it stood before a large batch of the same opening was committed.
    private func life(isClosed: Bool) throws -> (names: [String], older: [UInt8]) {
        let engine = try DurabilityTests.open(disk)
        try DurabilityTests.put(engine, "before", 1)
        let writer = try engine.requireWriter()
        // The number is taken by an edit of its own in the usual case.
        for _ in 0..<200 { _ = try writer.manifest.reserveSegmentNumber() }
        let older = try #require(disk.contents(of: Self.manifest))
        try DurabilityTests.group(engine, 2, count: 3_000)
        if isClosed { try engine.close() } else { engine.abandon() }
        return (disk.fileNames(in: SpecimenLog.path), older)
    }

    @Test(arguments: [false, true], [CrashBoot.same, .another])
    func anOlderManifestOfTheSameOpeningIsDamage(isClosed: Bool, boot: CrashBoot) throws {
        let (names, older) = try life(isClosed: isClosed)
        let image = disk.crashImage(.everything, boot: boot)
        let right = try #require(image.contents(of: Self.manifest))
        image.setContents(older, of: Self.manifest)
        let writing = #expect(throws: CheckpointLogError.self) { try DurabilityTests.open(image) }
        #expect(writing?.code == .damaged && writing?.location?.path == Self.manifest.string)
        let configuration = SpecimenLog.configuration(image)
        let reading = #expect(throws: CheckpointLogError.self) {
            try LogEngine.openForReading(at: SpecimenLog.path, configuration, isSalvage: false)
        }
        #expect(reading?.code == .damaged)
        let salvage = try LogEngine.openForReading(at: SpecimenLog.path, configuration, isSalvage: true)
        #expect(salvage.report.damage.first?.location?.path == Self.manifest.string)
        let report = LogVerifierTests.verify(image, .full)
        #expect(report.findings.contains { $0.severity == .damage && $0.file == "MANIFEST" })
        #expect(image.fileNames(in: SpecimenLog.path) == names, "nothing is removed")
        image.setContents(right, of: Self.manifest)
        let after = try DurabilityTests.open(image)
        #expect(try DurabilityTests.number(after, "left") == 2)
        #expect(try DurabilityTests.number(after, "before") == 1)
        after.abandon()
    }

    /// A reader that is open while it happens says so at its next look, and keeps what it had.
    @Test func aReaderNoticesAnOlderManifest() throws {
        let older = try life(isClosed: true).older
        let reader = try LogEngine.openForReading(
            at: SpecimenLog.path, SpecimenLog.configuration(disk), isSalvage: false)
        #expect(try DurabilityTests.number(reader, "left") == 2)
        disk.setContents(older, of: Self.manifest)
        let error = #expect(throws: CheckpointLogError.self) { try reader.refresh(isForced: true) }
        #expect(error?.code == .damaged)
    }

    /// Every cut leaves a manifest that is as new as what `POSITION` states, or newer.
    @Test func aCutLeavesNoOlderManifest() throws {
        let images = Lock<[SimulatedFileSystem]>([])
        disk.observe { [disk] _ in
            let made: [SimulatedFileSystem] = [
                disk.crashImage(boot: .same), disk.crashImage(.everything, boot: .another),
                disk.crashImage(.syncedOnly, boot: .another),
            ]
            // The page may reach the disk by itself at any moment.
            let page = SpecimenLog.path.appending("POSITION")
            if let bytes = disk.contents(of: page) { made[2].setContents(bytes, of: page) }
            images.withLock { $0 += made }
        }
        for number in 1...3 {
            let engine = try DurabilityTests.open(disk)
            try DurabilityTests.group(engine, number, count: 3_000)
            try engine.requireWriter().maintenance.compact(fully: true)
            if number == 2 { try engine.close() } else { engine.abandon() }
        }
        disk.observe(nil)
        let seen = images.withLock { $0 }
        #expect(seen.count > 100)
        for (index, image) in seen.enumerated() where image.contents(of: Self.manifest) != nil {
            #expect(throws: Never.self, "image \(index)") { try DurabilityTests.open(image).abandon() }
        }
    }
}
