import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// R5 and R6: the power is cut at every call of a scripted life, and again at every call of the recovery that follows.
///
/// Proves: what was acknowledged as written survives the process, what was acknowledged as synced survives power loss,
/// what was never acknowledged is wholly there or wholly absent, a group is all or none, and what is found is a
/// beginning of what happened.
@Suite struct PowerLossTests {
    /// What the life was told, in order.
    struct Acknowledged {
        var written: [String: Int] = [:]
        var synced: [String: Int] = [:]
        /// Every value ever handed over for a key, by the order of the calls.
        var attempted: [String: [Int]] = [:]
        var groups: [Int] = []
        var syncedGroup = 0
        var attemptedGroups: [Int] = []
    }

    static let path: FilePath = "/log"

    static func configuration(_ disk: SimulatedFileSystem, mapping: Bool) -> Configuration {
        var configuration = Configuration()
        let clock = Counter()
        configuration.fileSystem = disk
        configuration.usesMapping = mapping
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 4 << 10
        // A snapshot at every closing, and at those places of the script that ask for one.
        configuration.snapshotByteCount = 0
        configuration.randomSeed = 7
        configuration.now = { clock.next() }
        return configuration
    }

    final class Counter: Sendable {
        private let value = Lock<Int64>(1_000_000)
        func next() -> Int64 {
            value.withLock { value in
                value += 1
                return value
            }
        }
    }

    /// A value that tells its number, of a length that makes segments roll.
    static func bytes(_ number: Int, count: Int = 1_500) -> [UInt8] { NumberedBytes.bytes(number, count: count) }

    static func number(_ bytes: [UInt8]) -> Int? { NumberedBytes.number(of: bytes) }

    static func content(_ level: Int = 1) throws -> RecordAttributes {
        RecordAttributes(level: try Level(validating: level), policy: LevelPolicy(durability: .written), flags: .raw)
    }

    /// Two openings with appends, syncs, rolls, large values, groups of both kinds, snapshots and compaction.
    static func live(_ disk: SimulatedFileSystem, mapping: Bool, steps: Int, _ told: inout Acknowledged) throws {
        var number = 0
        for opening in 0..<2 {
            let engine = try LogEngine.open(at: path, configuration(disk, mapping: mapping))
            for step in 0..<steps {
                number += 1
                let key = "key \(step % 5)"
                let count = step % 17 == 11 ? 9_000 : 1_500
                told.attempted[key, default: []].append(number)
                _ = try engine.append(bytes(number, count: count), content(), key: CheckpointKey(key))
                // A store cannot throw: what is answered after the cut was never answered.
                try stopIfCut(disk)
                told.written[key] = number
                if step % 10 == 7 {
                    told.attemptedGroups.append(number)
                    // Four members are over `largeValueByteCount`, and become a segment of their own.
                    let names = step % 20 == 7 ? ["left", "right"] : ["left", "third", "fourth", "right"]
                    let members = names.map { (CheckpointKey($0), bytes(number), FrameHeader.Flags.raw) }
                    _ = try engine.appendGroup("pair", members, Level(validating: 2))
                    try stopIfCut(disk)
                    told.groups.append(number)
                }
                if step % 6 == 5 {
                    let writer = try engine.requireWriter()
                    try writer.sync.waitUntilSynced(writer.appender.writtenPosition)
                    try stopIfCut(disk)
                    told.synced = told.written
                    told.syncedGroup = told.groups.last ?? 0
                }
                if step == steps / 3 + opening * 5 { try engine.requireWriter().maintenance.writeSnapshot() }
                if step == steps / 2 + opening * 7 { try engine.requireWriter().maintenance.compact(fully: true) }
            }
            try engine.close()
            try stopIfCut(disk)
            told.synced = told.written
            told.syncedGroup = told.groups.last ?? 0
        }
    }

    struct PowerIsCut: Error {}

    static func stopIfCut(_ disk: SimulatedFileSystem) throws {
        if disk.isPowerCut { throw PowerIsCut() }
    }

