import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// R1 and R2: every file of a log cut off at every byte, and with every single bit inverted.
///
/// Proves: what is read back is the intact state, a torn tail cut back to what was not promised, or an error that names
/// what is lost; never a wrong value and never a silent loss.
@Suite struct DamagedCopyTests {
    /// Unoptimized, a part is tried that reaches every field.
    static var bitStride: Int { takesSamples && !isLongRun ? 61 : 1 }

    static var byteStride: Int { takesSamples && !isLongRun ? 7 : 1 }

    struct Sight: Sendable, CustomTestStringConvertible {
        var boot: CrashBoot
        var access: SpecimenLog.Access
        var testDescription: String { "\(access.rawValue), \(boot) boot" }

        static let all: [Sight] = SpecimenLog.Access.allCases.flatMap { access in
            [Sight(boot: .same, access: access), Sight(boot: .another, access: access)]
        }
    }

    /// The zeros after the fields of POSITION, and the places of the snapshot, which is used or is not: they are tried
    /// under one sight each and, outside of long runs, with one bit of each byte.
    private static func isOneOfMany(_ file: SpecimenLog.File, _ place: Int, perByte: Int) -> Bool {
        file == .snapshot || file == .position && place >= 256 * perByte
    }

    /// Whether a damage is tried under a boot. Where the log ends is what the boot decides, and the chain and POSITION
    /// alone tell that: in the other files every place is tried for writing and for reading, and under one boot and the
    /// other in turn.
    static func isTried(_ file: SpecimenLog.File, _ place: Int, under boot: CrashBoot) -> Bool {
        switch file {
        case .active, .position, .snapshot: true
        // By two, since by one it is decided whether there is a snapshot.
        case .sealed, .output, .value, .manifest: isLongRun || (place / 2 % 2 == 0) == (boot == .same)
        }
    }

    /// Tries `mutate` at every place, and gives how often each outcome came up.
    private static func sweep(
        _ log: SpecimenLog, _ file: SpecimenLog.File, _ places: StrideTo<Int>, perByte: Int, _ what: String,
        mutate: (SimulatedFileSystem, Int) -> Void
    ) -> [SpecimenLog.Outcome: Int] {
        var counts: [SpecimenLog.Outcome: Int] = [:]
        var wrong = 0
        for (index, sight) in Sight.all.enumerated() {
            let image = log.disk.crashImage(.everything, boot: sight.boot)
            for place in places {
                if !isTried(file, place, under: sight.boot) { continue }
                if isOneOfMany(file, place, perByte: perByte) {
                    if place % Sight.all.count != index { continue }
                    if perByte == 8, !isLongRun, place % 9 != 0 { continue }
                }
                let copy = image.copy()
                // With the index read from its snapshot, and with it read from the footers.
                if file != .snapshot, place % 2 == 0 { copy.removeFile(log.path(.snapshot)) }
                mutate(copy, place)
                let before = place % 31 == 0 ? copy.copy() : nil
                var outcome = log.judge(copy, damaged: file, sight.access, boot: sight.boot)
                if let before { outcome = log.judgeAfterwards(outcome, copy, before, damaged: file) }
                if outcome.isWrong {
                    wrong += 1
                    if wrong < 6 { Issue.record("\(file), \(what) \(place), \(sight.testDescription): \(outcome)") }
                    continue
                }
                counts[outcome, default: 0] += 1
            }
        }
        return counts
    }

    @Test func theSpecimenIsWhatItShouldBe() throws {
        let log = try SpecimenLog()
        for file in SpecimenLog.File.allCases {
            let bytes = try #require(log.disk.contents(of: log.path(file)), "\(file)")
            #expect((200...64 << 10).contains(bytes.count), "\(file): \(bytes.count)")
        }
        for sight in Sight.all {
            let image = log.disk.crashImage(.everything, boot: sight.boot)
            #expect(log.judge(image, damaged: .active, sight.access, boot: sight.boot) == .intact)
        }
        #expect(log.syncedCount > 3 && log.states.count - 1 > log.syncedCount + 3)
    }

