import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Each file of a log removed, emptied, cut, zeroed, and replaced by an older copy of itself, alone and together with
/// each other.
///
/// Proves: nothing that was acknowledged is missing in silence. It is there, or its key is named as damaged, or its
/// number is in ``RecoveryReport/possiblyLost``, or the log does not open; and the verifier says no less.
@Suite struct LostEvidenceTests {
    enum Change: String, CaseIterable, Sendable {
        case removed, emptied, halved, shortened, zeroed, older
    }

    struct Tampering: Hashable, Sendable, CustomStringConvertible {
        var name: String
        var change: Change
        var description: String { "\(name) \(change)" }
    }

    /// A log on a disk, and the files that it had at earlier moments.
    struct Subject {
        var disk: SimulatedFileSystem
        var older: [String: [[UInt8]]] = [:]

        var names: [String] { disk.fileNames(in: LostEvidenceTests.path).filter { $0 != "LOCK" } }

        mutating func remember() {
            for name in names {
                guard let bytes = disk.contents(of: LostEvidenceTests.path.appending(name)) else { continue }
                older[name, default: []].append(bytes)
            }
        }

        /// Log segments with numbers over those that were ever sealed.
        func isChain(_ name: String) throws -> Bool {
            guard let segment = SegmentName(fileName: name), segment.role == .log else { return false }
            let manifest = try Manifest.read(in: disk.openDirectory(LostEvidenceTests.path))
            return segment.identifier > manifest?.lastSealed ?? 0
        }
    }

    static let path: FilePath = "/log"
    static var pairStride: Int { takesSamples && !isLongRun ? 17 : 1 }

    static func configuration(_ disk: SimulatedFileSystem) -> Configuration {
        var configuration = GoldenTests.configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.now = { 1_700_000_000_000_000 }
        return configuration
    }

    // MARK: The logs

    static let subjects = GoldenTests.names + ["several segments", "closed with groups"]

    static func subject(_ name: String) async throws -> Subject {
        switch name {
        case "several segments": try await made(isClosed: false)
        case "closed with groups": try await made(isClosed: true)
        default: try golden(name)
        }
    }

