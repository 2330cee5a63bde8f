import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The verifier and recovery read the same rules by different code: they must come to the same judgement of every
/// image.
@Suite struct VerificationAgreementTests {
    static var byteStride: Int {
        // Read by the two ways twice each, an image takes five times what it takes of a sweep of one.
        isLongRun ? 1 : takesSamples ? 29 : 5
    }

    static func verify(_ disk: SimulatedFileSystem, _ level: VerificationLevel = .deep) -> VerificationReport {
        LogVerifier(directory: SpecimenLog.path, level: level, fileSystem: disk, threadCount: 1).run()
    }

    /// What is wrong with `report` beside what an opening for writing makes of the same image; nil when they agree.
    ///
    /// - Parameter isCut: whether the image was made by cutting a file off: at the end of a frame nothing tells that
    ///   from a log that ends there.
    static func disagreement(
        _ report: VerificationReport, _ outcome: SpecimenLog.Outcome, isCut: Bool = false
    ) -> String? {
        let namesLoss = report.findings.contains { !$0.lost.isEmpty }
        let isHarmless = report.findings.allSatisfy { $0.severity != .damage || $0.isHarmless }
        switch outcome {
        case .wrong(let what): return what
        case .refused, .restoreDamaged:
            if report.exitCode < 3 { return "exit code \(report.exitCode) where recovery finds damage" }
            let isManifest = report.findings.contains { $0.file == "MANIFEST" }
            return namesLoss || isManifest ? nil : "nothing lost is named"
        case .cut:
            return report.exitCode == 1 || (isCut && report.exitCode == 0)
                ? nil : "exit code \(report.exitCode) at a torn tail"
        case .intact:
            return isHarmless && report.exitCode < 4 ? nil : "damage where recovery finds everything"
        }
    }

    @Test(arguments: SpecimenLog.File.allCases)
    func everyFlippedByteIsJudgedAsRecoveryJudgesIt(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        let count = try #require(log.disk.contents(of: log.path(file))).count
        var generator = SeededGenerator(seed: testSeed())
        var exitCodes: Set<Int> = []
        var (flips, failures) = (0, 0)
        for boot in [CrashBoot.same, .another] {
            let image = log.disk.crashImage(.everything, boot: boot)
            for offset in stride(from: 0, to: file == .position ? 256 : count, by: Self.byteStride) {
                let bit = offset * 8 + generator.number(below: 8)
                let copy = image.copy()
                copy.flipBit(bit, of: log.path(file))
                flips += 1
                let report = Self.verify(copy)
                exitCodes.insert(report.exitCode)
                let outcome = log.judge(copy, damaged: file, .writing, boot: boot)
                guard let problem = Self.disagreement(report, outcome) else { continue }
                failures += 1
                if failures < 6 {
                    Issue.record("\(file), bit \(bit), \(boot) boot: \(problem); \(outcome); \(report.findings)")
                }
            }
        }
        #expect(failures == 0)
        tellCounts("VerificationAgreement", ["flips": flips])
        switch file {
        case .snapshot: #expect(exitCodes == [2])
        case .manifest, .value, .position: break
        default: #expect(exitCodes.count > 1, "\(exitCodes)")
        }
    }

    @Test(arguments: SpecimenLog.File.allCases)
    func everyCutIsJudgedAsRecoveryJudgesIt(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(file)))
        var (truncations, failures) = (0, 0)
        for boot in [CrashBoot.same, .another] {
            let image = log.disk.crashImage(.everything, boot: boot)
            for count in stride(from: 0, to: bytes.count, by: Self.byteStride * 3) {
                let copy = image.copy()
                copy.setContents(Array(bytes.prefix(count)), of: log.path(file))
                truncations += 1
                let report = Self.verify(copy)
                let outcome = log.judge(copy, damaged: file, .writing, boot: boot)
                guard let problem = Self.disagreement(report, outcome, isCut: true) else { continue }
                failures += 1
                if failures < 6 {
                    Issue.record("\(file), cut at \(count), \(boot) boot: \(problem); \(outcome); \(report.findings)")
                }
            }
        }
        #expect(failures == 0)
        tellCounts("VerificationAgreement", ["truncations": truncations])
    }

    @Test(arguments: SpecimenLog.File.allCases)
    func aMissingFileIsJudgedAsRecoveryJudgesIt(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        for boot in [CrashBoot.same, .another] {
            let copy = log.disk.crashImage(.everything, boot: boot)
            copy.removeFile(log.path(file))
            let report = Self.verify(copy)
            let outcome = log.judge(copy, damaged: file, .writing, boot: boot)
            let problem = Self.disagreement(report, outcome, isCut: true)
            #expect(problem == nil, "\(boot) boot: \(problem ?? ""); \(outcome); \(report.findings)")
        }
    }

    /// No power cut leaves damage, whatever part of what was not synced has reached the disk.
    @Test(arguments: [true, false]) func everyPowerCutLeavesATornTailAtMost(mapping: Bool) throws {
        let seed = testSeed(11)
        let whole = SimulatedFileSystem(seed: seed)
        if !mapping { whole.mapping = .refused }
        var told = PowerLossTests.Acknowledged()
        try PowerLossTests.live(whole, mapping: mapping, steps: 30, &told)
        var exitCodes: Set<Int> = []
        var (cuts, images) = (0, 0)
        for call in stride(from: 1, through: whole.mutatingCallCount, by: isLongRun ? 1 : 17) {
            let disk = SimulatedFileSystem(seed: seed &+ UInt64(call))
            if !mapping { disk.mapping = .refused }
            disk.cutPower(atCall: call, tearing: UInt64(call))
            cuts += 1
            var told = PowerLossTests.Acknowledged()
            try? PowerLossTests.live(disk, mapping: mapping, steps: 30, &told)
            for (kind, boot) in [
                (CrashImageKind.everything, CrashBoot.same), (.syncedOnly, .another), (.everything, .another),
                (.random(UInt64(call)), .another),
            ] {
                let image = disk.crashImage(kind, boot: boot)
                let report = Self.verify(image)
                images += 1
                exitCodes.insert(report.exitCode)
                // Without a manifest nothing was acknowledged yet.
                let isBegun = image.contents(of: "/log/MANIFEST") != nil
                #expect(
                    report.exitCode <= 2 || (!isBegun && report.exitCode == 5),
                    "seed \(seed), cut at call \(call), \(kind), \(boot) boot: \(report.findings)")
            }
        }
        #expect(exitCodes.contains(0) && exitCodes.contains(1))
        tellCounts("VerificationAgreement", ["cuts": cuts, "images": images])
    }
}
