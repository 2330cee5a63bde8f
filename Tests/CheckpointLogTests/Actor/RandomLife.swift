import CheckpointLog
import SystemPackage
import TestSupport

/// The life of one log under random operations, each of its answers held against ``CheckpointOracle``.
///
/// Each operation draws from a generator of its own, so that a script with some of them left out is a script, too.
final class RandomLife {
    /// An answer that the log must not give.
    struct Contradiction: Error, CustomStringConvertible {
        var description: String

        init(_ description: String) { self.description = description }
    }

    enum Operation: String, CaseIterable {
        case checkpoint, submit, wait, commit, remove, removeVersion, label, removeAll, save
        case restore, restoreAnyLevel, restoreVersion, restoreAsOf, restoreGroup, history, list
        case compact, reopen, crash, cutSoon, read, damage
        case snapshot, compareSnapshot, backUp, late

        /// How often, in thousandths.
        var weight: Int {
            switch self {
            case .checkpoint: 270
            case .submit: 220
            case .restore: 130
            case .restoreAnyLevel, .restoreAsOf, .history: 45
            case .restoreVersion: 60
            case .commit, .restoreGroup: 40
            case .remove, .removeVersion, .label: 30
            case .wait: 15
            case .list, .read: 12
            case .save: 8
            case .compact: 6
            case .removeAll, .reopen, .crash, .damage, .backUp: 4
            case .cutSoon, .snapshot: 6
            case .compareSnapshot, .late: 20
            }
        }
    }

    static let path: FilePath = "/log"
    static let keys =
        (0..<9).map { "key \($0)" } + ["schlüssel ☃", "a", String(repeating: "long ", count: 204) + "long"]
    static let groupNames = ["pair", "key 0", "epoch"]
    static let levels = [1, 2, 3, 4, 9]
    static let memoryLevel = 4
    static let weights = Operation.allCases.map(\.weight)

    let seed: UInt64
    var generator: SeededGenerator
    var disk: SimulatedFileSystem
    var oracle: CheckpointOracle
    var configuration = Configuration()
    var log: CheckpointLog?
    var reader: CheckpointLog?
    /// What levels keep, as the reader was told.
    let clock = Lock<Int64>(1_700_000_000_000_000)
    let clockGoesBack: Bool
    /// What the log is doing: it happened or did not when a crash comes now.
    var inFlight: [OracleEvent] = []
    /// What a source was asked for and has not answered: it may come of it or not.
    var late: [OracleEvent] = []
    /// Values that came from sources, of which nothing is said beside them.
    var plain: Set<Int> = []
    var moments: [Moment] = []
    var heldReceipt: (receipt: CheckpointReceipt, version: OracleVersion)?
    /// What was taken, by value.
    var slots: [Int: OracleSlot] = [:]
    var byteCounts: [Int: Int] = [:]
    var counts: [Operation: Int] = [:]
    /// The last operations, for the report of a failure.
    var trace: [String] = []

    init(seed: UInt64) {
        self.seed = seed
        generator = SeededGenerator(seed: seed)
        disk = SimulatedFileSystem(seed: seed)
        disk.mapping = generator.isOne(in: 3) ? .refused : .allowed
        clockGoesBack = generator.isOne(in: 4)
        oracle = CheckpointOracle(retention: [:], memoryLevels: [Self.memoryLevel])
        configuration.compactsAutomatically = generator.isOne(in: 2)
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.segmentByteLimit = 64 << 10
        configuration.snapshotByteCount = [0, 200_000, 16 << 20][generator.number(below: 3)]
        configuration.deadValueByteLimit = generator.isOne(in: 2) ? 0 : 64 << 20
        configuration.randomSeed = seed
        configuration.now = { [clock] in clock.withLock { $0 } }
        configure()
    }

    /// Chooses what an opening may change.
    func configure() {
        let age: Duration? = clockGoesBack ? nil : .milliseconds(60)
        var kept = LevelPolicy.Retention.newest(4)
        kept.age = age
        let counts = [2: 2 + generator.number(below: 2), 9: 2 + generator.number(below: 4)]
        configuration.levels = [
            1: LevelPolicy(durability: .written),
            2: LevelPolicy(durability: .synced, retention: .newest(counts[2] ?? 2)),
            3: LevelPolicy(durability: .written, retention: kept, compression: .none),
            4: LevelPolicy(durability: .memory),
            9: LevelPolicy(durability: .written, retention: .newest(counts[9] ?? 2), compression: .zlib),
        ]
        configuration.allowsDroppingVersions = generator.isOne(in: 2)
        var retention: [Int: OracleRetention] = [:]
        for (level, policy) in configuration.levels {
            let stated = OracleRetention(
                count: policy.retention?.count ?? 1,
                age: policy.retention?.age.map { $0 / .microseconds(1) }.map(Int64.init))
            let known = configuration.allowsDroppingVersions ? nil : oracle.retention[level]
            retention[level] = known.map { $0.union(stated) } ?? stated
        }
        oracle.keep(retention)
    }