    private static func golden(_ name: String) throws -> Subject {
        let disk = SimulatedFileSystem()
        let folder = GoldenTests.folder.appending(path: name)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            disk.setContents(Array(try Data(contentsOf: folder.appending(path: file))), of: path.appending(file))
        }
        return Subject(disk: disk)
    }

    /// Values small and large, groups in the chain and beside it, removals, an output of a compaction, and a chain of
    /// several segments.
    private static func made(isClosed: Bool) async throws -> Subject {
        var subject = Subject(disk: SimulatedFileSystem(seed: 5))
        for opening in 0..<3 {
            let log = try await CheckpointLog.open(at: path.string, configuration: configuration(subject.disk))
            for step in 0..<10 {
                let number = opening * 100 + step
                try await log.checkpoint(bytes: NumberedBytes.bytes(number, count: 3_000), for: "level 1, \(step % 4)")
                try await log.checkpoint(
                    bytes: NumberedBytes.bytes(number, count: 2_500), for: "level 3, \(step % 2)", level: 3)
                if step == 2 {
                    try await log.checkpoint(bytes: NumberedBytes.bytes(number, count: 9_000), for: "large")
                }
                if step == 3 { try await log.checkpoint(number, for: "gone \(opening)") }
                if step == 4 { try await log.removeCheckpoint(for: "gone \(opening)") }
                if step == 5 { try await commit(log, "small", number, count: 40) }
                if step == 6 { try await commit(log, "wide", number, count: 3_900) }
                if step == 7 { try await log.save() }
                if step == 8, opening == 2 { subject.remember() }
            }
            if opening == 1 { try await log.compact() }
            if opening < 2 || isClosed { try await log.close() } else { log.engine.abandon() }
            if opening < 2 { subject.remember() }
        }
        return subject
    }

    private static func commit(_ log: CheckpointLog, _ name: CheckpointKey, _ number: Int, count: Int) async throws {
        try await log.commit(name, level: 2) { group in
            for member in 0..<4 {
                try group.put([Double](repeating: Double(number), count: count / 8), for: "\(name) \(member)")
            }
        }
    }

    // MARK: What is there

    struct Version: Hashable {
        var level: Int
        var key: CheckpointKey
        var number: SequenceNumber
    }

    /// The numbers of all versions and groups that can be restored, the bytes of each, and the keys that are told as
    /// damaged.
    struct Content {
        var crcs: [Version: UInt32] = [:]
        var damaged: Set<CheckpointKey> = []

        init(_ log: CheckpointLog) async throws {
            for newest in try await log.checkpoints() {
                for version in try await log.history(for: newest.key, level: newest.level) {
                    let address = Version(level: newest.level, key: newest.key, number: version.sequenceNumber)
                    do {
                        let bytes = try await log.restoreBytes(
                            for: newest.key, level: newest.level, version: .sequence(version.sequenceNumber))
                        crcs[address] = bytes.map { Checksum.of($0) }
                    } catch let error as CheckpointLogError where error.code == .damaged {
                        #expect(error.lost.contains { $0.key == newest.key }, "\(error)")
                        damaged.insert(newest.key)
                    }
                }
            }
            for name: CheckpointKey in ["golden", "small", "wide"] {
                do {
                    guard let group = try await log.restoreGroup(name, level: 2) else { continue }
                    var crc: UInt32 = 0
                    for key in group.keys {
                        let member = try await group.restore([Double].self, for: key)
                        crc ^= Checksum.of(Array("\(key) \(member ?? [])".utf8))
                    }
                    crcs[Version(level: -2, key: name, number: group.sequenceNumber)] = crc
                } catch let error as CheckpointLogError where error.code == .damaged {
                    damaged.formUnion(error.lost.compactMap(\.key) + [name])
                }
            }
        }
    }

    // MARK: The changes

    static func tamperings(_ subject: Subject) -> [Tampering] {
        subject.names.flatMap { name in
            Change.allCases.filter { $0 != .older || changed(subject, name, .older) != nil }
                .map { Tampering(name: name, change: $0) }
        }
    }

    /// The bytes that a change leaves; nil for a file that is removed, or was never another.
    private static func changed(_ subject: Subject, _ name: String, _ change: Change) -> [UInt8]? {
        let bytes = subject.disk.contents(of: path.appending(name)) ?? []
        switch change {
        case .removed: return nil
        case .emptied: return []
        case .halved: return Array(bytes.prefix(bytes.count / 2))
        case .shortened: return Array(bytes.prefix(max(0, bytes.count - 100)))
        case .zeroed: return [UInt8](repeating: 0, count: bytes.count)
        case .older: return subject.older[name]?.last { $0 != bytes }
        }
    }

    private static func apply(_ tampering: Tampering, to image: SimulatedFileSystem, _ subject: Subject) {
        let file = path.appending(tampering.name)
        if let bytes = changed(subject, tampering.name, tampering.change) {
            image.setContents(bytes, of: file)
        } else {
            image.removeFile(file)
        }
    }

    /// Whether two changes make a log as it was at an earlier moment: an older POSITION says of an older end, or of the
    /// manifest of its time, that it is the right one. No file is left that tells otherwise.
    private static func isOlderLog(_ pair: [Tampering], _ subject: Subject) throws -> Bool {
        guard pair.contains(Tampering(name: "POSITION", change: .older)) else { return false }
        return try pair.contains { try $0.name == "MANIFEST" && $0.change == .older || subject.isChain($0.name) }
    }

    @Test(arguments: subjects, [CrashBoot.same, .another])
    func nothingIsMissingInSilence(name: String, boot: CrashBoot) async throws {
        let subject = try await Self.subject(name)
        let image = subject.disk.crashImage(.everything, boot: boot)
        let whole = try await Self.opened(image.copy()).content
        #expect(whole.crcs.count > 15 && whole.damaged.isEmpty)
        let singles = Self.tamperings(subject)
        var changes = singles.map { [$0] }
        for (index, first) in singles.enumerated() {
            changes += singles[(index + 1)...].filter { $0.name != first.name }.map { [first, $0] }
        }
        let pairs = stride(from: singles.count, to: changes.count, by: Self.pairStride).map { changes[$0] }
        var (shown, refused, told) = (0, 0, 0)
        for change in changes.prefix(singles.count) + pairs {
            if try Self.isOlderLog(change, subject) { continue }
            let copy = image.copy()
            for tampering in change { Self.apply(tampering, to: copy, subject) }
            let (problem, outcome) = try await Self.judge(copy, whole)
            switch outcome {
            case .refused: refused += 1
            case .told: told += 1
            case .whole: break
            }
            guard let problem, shown < 8 else { continue }
            shown += 1
            Issue.record("\(change), \(boot) boot: \(problem)")
        }
        #expect(refused > 10 && told > 0)
        tellCounts("LostEvidence", ["changes": singles.count + pairs.count])
    }

    // MARK: Judgement

    enum Outcome { case whole, told, refused }

    private static func opened(
        _ disk: SimulatedFileSystem
    ) async throws -> (content: Content, report: RecoveryReport) {
        let log = try await CheckpointLog.open(at: path.string, configuration: configuration(disk))
        let content = try await Content(log)
        let report = log.recoveryReport
        log.engine.abandon()
        return (content, report)
    }

    /// What is wrong with how a changed log is taken; nil when nothing is.
    private static func judge(
        _ copy: SimulatedFileSystem, _ whole: Content
    ) async throws -> (problem: String?, outcome: Outcome) {
        let verdict = LogVerifier(
            directory: path, level: .deep, fileSystem: copy.copy(), threadCount: 1
        ).run()
        let found: (content: Content, report: RecoveryReport)
        do {
            found = try await opened(copy)
        } catch let error as CheckpointLogError {
            if error.code != .damaged { return ("not told as damage: \(error)", .refused) }
            return (verdict.exitCode < 3 ? "\(error), verified as \(verdict.findings)" : nil, .refused)
        }
        let (content, report) = found
        // Members of a group that cannot be read are told with the group.
        let missing = whole.crcs.keys.filter { content.crcs[$0] == nil && !content.damaged.contains($0.key) }
        let wrong = content.crcs.filter { version, crc in whole.crcs[version].map { $0 != crc } ?? false }
        if !wrong.isEmpty { return ("another value: \(wrong.keys)", .whole) }
        let silent = missing.filter { report.possiblyLost?.contains($0.number) != true }
        if !silent.isEmpty {
            let numbers = report.possiblyLost.map { "\($0.lowerBound)…\($0.upperBound)" } ?? "nothing"
            return ("missing in silence: \(silent), told \(numbers)", .told)
        }
        let extra = content.crcs.keys.filter { whole.crcs[$0] == nil }
        if missing.isEmpty, !extra.isEmpty { return ("back again: \(extra)", .told) }
        let isWhole = missing.isEmpty && content.damaged.isEmpty
        if !isWhole, verdict.exitCode == 0 { return ("lost \(missing) \(content.damaged), verified as sound", .told) }
        if !content.damaged.isEmpty, verdict.exitCode < 3 {
            return ("damaged \(content.damaged), verified as \(verdict.findings)", .told)
        }
        // A value that something has superseded is damage that costs nothing.
        let isHarmless = verdict.findings.allSatisfy { $0.severity != .damage || $0.isHarmless }
        if isWhole, verdict.exitCode > 3 || !isHarmless { return ("whole, verified as \(verdict.findings)", .whole) }
        if !missing.isEmpty, verdict.findings.contains(where: { $0.severity == .tornTail && $0.isHarmless }) {
            return ("lost \(missing), verified as \(verdict.findings)", .told)
        }
        return (nil, isWhole ? .whole : .told)
    }
}
