import CheckpointLog
import Testing

/// The samples of "Synchronous code".
@Suite struct SynchronousCodeTests {
    let sample: SampleLog
    let directory: String

    init() throws {
        sample = try SampleLog()
        directory = sample.directory
    }

    func advance(_ state: inout State, _ log: CheckpointLog) throws {
        state.step += 1
        try log.submit(state, for: "state")
    }

    private func wait(_ log: CheckpointLog, _ state: State) throws {
        let receipt = try log.submit(state, for: "state", level: 2)
        try receipt.waitBlocking(for: .synced)
    }

    @Test func aLogIsUsedFromSynchronousCode() throws {
        for _ in 1...2 {
            let log = try CheckpointLog.openBlocking(at: directory)
            var state = try log.restoreBlocking(State.self, for: "state") ?? State()
            try advance(&state, log)
            try log.saveBlocking()
            try log.closeBlocking()
        }
        let log = try CheckpointLog.openBlocking(at: directory)
        #expect(try log.restoreBlocking(State.self, for: "state") == State(step: 2))
        let before = log.statistics.flushCount
        try wait(log, State(step: 3))
        #expect(log.statistics.flushCount > before)
        try log.closeBlocking()
    }
}
