import CBOR
import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Large arrays are written from where they are. What comes back, and what lies on the disk, is the same as if they had
/// been encoded into one piece first.
@Suite struct LentArrayTests {
    /// Two large arrays, one of them noise, between small fields.
    struct State: Codable, Equatable, Sendable {
        var step: Int
        var noise: [Double]
        var ramp: [Int32]
        var note = "after the arrays"

        init(_ step: Int, count: Int = 3_000) {
            self.step = step
            var generator = SeededGenerator(seed: UInt64(step))
            noise = (0..<count).map { _ in Double(generator.next()) }
            ramp = (0..<Int32(count)).map { $0 / 100 }
        }
    }

    let disk = SimulatedFileSystem(seed: 77)

    private func configuration(name: String = "log", rank: Int = 1) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.segmentByteLimit = 1 << 20
        configuration.largeValueByteCount = 8 << 10
        configuration.levels[2] = LevelPolicy(durability: .synced)
        configuration.levels[3] = LevelPolicy(durability: .memory)
        configuration.levels[4] = LevelPolicy(durability: .written, compression: .none)
        (configuration.name, configuration.rank) = (name, rank)
        return configuration
    }

    @Test(arguments: 1...4) func whatWasTakenComesBack(level: Int) async throws {
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration())
        // Arrays whose frames end inside of them, on their edges, and with a mebibyte.
        let states = [1_020, 3_000, 65_536, 131_060, 200_000].map { State($0, count: $0) }
        for (index, state) in states.enumerated() {
            let key = CheckpointKey("state \(index)")
            if index % 2 == 0 {
                try await log.checkpoint(state, for: key, level: level)
            } else {
                try log.submit(state, for: key, level: level)
            }
            try await log.checkpoint(state.noise, state.step, for: CheckpointKey("pair \(index)"), level: level)
        }
        try await log.save()
        func check(_ log: CheckpointLog) async throws {
            for (index, state) in states.enumerated() {
                let key = CheckpointKey("state \(index)")
                #expect(try await log.restore(State.self, for: key, level: level) == state)
                #expect(try await log.restoreBytes(for: key, level: level) == CBOREncoder().encode(state))
                let pair = try await log.restore(
                    [Double].self, Int.self, for: CheckpointKey("pair \(index)"), level: level)
                #expect(pair?.0 == state.noise && pair?.1 == state.step)
            }
        }
        try await check(log)
        try await log.close()
        await BackupTests.check(disk, at: "/log")
        let again = try await CheckpointLog.open(at: "/log", configuration: configuration())
        try await check(again)
        try await again.close()
    }

    /// An actor above gets the same bytes, in one piece.
    @Test func aParentGetsTheSame() async throws {
        let parent = try await CheckpointLog.open(at: "/parent", configuration: configuration(name: "parent", rank: 2))
        let child = try await CheckpointLog.open(at: "/child", configuration: configuration(name: "child"))
        try await parent.register(child)
        let state = State(5)
        try await child.checkpoint(state, for: "state", level: 2)
        #expect(try await child.restoreBytes(for: "state", level: 2) == CBOREncoder().encode(state))
        #expect(
            try await parent.restoreBytes(for: "state", level: 2, origin: "child") == CBOREncoder().encode(state))
        try await child.close()
        try await parent.close()
    }

    /// Lent arrays count for the limit of a value.
    @Test func aValueThatIsTooLargeIsRefused() async throws {
        var configuration = configuration()
        configuration.valueByteLimit = 100_000
        let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
        let refused = try CBOREncoder().encode(State(1, count: 9_000)).count
        do {
            try await log.checkpoint(State(1, count: 9_000), for: "state")
            Issue.record("A value over the limit was taken.")
        } catch let error as CheckpointLogError {
            #expect(error.code == .valueTooLarge && "\(error)".contains("\(refused)".suffix(3)), "\(error)")
        }
        try await log.checkpoint(State(2), for: "state")
        #expect(try await log.restore(State.self, for: "state") == State(2))
        try await log.close()
    }

    /// A disk that writes less than it is asked to, or is interrupted, at any call.
    @Test func shortWritesAreContinued() async throws {
        let state = State(9)
        for call in 0..<20 {
            let disk = SimulatedFileSystem(seed: 3)
            var configuration = configuration()
            configuration.fileSystem = disk
            let log = try await CheckpointLog.open(at: "/log", configuration: configuration)
            if call % 2 == 0 {
                disk.shorten(call: disk.callCount + call / 2, toByteCount: 100)
            } else {
                disk.fail(.write, skipping: call / 2, with: .interrupted)
            }
            try log.submit(state, for: "state", level: 2)
            #expect(try await log.restore(State.self, for: "state", level: 2) == state, "call \(call)")
            try await log.close()
            await BackupTests.check(disk, at: "/log")
        }
    }
}
