import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// What the verifier says of sound logs, torn ones and damaged ones.
@Suite struct LogVerifierTests {
    static let path: FilePath = "/log"

    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        configuration.snapshotByteCount = 0
        configuration.randomSeed = 3
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    static func append(_ engine: LogEngine, _ key: CheckpointKey, _ number: Int, count: Int = 900) throws {
        var content = try engine.attributes(1).adding(.raw)
        content.policy.compression = number % 2 == 0 ? .lz4 : .none
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
        bytes[0] = UInt8(truncatingIfNeeded: number >> 8)
        _ = try engine.append(bytes, content, key: key)
    }

    /// A log with sealed segments, a compaction output, a large value, a group, a removal and a snapshot; closed.
    static func specimen(seed: UInt64 = 1) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: seed)
        for opening in 0..<2 {
            let engine = try LogEngine.open(at: path, configuration(disk))
            for number in 0..<150 { try append(engine, "key \(number % 40)", opening * 150 + number) }
            try append(engine, "large", opening, count: 9_000)
            _ = try engine.appendGroup(
                "pair", [("left", [1, 2, 3], .raw), ("right", [4], .raw)], Level(validating: 2))
            _ = try engine.appendRemoval(of: "key 39", Level(validating: 1))
            if opening == 0 { try engine.requireWriter().maintenance.compact(fully: true) }
            try engine.close()
        }
        return disk
    }

    static func verify(_ disk: SimulatedFileSystem, _ level: VerificationLevel = .deep) -> VerificationReport {
        LogVerifier(directory: path, level: level, fileSystem: disk, threadCount: 2).run()
    }

    static func sealed(_ disk: SimulatedFileSystem) throws -> Manifest {
        let bytes = try #require(disk.contents(of: "/log/MANIFEST"))
        return try #require(try Manifest(bytes, path: ""))
    }

    /// What an index in a file can have other than the log: nothing, a key less, an older version, a key that was
    /// removed, or one that never was.
    @Test(arguments: ["nothing", "lost", "older", "removed", "never"])
    func aSnapshotThatDiffersIsFound(key: String) throws {
        let disk = SimulatedFileSystem(seed: 8)
        var engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        for key in ["lost", "older", "removed"] { try Self.append(engine, CheckpointKey(key), 1) }
        let hash = try engine.hash(of: CheckpointKey(key), level: 1, origin: .own)
        let lost = try engine.hash(of: "lost", level: 1, origin: .own)
        let first = engine.catalog.index.newest(key == "never" ? lost : hash)
        try Self.append(engine, "older", 2)
        _ = try engine.appendRemoval(of: "removed", Level(validating: 1))
        try engine.close()
        engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        let index = engine.catalog.index
        if let newest = index.newestRecord(hash) { index.forget(hash, newest.sequenceNumber) }
        if let first, key != "lost" { _ = index.insert(hash, first, keep: 1) }
        try engine.requireWriter().maintenance.writeSnapshot()
        try engine.close()
        let findings = Self.verify(disk).findings.filter { $0.severity != .note }
        #expect(findings.map(\.severity) == (key == "nothing" ? [] : [.rebuildable]), "\(findings)")
    }

    @Test(arguments: VerificationLevel.allCases)
    func aSoundLogIsIntact(level: VerificationLevel) throws {
        let disk = try Self.specimen()
        let report = Self.verify(disk, level)
        #expect(report.exitCode == 0)
        #expect(report.findings.isEmpty)
        #expect(report.segmentCount >= 4)
        #expect(level == .quick || report.frameCount > 150)
    }

    @Test func aFlippedBitInALiveFrameNamesTheLostKey() throws {
        let disk = try Self.specimen()
        let engine = try LogEngine.open(at: Self.path, Self.configuration(disk.copy()))
        guard case .frame(let entry, _, _) = try engine.newest(RecordQuery(key: "key 7", level: 1)) else {
            Issue.record("the key is not there")
            return
        }
        let file = FilePath("/log").appending(engine.files.path(of: entry.location.segment).lastComponent?.string ?? "")
        try engine.close()
        #expect(disk.flipBit((entry.location.offset + 80) * 8 + 3, of: file))
        for level in [VerificationLevel.full, .deep] {
            let report = Self.verify(disk, level)
            #expect(report.exitCode == 3)
            let finding = try #require(report.findings.first { $0.severity == .damage })
            #expect(finding.offset == entry.location.offset)
            #expect(
                finding.lost == [
                    .init(level: 1, key: "key 7", origin: "", sequenceNumber: "\(entry.sequenceNumber)")
                ])
            #expect("\(finding)".contains("key \"key 7\""))
        }
        #expect(Self.verify(disk, .quick).exitCode == 0, "a quick look reads no frames")
    }

    @Test func aDeadFrameCostsNoLiveCheckpoint() throws {
        let disk = try Self.specimen()
        let segment = try #require(try Self.sealed(disk).segments.first { $0.name.role == .log })
        let file = FilePath("/log").appending(segment.name.fileName)
        let bytes = try #require(disk.contents(of: file))
        let footer = try #require(
            SegmentFooter(Array(bytes[segment.footerOffset..<bytes.count - 64]), count: segment.entryCount))
        // The first 40 values of the second opening are superseded by later ones.
        let dead = try #require(footer.entries.first { $0.kind == .value })
        #expect(disk.flipBit((dead.offset + 100) * 8 + 0, of: file))
        let report = Self.verify(disk)
        #expect(report.exitCode == 3)
        let finding = try #require(report.findings.first { $0.severity == .damage })
        #expect(finding.lost.isEmpty && finding.isHarmless)
        #expect("\(finding)".contains("no live checkpoint lost"))
    }

    /// A log whose last frame was never synced, cut in the middle of it.
    private func cut(boot: CrashBoot) throws -> SimulatedFileSystem {
        let disk = SimulatedFileSystem(seed: 5)
        let engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        for number in 0..<20 { try Self.append(engine, "key \(number)", number) }
        let writer = try engine.requireWriter()
        try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
        let end = writer.appender.writtenPosition
        try Self.append(engine, "last", 1_001)
        let image = disk.crashImage(.everything, boot: boot)
        let file = FilePath("/log").appending(SegmentName(end.segment, .log).fileName)
        var bytes = try #require(image.contents(of: file))
        for offset in Int(end.offset) + 300..<bytes.count { bytes[offset] = 0 }
        image.setContents(bytes, of: file)
        return image
    }

    @Test func aCutLastFrameIsATornTailAfterPowerLossAndDamageAfterAKill() throws {
        let power = Self.verify(try cut(boot: .another))
        #expect(power.exitCode == 1)
        #expect(power.findings.map(\.severity) == [VerificationFinding.Severity.tornTail])
        let kill = Self.verify(try cut(boot: .same))
        #expect(kill.exitCode == 3)
        #expect(kill.findings.contains { $0.severity == .damage && !$0.lost.isEmpty })
        // Recovery judges the same.
        #expect(throws: Never.self) {
            try LogEngine.open(at: Self.path, Self.configuration(try cut(boot: .another))).close()
        }
        #expect(throws: CheckpointLogError.self) {
            try LogEngine.open(at: Self.path, Self.configuration(try cut(boot: .same)))
        }
    }

    @Test func partsThatAreMadeAnewAreExitCodeTwo() throws {
        let sound = try Self.specimen()
        let position = sound.copy()
        #expect(position.flipBit((130) * 8 + 1, of: "/log/POSITION"))
        #expect(Self.verify(position).exitCode == 2)
        let snapshot = sound.copy()
        #expect(snapshot.flipBit((40) * 8 + 1, of: "/log/SNAPSHOT"))
        #expect(Self.verify(snapshot, .full).exitCode == 2)
        let footer = sound.copy()
        let segment = try #require(try Self.sealed(sound).segments.last)
        #expect(
            footer.flipBit((segment.footerOffset + 9) * 8 + 1, of: FilePath("/log").appending(segment.name.fileName)))
        let report = Self.verify(footer)
        #expect(report.exitCode == 2)
        #expect(report.findings.allSatisfy { $0.isHarmless })
    }

    @Test func whatIsMissingIsNamed() throws {
        let sound = try Self.specimen()
        let segment = try #require(try Self.sealed(sound).segments.last)
        let missing = sound.copy()
        #expect(missing.removeFile(FilePath("/log").appending(segment.name.fileName)))
        let report = Self.verify(missing)
        #expect(report.exitCode == 3)
        #expect(report.findings.contains { $0.file == segment.name.fileName && !$0.lost.isEmpty })
        let manifest = sound.copy()
        #expect(manifest.removeFile("/log/MANIFEST"))
        #expect(Self.verify(manifest).exitCode == 3)
        let large = sound.copy()
        let values = large.fileNames(in: "/log").filter { $0.hasSuffix(".val") }
        for name in values { #expect(large.removeFile(FilePath("/log").appending(name))) }
        let found = Self.verify(large, .full)
        #expect(found.exitCode == 3)
        #expect(found.findings.contains { $0.lost.contains { $0.key == "large" } })
    }

    @Test func noLogThereIsExitCodeFive() throws {
        let disk = SimulatedFileSystem(seed: 1)
        #expect(Self.verify(disk).exitCode == 5)
        try disk.createDirectory("/log")
        #expect(Self.verify(disk).exitCode == 5)
    }

    @Test func aNewerFormatIsUnsupportedAndNotDamage() throws {
        let disk = try Self.specimen()
        var bytes = try #require(disk.contents(of: "/log/MANIFEST"))
        bytes[12] = 2
        var crc: [UInt8] = []
        crc.append(littleEndian: Checksum.mask(Checksum.of(Array(bytes[12...]))))
        bytes.replaceSubrange(8..<12, with: crc)
        disk.setContents(bytes, of: "/log/MANIFEST")
        let report = Self.verify(disk)
        #expect(report.exitCode == 4)
        #expect(!report.findings.contains { $0.severity == .damage })
    }

    @Test func foreignFilesAndOrphansAreNotes() throws {
        let disk = try Self.specimen()
        disk.setContents([1, 2, 3], of: "/log/notes.txt")
        disk.setContents([1, 2, 3], of: "/log/0000ffff.out")
        let report = Self.verify(disk)
        #expect(report.exitCode == 0)
        #expect(report.findings.map(\.file) == ["0000ffff.out", "notes.txt"])
    }

    @Test func aLogUnderItsWriterHasNoFindingBehindTheWrittenPosition() throws {
        let disk = SimulatedFileSystem(seed: 9)
        let engine = try LogEngine.open(at: Self.path, Self.configuration(disk))
        for number in 0..<120 {
            try Self.append(engine, "key \(number % 9)", number)
            if number % 10 == 0 {
                let report = Self.verify(disk)
                #expect(report.isWritten)
                #expect(report.exitCode == 0, "\(report.findings)")
            }
        }
        let end = try engine.requireWriter().appender.writtenPosition
        let file = FilePath("/log").appending(SegmentName(end.segment, .log).fileName)
        #expect(disk.flipBit((Int(end.offset) + 20) * 8 + 1, of: file))
        #expect(Self.verify(disk).exitCode == 0)
        #expect(disk.flipBit((Int(end.offset) - 20) * 8 + 1, of: file))
        #expect(Self.verify(disk).exitCode == 3)
        engine.abandon()
    }

    @Test func theReportIsOneJSONObject() throws {
        let disk = try Self.specimen()
        #expect(disk.flipBit((130) * 8 + 1, of: "/log/POSITION"))
        let report = Self.verify(disk)
        let json = try JSONEncoder().encode(report)
        let again = try JSONDecoder().decode(VerificationReport.self, from: json)
        #expect(again.findings == report.findings && again.exitCode == 2)
        #expect(String(decoding: json, as: UTF8.self).contains("\"exitCode\":2"))
    }

    /// Whatever byte changes, the verifier ends, and says so unless the byte means nothing.
    @Test func everyFlippedByteIsFoundOrMeansNothing() throws {
        let sound = try Self.specimen()
        var missed: [String] = []
        var flips = 0
        var generator = SeededGenerator(seed: testSeed())
        for name in sound.fileNames(in: "/log") where ![FileName.lock, FileName.reserve].contains(name) {
            let path = FilePath("/log").appending(name)
            let count = try #require(sound.contents(of: path)).count
            for _ in 0..<(isLongRun ? 2_000 : 60) {
                let disk = sound.copy()
                flips += 1
                let offset = Int.random(in: 0..<count, using: &generator)
                #expect(disk.flipBit((offset) * 8 + Int.random(in: 0..<8, using: &generator), of: path))
                if Self.verify(disk, .full).exitCode == 0, !Self.meansNothing(offset, in: name) {
                    missed.append("\(name):\(offset)")
                }
            }
        }
        #expect(missed.isEmpty, "\(missed)")
        tellCounts("LogVerifier", ["flips": flips])
    }

    /// Boot and place are numbers like any other, and a position has eight check bits: these words are not all that
    /// POSITION goes by.
    private static func meansNothing(_ offset: Int, in file: String) -> Bool {
        file == FileName.position && [64, 128, 192, 256, 320].contains { ($0..<$0 + 8).contains(offset) }
    }
}