    static func check(
        _ image: SimulatedFileSystem, mapping: Bool, boot: CrashBoot, _ told: Acknowledged, _ label: String
    ) throws {
        let engine: LogEngine
        do {
            engine = try LogEngine.open(at: path, configuration(image, mapping: mapping))
        } catch {
            Issue.record("\(label): the log does not open: \(error)")
            return
        }
        let least = boot == .same ? told.written : told.synced
        var values: [String: Int] = [:]
        for (key, attempted) in told.attempted {
            let found = unsafe try engine.withContent(level: 1, key: CheckpointKey(key)) { unsafe Array($1) }
            let value = found.flatMap(number)
            #expect(found == nil || value != nil, "\(label): \(key) gives a value that was never taken")
            if let value { #expect(attempted.contains(value), "\(label): \(key) gives \(value) of another key") }
            values[key] = value ?? 0
            #expect(
                (value ?? 0) >= (least[key] ?? 0),
                "\(label): \(key) gives \(value ?? 0), acknowledged \(least[key] ?? 0)")
        }
        var pair: [Int?] = []
        for key in ["left", "right"] {
            unsafe pair.append(
                try engine.withContent(level: 2, key: CheckpointKey(key)) { unsafe number(Array($1)) } ?? nil)
        }
        #expect(pair[0] == pair[1], "\(label): the group is split: \(pair)")
        let leastGroup = boot == .same ? told.groups.last ?? 0 : told.syncedGroup
        #expect((pair[0] ?? 0) >= leastGroup, "\(label): the group gives \(pair[0] ?? 0), acknowledged \(leastGroup)")
        checkPrefix(values, group: pair[0] ?? 0, told, label)
        try engine.close()
    }

    /// The numbers of a life go up with every call, a group's number being that of the value before it: with the
    /// greatest one found everything up to it must be found.
    private static func checkPrefix(_ values: [String: Int], group: Int, _ told: Acknowledged, _ label: String) {
        let end = max(values.values.max() ?? 0, group)
        for (key, value) in values {
            let last = told.attempted[key]?.last { $0 <= end } ?? 0
            #expect(value == last, "\(label): \(end) is there, and \(key) gives \(value) instead of \(last)")
        }
        let last = told.attemptedGroups.last { $0 < end } ?? 0
        #expect(
            group == end || group == last, "\(label): \(end) is there, and the group gives \(group) instead of \(last)")
    }

    @Test(arguments: [true, false]) func everyCutLeavesAPrefix(mapping: Bool) throws {
        let steps = 46
        let seed = testSeed(3)
        let whole = SimulatedFileSystem(seed: seed)
        if !mapping { whole.mapping = .refused }
        var told = Acknowledged()
        try Self.live(whole, mapping: mapping, steps: steps, &told)
        let calls = whole.mutatingCallCount
        #expect(calls > 200)
        let stride = isLongRun || !takesSamples ? 1 : 3
        let imageCount = isLongRun ? 64 : takesSamples ? 2 : 14
        var (cuts, images) = (0, 0)
        for call in Swift.stride(from: 1, through: calls, by: stride) {
            let disk = SimulatedFileSystem(seed: seed &+ UInt64(call))
            if !mapping { disk.mapping = .refused }
            disk.cutPower(atCall: call, tearing: call % 2 == 0 ? UInt64(call) : nil)
            cuts += 1
            var told = Acknowledged()
            try? Self.live(disk, mapping: mapping, steps: steps, &told)
            let label = "seed \(seed), cut at call \(call)"
            try Self.check(disk.crashImage(boot: .same), mapping: mapping, boot: .same, told, label + ", same boot")
            let random = (0..<imageCount).map { CrashImageKind.random(UInt64(call) &+ UInt64($0) &* 0x9E37_79B9) }
            for kind in [CrashImageKind.syncedOnly, .everything] + random {
                let image = disk.crashImage(kind, boot: .another)
                try Self.check(image, mapping: mapping, boot: .another, told, label + ", \(kind)")
                images += 1
            }
        }
        #expect(images > 100)
        tellCounts("PowerLoss", ["cuts": cuts, "images": images + cuts])
    }

    @Test(arguments: [true, false]) func aSecondCutInRecoveryLosesNothing(mapping: Bool) throws {
        let seed = testSeed(5)
        var seconds = 0
        for first in [90, 160, 230, 300] {
            let disk = SimulatedFileSystem(seed: seed &+ UInt64(first))
            if !mapping { disk.mapping = .refused }
            disk.cutPower(atCall: first, tearing: UInt64(first))
            var told = Acknowledged()
            try? Self.live(disk, mapping: mapping, steps: 46, &told)
            let image = disk.crashImage(.random(UInt64(first)), boot: .another)
            for call in 1...60 {
                let again = image.copy()
                let before = again.mutatingCallCount
                again.cutPower(atCall: before + call, tearing: UInt64(call))
                guard (try? LogEngine.open(at: Self.path, Self.configuration(again, mapping: mapping))) == nil else {
                    break
                }
                let label = "seed \(seed), cut at \(first) and at call \(call) of recovery"
                for kind in [CrashImageKind.syncedOnly, .random(UInt64(call))] {
                    try Self.check(
                        again.crashImage(kind, boot: .another), mapping: mapping, boot: .another, told,
                        label + ", \(kind)")
                }
                seconds += 1
            }
        }
        #expect(seconds > 20)
        tellCounts("PowerLoss", ["cuts": seconds, "images": 2 * seconds])
    }
}
