import Foundation

/// A training that is killed again and again, and started again, until it is done.
struct InterruptedRun {
    let directory: String
    let epochCount: Int

    /// What one kill showed.
    struct Kill {
        var moment: KillMoment
        var acknowledged: Int
        var resumed = 0
        /// What the next opening found unfinished, and removed.
        var leftovers: [String] = []

        /// Whether a compaction's output was found that no manifest named.
        var leftAnOutput: Bool { leftovers.contains { $0.hasSuffix(".out") } }
    }

    private(set) var kills: [Kill] = []
    /// Steps begun, those that a kill made necessary again counted again.
    private(set) var begunStepCount = 0
    /// The kills to come; the first is that of the worker that runs.
    private var plan: [KillMoment]

    init(directory: String, epochCount: Int, plan: [KillMoment]) {
        self.directory = directory
        self.epochCount = epochCount
        self.plan = plan
    }

    /// Starts workers until one comes to the end of the training.
    ///
    /// - Parameters:
    ///   - onRestart: is told of the last kill once it is known what came after it.
    ///   - onStep: is told of each step that is acknowledged.
    mutating func run(onRestart: (_ last: Kill, _ count: Int) -> Void, onStep: (Int) -> Void) throws {
        while true {
            let worker = try WorkerProcess(directory: directory, epochCount: epochCount, stopAt: plan.first?.stopPoint)
            let killed = try follow(worker, onRestart: onRestart, onStep: onStep)
            guard try worker.wasKilled() else {
                if let missed = plan.first { throw DemoFailure("The training ended before the kill \(missed.name).") }
                return
            }
            guard let killed else { throw DemoFailure("A worker was killed by somebody else.") }
            kills.append(killed)
            plan.removeFirst()
        }
    }

    /// Reads a worker's reports to their end, and kills it when its moment has come.
    private mutating func follow(
        _ worker: WorkerProcess, onRestart: (Kill, Int) -> Void, onStep: (Int) -> Void
    ) throws -> Kill? {
        var acknowledged = 0
        var killedAt: KillMoment?
        while let report = try worker.nextReport() {
            switch report {
            case .resumed(let step, let leftovers):
                acknowledged = step
                if !kills.isEmpty {
                    kills[kills.count - 1].resumed = step
                    kills[kills.count - 1].leftovers = leftovers
                    onRestart(kills[kills.count - 1], kills.count)
                }
            case .began: begunStepCount += 1
            case .acknowledged(let step):
                acknowledged = step
                onStep(step)
            case .stopped, .finished: break
            }
            if killedAt == nil, let moment = plan.first, let delay = moment.delay(at: report) {
                usleep(delay)
                worker.kill()
                killedAt = moment
            }
        }
        // What the worker told before its death is in the pipe, and read by now.
        return killedAt.map { Kill(moment: $0, acknowledged: acknowledged) }
    }
}
