import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// R3: every sector of 512 bytes and every block of 4 KiB of every file of a log zeroed, swapped with another, replaced
/// by a copy of another, by an older version of itself, and by the same place of another log.
///
/// Proves: what is read back is the intact state, a torn tail cut back to what was not promised, or an error that names
/// what is lost; a salvage gives right values only and reports what it misses; the verifier finds what recovery calls
/// damage.
@Suite struct BlockDamageTests {
    /// Unoptimized, one partner in so many is tried for a block, and one image in so many is looked at.
    static var partnerStride: Int { takesSamples && !isLongRun ? 7 : 1 }

    static var imageStride: Int { takesSamples && !isLongRun ? 5 : 1 }

    static func specimen(seed: UInt64 = 7) throws -> SpecimenLog {
        try SpecimenLog(leastValueByteCount: 1_100, seed: seed)
    }

    @Test func theSpecimensAreWhatTheyShouldBe() throws {
        let (log, another) = (try Self.specimen(), try Self.specimen(seed: 8))
        for file in SpecimenLog.File.allCases {
            #expect(log.path(file) == another.path(file))
            let bytes = try #require(log.disk.contents(of: log.path(file)))
            #expect(bytes != another.disk.contents(of: another.path(file)), "\(file)")
            let kinds = Set(
                BlockDamage.all(of: file, in: log, another: another, blockByteCount: 512, partnerStride: 1).map(\.kind))
            #expect(kinds.isSuperset(of: [.zeroed, .foreign, .foreignFile]), "\(file): \(kinds)")
            if [.active, .manifest, .sealed, .position, .snapshot].contains(file) {
                #expect(kinds.isSuperset(of: [.older, .olderFile]), "\(file): \(kinds)")
            }
            if file != .manifest, file != .position {
                #expect(kinds.isSuperset(of: [.swapped, .duplicated]), "\(file): \(kinds)")
                #expect(bytes.count > 2_048, "\(file)")
            }
        }
    }

    @Test(arguments: SpecimenLog.File.allCases, [512, 4_096])
    func everyBlockIsRightOrNamed(file: SpecimenLog.File, blockByteCount: Int) throws {
        let (log, another) = (try Self.specimen(), try Self.specimen(seed: 8))
        let damages = BlockDamage.all(
            of: file, in: log, another: another, blockByteCount: blockByteCount, partnerStride: Self.partnerStride)
        var counts: [String: Int] = [:]
        var shown = 0
        for sight in DamagedCopyTests.Sight.all {
            let image = log.disk.crashImage(.everything, boot: sight.boot)
            for index in stride(from: 0, to: damages.count, by: Self.imageStride) {
                // Another manifest makes other segments the chain.
                if file != .manifest, !DamagedCopyTests.isTried(file, index, under: sight.boot) { continue }
                let damage = damages[index]
                let copy = image.copy()
                if file != .snapshot, index % 2 == 0 { copy.removeFile(log.path(.snapshot)) }
                copy.setContents(damage.bytes, of: log.path(file))
                let (outcome, problems) = Self.look(log, copy, damage, sight)
                counts[outcome.word, default: 0] += 1
                guard !problems.isEmpty, shown < 6 else { continue }
                shown += 1
                Issue.record("\(damage), \(sight): \(problems)")
            }
        }
        tellCounts("BlockDamage", ["blocks": counts.values.reduce(0, +)])
        switch file {
        case .active: #expect(counts["refused"] ?? 0 > 0 && counts["cut"] ?? 0 > 0)
        case .sealed, .output: #expect(counts["restore damaged"] ?? 0 > 0)
        case .value: #expect(counts["restore damaged"] ?? 0 > 0 && counts["refused"] == nil)
        case .manifest: #expect(counts["refused"] ?? 0 > 0)
        case .position, .snapshot: #expect(Set(counts.keys) == ["intact"])
        }
    }

    /// Every way to look at one image: opening, opening after it, salvage and verification.
    private static func look(
        _ log: SpecimenLog, _ copy: SimulatedFileSystem, _ damage: BlockDamage, _ sight: DamagedCopyTests.Sight
    ) -> (outcome: SpecimenLog.Outcome, problems: [String]) {
        var problems: [String] = []
        let before = copy.copy()
        // A manifest of another time is sound by itself: what it does not fit to is what is named.
        var outcome = log.judge(
            copy, damaged: damage.file, sight.access, boot: sight.boot, namesAnyFile: damage.file == .manifest)
        if case .wrong(let what) = outcome { return (outcome, ["\(sight.access): \(what)"]) }
        if sight.access == .writing {
            // The verifier judges the log without its snapshot, which may stand for a footer that is damaged with a
            // frame.
            let bare = before.copy()
            var bareOutcome = outcome
            if damage.file != .snapshot, bare.contents(of: log.path(.snapshot)) != nil {
                bare.removeFile(log.path(.snapshot))
                bareOutcome = log.judge(
                    bare, damaged: damage.file, .writing, boot: sight.boot, namesAnyFile: damage.file == .manifest)
            }
            let report = VerificationAgreementTests.verify(before)
            if let problem = VerificationAgreementTests.disagreement(report, bareOutcome, isCut: true) {
                problems.append("the verifier: \(problem); \(bareOutcome); \(report.findings)")
            }
        }
        if let problem = log.salvageProblem(before, boot: sight.boot) { problems.append("salvage: \(problem)") }
        if outcome == .refused || sight.access == .writing {
            outcome = log.judgeAfterwards(outcome, copy, before, damaged: damage.file)
            if case .wrong(let what) = outcome { problems.append("afterwards: \(what)") }
        }
        return (outcome, problems)
    }
}

extension SpecimenLog.Outcome {
    /// The outcome without its number.
    fileprivate var word: String {
        switch self {
        case .intact: "intact"
        case .cut: "cut"
        case .restoreDamaged: "restore damaged"
        case .refused: "refused"
        case .wrong: "wrong"
        }
    }
}
