import CheckpointLog
import Testing

/// The samples of "Several keys at once".
@Suite struct SeveralKeysAtOnceTests {
    let sample: SampleLog
    let weights: [Float] = [0.5, 1.5]
    let optimizer = Optimizer()
    let epoch = 7

    init() throws { sample = try SampleLog() }

    @Test func oneKeyHoldsSeveralValues() async throws {
        let log = try await sample.open()
        try await log.checkpoint(weights, optimizer, epoch, for: "training")
        let training = try await log.restore([Float].self, Optimizer.self, Int.self, for: "training")
        if let (weights, optimizer, epoch) = training {
            print(weights.count, optimizer.momentum, epoch)
        }
        #expect(try await log.keys() == ["training"])
        try await log.close()
    }

    @Test func aGroupIsRestoredAsItWasCommitted() async throws {
        let log = try await sample.open()
        try await log.commit("epoch", level: 2) { group in
            try group.put(weights, for: "weights")
            try group.put(optimizer, for: "optimizer")
        }
        try await log.checkpoint([9] as [Float], for: "weights", level: 2)
        if let group = try await log.restoreGroup("epoch", level: 2) {
            let weights = try await group.restore([Float].self, for: "weights")
            let optimizer = try await group.restore(Optimizer.self, for: "optimizer")
            print(weights?.count ?? 0, optimizer?.momentum ?? 0)
        }
        let group = try #require(try await log.restoreGroup("epoch", level: 2))
        #expect(try await group.restore([Float].self, for: "weights") == weights)
        #expect(try await group.restore(Optimizer.self, for: "optimizer") == optimizer)
        #expect(try await log.groupHistory(of: "epoch", level: 2).count == 1)
        #expect(try await log.restore([Float].self, for: "weights") == [9])
        try await log.close()
    }

    @Test func aSnapshotDoesNotChange() async throws {
        let log = try await sample.open()
        try await log.checkpoint(Worker(step: 1), for: "worker/1")
        try await log.checkpoint(Total(sum: 1), for: "total")
        let snapshot = try await log.snapshot()
        try await log.checkpoint(Total(sum: 2), for: "total")
        #expect(try await snapshot.restore(Total.self, for: "total") == Total(sum: 1))
        try await snapshot.close()
        try await read(log)
        try await log.close()
    }

    private func read(_ log: CheckpointLog) async throws {
        let snapshot = try await log.snapshot()
        let workers = try await snapshot.restoreAll(as: Worker.self, prefix: "worker/")
        let total = try await snapshot.restore(Total.self, for: "total")
        try await snapshot.close()
        #expect(workers == ["worker/1": Worker(step: 1)] && total == Total(sum: 2))
    }

    @Test func keysAreListed() async throws {
        let log = try await sample.open()
        for step in 1...3 { try await log.checkpoint(Worker(step: step), for: "worker/\(step)") }
        for key in try await log.keys(prefix: "worker/") {
            let worker = try await log.restore(Worker.self, for: key)
            print(key, worker?.step ?? 0)
        }
        #expect(try await log.keys(prefix: "worker/").count == 3)
        try await log.close()
    }
}