    @Test(arguments: SpecimenLog.File.allCases) func truncationAtEveryByteIsNoticed(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(file)))
        let places = stride(from: 0, to: bytes.count, by: Self.byteStride)
        let counts = Self.sweep(log, file, places, perByte: 1, "cut at byte") { copy, place in
            copy.setContents(Array(bytes.prefix(place)), of: log.path(file))
        }
        Self.expectOutcomes(counts, of: file)
        tellCounts("DamagedCopy", ["truncations": counts.values.reduce(0, +)])
    }

    @Test(arguments: SpecimenLog.File.allCases) func everyFlippedBitIsNoticedOrHarmless(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(file)))
        let places = stride(from: 0, to: bytes.count * 8, by: Self.bitStride)
        let counts = Self.sweep(log, file, places, perByte: 8, "flipped bit") { copy, place in
            copy.flipBit(place, of: log.path(file))
        }
        Self.expectOutcomes(counts, of: file)
        tellCounts("DamagedCopy", ["flips": counts.values.reduce(0, +)])
    }

    /// Each file has outcomes of its own: one that is missing means that the sweep missed what it is for.
    private static func expectOutcomes(_ counts: [SpecimenLog.Outcome: Int], of file: SpecimenLog.File) {
        let kinds = Set(counts.keys.map { if case .cut = $0 { SpecimenLog.Outcome.cut(to: 0) } else { $0 } })
        switch file {
        case .active: #expect(kinds == [.intact, .cut(to: 0), .refused])
        case .sealed, .output: #expect(kinds == [.intact, .restoreDamaged] || kinds == [.refused])
        case .value: #expect(kinds.contains(.restoreDamaged) && kinds.isSubset(of: [.intact, .restoreDamaged]))
        case .manifest: #expect(kinds == [.refused])
        case .position, .snapshot: #expect(kinds == [.intact])
        }
    }

    @Test(arguments: SpecimenLog.File.allCases) func aMissingFileIsNoticed(file: SpecimenLog.File) throws {
        let log = try SpecimenLog()
        for sight in Sight.all {
            let copy = log.disk.crashImage(.everything, boot: sight.boot)
            copy.removeFile(log.path(file))
            let outcome = log.judge(copy, damaged: file, sight.access, boot: sight.boot)
            let expected: SpecimenLog.Outcome =
                switch file {
                case .active, .sealed, .output, .manifest: .refused
                case .value: .restoreDamaged
                case .position, .snapshot: .intact
                }
            #expect(outcome == expected, "\(sight.testDescription)")
        }
    }

    @Test func whatWasNeverSyncedIsATornTail() throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(.active)))
        let image = log.disk.crashImage(.everything, boot: .another)
        for place in stride(from: log.syncedOffset, to: log.writtenOffset, by: Self.byteStride) {
            let copy = image.copy()
            copy.setContents(Array(bytes.prefix(place)), of: log.path(.active))
            guard case .cut = log.judge(copy, damaged: .active, .writing, boot: .another) else {
                // The promise frame at its start is no record.
                #expect(place > log.writtenOffset - 8, "cut at byte \(place)")
                continue
            }
        }
    }

    /// The footer is found by the trailer at the end, or else by a scan: a cut that leaves all frames must be told,
    /// too.
    @Test(arguments: [SpecimenLog.File.sealed, .output], [true, false])
    func aShortenedSealedSegmentIsNoticed(file: SpecimenLog.File, withSnapshot: Bool) throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(file)))
        for count in [bytes.count - 1, bytes.count - 8, bytes.count - SegmentFooter.trailerByteCount, bytes.count / 2] {
            let copy = log.disk.crashImage(.everything, boot: .another)
            if !withSnapshot { copy.removeFile(log.path(.snapshot)) }
            copy.setContents(Array(bytes.prefix(count)), of: log.path(file))
            #expect(log.judge(copy, damaged: file, .writing, boot: .another) == .refused, "\(count) bytes")
        }
    }

    /// A process that dies leaves what it had written, synced or not.
    @Test func whatWasWrittenIsNoTornTailAfterAKill() throws {
        let log = try SpecimenLog()
        let bytes = try #require(log.disk.contents(of: log.path(.active)))
        let image = log.disk.crashImage(.everything, boot: .same)
        for place in stride(from: log.syncedOffset, to: log.writtenOffset, by: Self.byteStride) {
            let copy = image.copy()
            copy.setContents(Array(bytes.prefix(place)), of: log.path(.active))
            let outcome = log.judge(copy, damaged: .active, .writing, boot: .same)
            #expect(outcome == .refused, "cut at byte \(place)")
        }
    }

    /// Without POSITION only the promises of later frames tell that what stands before them was durable.
    @Test func promisesAloneTellDamageFromATornTail() throws {
        let log = try SpecimenLog()
        let image = log.disk.crashImage(.everything, boot: .another)
        image.removeFile(log.path(.position))
        for place in stride(from: SegmentHeader.byteCount, to: log.syncedOffset, by: Self.byteStride * 5) {
            let copy = image.copy()
            copy.flipBit(place * 8, of: log.path(.active))
            let outcome = log.judge(copy, damaged: .active, .writing, boot: .another)
            #expect(outcome == .refused, "byte \(place)")
        }
    }
}