    /// Carries out the operations of these numbers, and closes the log.
    func run(_ script: some Sequence<Int>) async throws {
        oracle.now = clock.withLock { $0 }
        log = try await CheckpointLog.open(at: Self.path.string, configuration: configuration)
        for number in script {
            generator = SeededGenerator(seed: seed ^ (UInt64(number) &* 0xD134_2543_DE82_EF95))
            moveClock()
            let operation = chooseOperation()
            counts[operation, default: 0] += 1
            note("\(number). \(operation)")
            try await survive { try await perform(operation) }
        }
        note("the end")
        try await survive { try await reopen() }
        do {
            try await log?.close()
        } catch  where disk.isPowerCut {
            // A cut that was still to come.
        }
    }

    /// Runs `body`; when the power was cut meanwhile, nothing that it saw counts, and the log is opened again.
    private func survive(_ body: () async throws -> Void) async throws {
        inFlight = []
        late = []
        do {
            try await body()
        } catch  where !disk.isPowerCut {
            throw error
        } catch {
            note("cut: \(error)")
        }
        if disk.isPowerCut { try await crash() }
    }

    private func perform(_ operation: Operation) async throws {
        switch operation {
        case .checkpoint: try await take(submitting: false)
        case .submit: try await take(submitting: true)
        case .wait: try await waitForHeldReceipt()
        case .commit: try await commit()
        case .remove: try await remove()
        case .removeVersion: try await removeVersion()
        case .label: try await label()
        case .removeAll: try await removeAll()
        case .save:
            try await opened.save()
            if !disk.isPowerCut { oracle.acknowledgeSave() }
        case .restore: try await restoreNewest()
        case .restoreAnyLevel: try await restoreAnyLevel()
        case .restoreVersion: try await restoreVersion()
        case .restoreAsOf: try await restoreAsOf()
        case .restoreGroup: try await restoreGroup()
        case .history: try await compareHistory()
        case .list: try await compareLists()
        case .compact: try await opened.compact()
        case .reopen: try await reopen()
        case .crash: disk.cutPower()
        case .cutSoon: cutSoon(within: 60)
        case .read: try await compareReader()
        case .damage: try await damageCopy()
        case .snapshot: try await takeSnapshot()
        case .compareSnapshot: try await compareSnapshot()
        case .backUp: try await backUp()
        case .late: try await takeLate()
        }
    }

    var opened: CheckpointLog {
        get throws {
            guard let log else { throw Contradiction("The log is not open.") }
            return log
        }
    }

    private func chooseOperation() -> Operation {
        var number = generator.number(below: Self.weights.reduce(0, +))
        for operation in Operation.allCases {
            number -= operation.weight
            if number < 0 { return operation }
        }
        return .checkpoint
    }

    private func moveClock() {
        let step: Int64 =
            switch generator.number(below: 300) {
            case 0: 10_000_000
            case 1...3 where clockGoesBack: -50_000
            case 4...100: 0
            default: Int64(generator.number(below: 2_000))
            }
        oracle.now = clock.withLock { now in
            now += step
            return now
        }
    }

    // MARK: Reports

    func note(_ text: String) {
        if trace.count > 60 { trace.removeFirst(20) }
        trace.append(text)
    }

    /// Adds to the note of the operation under way.
    func detail(_ text: @autoclosure () -> String) {
        if let last = trace.popLast() { trace.append("\(last) \(text())") }
    }

    func expect(_ holds: Bool, _ message: @autoclosure () -> String) throws {
        if !holds { throw Contradiction(message()) }
    }

    func expectNone(_ contradiction: String?) throws {
        if let contradiction { throw Contradiction(contradiction) }
    }

    func chooseKey() -> String { Self.keys[generator.number(below: Self.keys.count)] }

    func chooseLevel() -> Int { Self.levels[generator.number(below: Self.levels.count)] }
}
