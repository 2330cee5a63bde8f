import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What stands in a log's directory instead of its files: links, pipes, directories, holes, names that lead elsewhere.
/// Whatever it is, an opening or a verification ends in a value, an error or a finding, and nothing beside the
/// directory is touched.
@Suite(.timeLimit(.minutes(2))) struct HostileDirectoryTests {
    /// A name of every file that a log has, or could have.
    static let names: [String] = {
        var names = [
            "LOCK", "MANIFEST", "POSITION", "SNAPSHOT", "MANIFEST.tmp", "POSITION.tmp", "SNAPSHOT.tmp", "RESERVE",
            "quarantine",
        ]
        for role in SegmentRole.allCases { names += [HostileLog.segments(role).last?.fileName ?? ""] }
        names += [HostileLog.segments(.log).first?.fileName ?? "", "00000fff.out.tmp"]
        return names
    }()

    /// What a log's directory is worth when a file is not what it should be: nothing leaves it, and every way ends.
    private func check(_ name: String, _ harm: (HostileLog) throws -> Void) throws {
        for way in LogSurvey.Way.allCases {
            let log = try HostileLog()
            try harm(log)
            let outcome = log.look(way)
            #expect(!outcome.isWrong, "\(name), \(way): \(outcome)")
            #expect(log.isOutsideUntouched, "\(name), \(way): \(outcome)")
            // What an opening for writing left behind can be looked at again.
            let again = log.look(.verification)
            #expect(!again.isWrong, "\(name), \(way), then verified: \(again)")
        }
    }

    @Test func theSoundLogIsSound() throws {
        #expect(HostileLog.files.count >= 9 && !Self.names.contains(""))
        let expected: [LogSurvey.Way: LogSurvey.Outcome] = [
            .writing: .opened(restored: 10), .reading: .opened(restored: 10), .salvage: .opened(restored: 10),
            .verification: .verified(0),
        ]
        for way in LogSurvey.Way.allCases {
            let log = try HostileLog()
            #expect(log.look(way) == expected[way])
            #expect(log.look(.verification) == .verified(0))
        }
    }

    @Test(arguments: names) func aLinkInPlaceOfAFileIsNotFollowed(name: String) throws {
        try check(name) { log in
            try? log.remove(name)
            try FileManager.default.createSymbolicLink(
                atPath: log.path(name).string,
                withDestinationPath: name == "quarantine" ? log.outside.string : log.precious.string)
            if name == "quarantine" { try Self.tearTail(of: log) }
        }
    }

    /// The same file, but outside: what is read through a link could be anybody's, and what is written too.
    @Test(arguments: names) func aLinkToASoundFileElsewhereIsNotFollowed(name: String) throws {
        guard let bytes = HostileLog.files[name] else { return }
        let elsewhere = try TemporaryDirectory()
        let target = elsewhere.path.appending("moved").string
        try check(name) { log in
            try Data(bytes).write(to: URL(filePath: target))
            try log.remove(name)
            try FileManager.default.createSymbolicLink(atPath: log.path(name).string, withDestinationPath: target)
        }
        #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
    }

    /// A second name of a file elsewhere is no link that could be seen: only files of the log's own are written to.
    @Test(arguments: names) func aFileWithASecondNameElsewhereIsNotOverwritten(name: String) throws {
        try check(name) { log in
            guard name != "quarantine" else { return }
            try? log.remove(name)
            try FileManager.default.linkItem(atPath: log.precious.string, toPath: log.path(name).string)
        }
    }

    /// Makes the last segment end in a frame that was never finished.
    private static func tearTail(of log: HostileLog) throws {
        let name = try #require(HostileLog.segments(.log).last).fileName
        var bytes = try log.bytes(name)
        let end = try #require(bytes.lastIndex { $0 != 0 })
        bytes.replaceSubrange(end + 8..<end + 200, with: [UInt8](repeating: 0xEE, count: 192))
        try log.put(bytes, name)
    }

    @Test func aCutTailGoesIntoTheQuarantineOfTheLog() throws {
        let log = try HostileLog()
        try Self.tearTail(of: log)
        #expect(log.look(.writing) == .opened(restored: 10))
        #expect(try FileManager.default.contentsOfDirectory(atPath: log.path("quarantine").string).count == 1)
    }

    /// The name is the log's, a link is not: an opening and a verification say the same of it.
    @Test func aLinkNamedQuarantineIsForeign() throws {
        let log = try HostileLog()
        try FileManager.default.createSymbolicLink(
            atPath: log.path("quarantine").string, withDestinationPath: log.outside.string)
        let engine = try LogEngine.open(at: log.log, LogSurvey.configuration(POSIXFileSystem.shared))
        #expect(engine.report.foreignFiles == ["quarantine"])
        try engine.close()
        let report = LogVerifier(directory: log.log, level: .quick, fileSystem: POSIXFileSystem.shared).run()
        #expect(report.findings.map(\.file) == ["quarantine"])
    }

    @Test(arguments: names) func aPipeInPlaceOfAFileHoldsNothingUp(name: String) throws {
        try check(name) { log in
            try? log.remove(name)
            #expect(unsafe mkfifo(log.path(name).string, 0o600) == 0)
        }
    }

    @Test(arguments: names) func aDirectoryInPlaceOfAFileIsAnErrorAtMost(name: String) throws {
        try check(name) { log in
            try? log.remove(name)
            try FileManager.default.createDirectory(
                atPath: log.path(name).string, withIntermediateDirectories: false)
        }
    }

    @Test(arguments: names) func anEmptyFileIsAnErrorAtMost(name: String) throws {
        try check(name) { try $0.put([], name) }
    }

    /// A tebibyte of zeros that takes no room: neither read through, nor made room for. Bound: 512 MiB, what other
    /// tests hold meanwhile included.
    @Test(arguments: names) func aHoleAtTheEndOfAFileCostsNothing(name: String) throws {
        guard name != "quarantine" else { return }
        let growth = try peakMemoryGrowth {
            try check(name) { log in
                if HostileLog.files[name] == nil { try log.put([], name) }
                try log.stretch(name, to: 1 << 40)
            }
        }
        #expect(growth ?? 0 < 512 << 20)
    }

    @Test(arguments: [
        "..log", "...", "00000007.log\n", "\n", "a\nintact", "0000000G.log", "000000007.log", "00000000.log",
        "00000007.LOG", "00000007.log.tmp.tmp", "MANIFEST ", "..\\precious", "00000007.val/", "\u{1B}[2K", "manifest",
        String(repeating: "x", count: 255),
    ])
    func aForeignNameIsLeftAloneAndReportedOnOneLine(name: String) throws {
        guard !name.hasSuffix("/") else { return }
        for way in LogSurvey.Way.allCases {
            let log = try HostileLog()
            try log.put([1, 2, 3], name)
            let outcome = log.look(way)
            let sound: LogSurvey.Outcome = way == .verification ? .verified(0) : .opened(restored: 10)
            #expect(outcome == sound, "\(way)")
            #expect(try log.bytes(name) == [1, 2, 3])
        }
        let log = try HostileLog()
        try log.put([1, 2, 3], name)
        let report = LogVerifier(directory: log.log, level: .deep, fileSystem: POSIXFileSystem.shared).run()
        #expect(report.findings.map(\.file) == [name])
        for finding in report.findings {
            #expect("\(finding)".unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
        }
    }

    @Test func aHundredThousandForeignFilesAreLeftAlone() throws {
        let count = takesSamples && !isLongRun ? 2_000 : 100_000
        let log = try HostileLog()
        for number in 0..<count { try log.put([], "\(number).txt") }
        #expect(log.look(.reading) == .opened(restored: 10))
        #expect(log.look(.salvage) == .opened(restored: 10))
        #expect(log.look(.verification) == .verified(0))
        #expect(log.look(.writing) == .opened(restored: 10))
        #expect(try FileManager.default.contentsOfDirectory(atPath: log.log.string).count > count)
    }

    /// Names of segments that are none: each is empty, and each is of the chain, or an orphan, by its name alone.
    @Test(arguments: SegmentRole.allCases) func manyEmptySegmentsAreAnErrorAtMost(role: SegmentRole) throws {
        try check("\(role)") { log in
            for number in 0..<200 {
                try log.put([], SegmentName(SegmentNumber(0x1000 + UInt32(number)), role).fileName)
            }
        }
    }
}
