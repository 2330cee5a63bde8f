import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Which damaged frames cost a checkpoint, by the verifier's own rules: versions, removals, groups.
@Suite struct LiveFramesTests {
    enum Change: Sendable, CustomStringConvertible {
        case put(CheckpointKey, level: Int)
        case remove(CheckpointKey)
        case removeAll(level: Int?)
        case group(CheckpointKey)
        /// The newest version.
        case removeNewest(CheckpointKey, level: Int)

        var description: String {
            switch self {
            case .put(let key, let level): "put \(key) at \(level)"
            case .remove(let key): "remove \(key)"
            case .removeAll(let level): "remove all of \(level.map(String.init) ?? "every level")"
            case .group(let name): "group \(name) of a and b"
            case .removeNewest(let key, let level): "remove the newest version of \(key) at \(level)"
            }
        }

        func make(_ engine: LogEngine) throws {
            let bytes = [UInt8](repeating: 7, count: 100)
            switch self {
            case .put(let key, let level):
                _ = try engine.append(bytes, try engine.attributes(level).adding(.raw), key: key)
            case .remove(let key): _ = try engine.appendRemoval(of: key, Level(validating: 1))
            case .removeAll(let level): _ = try engine.appendRemovalOfAll(level.map { try Level(validating: $0) })
            case .removeNewest(let key, let level):
                let newest = try engine.versions(RecordQuery(key: key, level: UInt8(level))).first
                let number = try #require(newest).number
                _ = try engine.appendRemoval(of: number, of: key, Level(validating: level), origin: .own)
            case .group(let name):
                _ = try engine.appendGroup(name, [("a", bytes, .raw), ("b", bytes, .raw)], Level(validating: 1))
            }
        }
    }

    /// The newest frame of `key` at `level` after the first change is damaged, and the others follow.
    @Test(
        arguments: [
            // Level 2 keeps two versions, level 1 one.
            ("b", 2, [.put("b", level: 2)], true),
            ("b", 2, [.put("b", level: 2), .put("b", level: 2)], true),
            ("b", 2, [.put("b", level: 2), .put("b", level: 2), .put("b", level: 2)], false),
            ("b", 1, [.put("b", level: 1), .put("b", level: 1)], false),
            ("b", 1, [.put("b", level: 1), .put("b", level: 2)], true),
            ("b", 1, [.put("b", level: 1), .remove("b")], false),
            ("b", 1, [.put("b", level: 1), .remove("a")], true),
            ("b", 1, [.put("b", level: 1), .removeAll(level: 1)], false),
            ("b", 1, [.put("b", level: 1), .removeAll(level: nil)], false),
            ("b", 1, [.put("b", level: 1), .removeAll(level: 2)], true),
            // A member lives with its group, whatever comes after it.
            ("b", 1, [.group("g"), .put("b", level: 1)], true),
            ("b", 1, [.group("g"), .put("b", level: 1), .remove("a")], false),
            ("b", 1, [.group("g"), .put("b", level: 1), .group("g"), .put("b", level: 1)], false),
            ("b", 1, [.group("g"), .put("b", level: 1), .group("h"), .put("b", level: 1)], true),
            ("b", 1, [.group("g"), .put("b", level: 1), .removeAll(level: 1)], false),
            // A version that was removed counts among those that are kept.
            ("b", 2, [.put("b", level: 2), .removeNewest("b", level: 2)], false),
            ("b", 2, [.put("b", level: 2), .put("b", level: 2), .removeNewest("b", level: 2)], true),
            (
                "b", 2, [.put("b", level: 2), .put("b", level: 2), .removeNewest("b", level: 2), .put("b", level: 2)],
                false
            ),
            ("b", 1, [.group("g"), .removeNewest("b", level: 1)], false),
            ("b", 1, [.group("g"), .removeNewest("a", level: 1)], true),
            ("b", 1, [.group("g"), .removeNewest("a", level: 1), .put("b", level: 1)], false),
        ] as [(CheckpointKey, Int, [Change], Bool)])
    func aDamagedFrameCostsWhatItHeld(key: CheckpointKey, level: Int, changes: [Change], costs: Bool) throws {
        let disk = SimulatedFileSystem(seed: 4)
        let engine = try LogEngine.open(at: LogVerifierTests.path, LogVerifierTests.configuration(disk))
        try changes[0].make(engine)
        let query = RecordQuery(key: key, level: UInt8(level), origin: .own)
        guard case .frame(let entry, _, _)? = try engine.newest(query) else {
            Issue.record("there is no frame to damage")
            return
        }
        for change in changes.dropFirst() { try change.make(engine) }
        try engine.close()
        #expect(LogVerifierTests.verify(disk).exitCode == 0)

        let file = LogVerifierTests.path.appending(SegmentName(entry.location.segment, .log).fileName)
        let payload = entry.location.offset + FrameHeader.byteCount + key.name.utf8.count
        #expect(disk.flipBit((payload + 50) * 8, of: file))
        let report = LogVerifierTests.verify(disk)
        let findings = report.findings.filter { $0.severity == .damage }
        #expect(findings.count == 1, "\(report.findings)")
        #expect(findings.first?.isHarmless == !costs)
        #expect(findings.first?.lost.map(\.key) == (costs ? [key.name] : []))
    }
}
