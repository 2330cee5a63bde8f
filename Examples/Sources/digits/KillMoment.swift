/// When the driver kills a worker.
enum KillMoment {
    /// At the report of this step, or up to so many microseconds later: in the middle of learning, encoding or appending.
    case step(Int, microseconds: UInt32)
    /// As soon as the log went on to another segment, once this step is done: the full one is not sealed yet.
    case roll(after: Int)
    /// As soon as a compaction runs, once this step is done.
    case compaction(after: Int)

    var name: String {
        switch self {
        case .step: "at a random moment"
        case .roll: "at a roll"
        case .compaction: "while compaction runs"
        }
    }

    /// Nil for a report that is not the moment; otherwise how long to wait.
    func delay(at report: WorkerReport, acknowledged: Int) -> UInt32? {
        switch (self, report) {
        case (.step(let step, let microseconds), .began(let begun)) where begun >= step: microseconds
        case (.roll(let step), .rolled) where acknowledged >= step: 0
        case (.compaction(let step), .compacting) where acknowledged >= step: 0
        default: nil
        }
    }

    /// Kills spread over a training of `stepCount` steps, in order.
    static func plan(stepCount: Int) -> [KillMoment] {
        let kinds = ["step", "roll", "step", "compaction", "step", "step", "step"]
        return kinds.enumerated().map { index, kind in
            let window = stepCount / (kinds.count + 2)
            let step = index * window + Int.random(in: 1...window)
            return switch kind {
            case "roll": .roll(after: step)
            case "compaction": .compaction(after: step)
            default: .step(step, microseconds: .random(in: 0...1_500))
            }
        }
    }
}
