/// When the driver kills a worker. Whatever the machine does meanwhile, each of them comes.
enum KillMoment {
    /// Up to so many microseconds after the beginning of this step: in the middle of learning, encoding or appending.
    case random(step: Int, microseconds: UInt32)
    /// At a point where the worker has stopped.
    case stop(StopPoint)

    /// Steps that a worker may make after the one at which it is to be killed: a driver that was not scheduled in time
    /// finds it waiting, and not at the end of the training.
    private static let fenceStepCount = 20

    var name: String {
        switch self {
        case .random: "at a random moment"
        case .stop(let point):
            switch point.place {
            case .step: "between two steps"
            case .sealing: "at a roll, the full segment not sealed"
            case .compaction: "in a compaction, its output not in the manifest"
            }
        }
    }

    var stopPoint: StopPoint {
        switch self {
        case .random(let step, _): StopPoint(place: .step, step: step + Self.fenceStepCount)
        case .stop(let point): point
        }
    }

    var cutsACompactionShort: Bool { stopPoint.place == .compaction }

    /// Nil for a report that is not the moment; otherwise how many microseconds to wait.
    func delay(at report: WorkerReport) -> UInt32? {
        switch (self, report) {
        case (_, .stopped): 0
        case (.random(let step, let microseconds), .began(let begun)) where begun >= step: microseconds
        default: nil
        }
    }

    /// Seven kills spread over a training, in order.
    ///
    /// - Parameter stepCount: the steps of an epoch.
    static func plan(epochCount: Int, stepCount: Int, using generator: inout SeededGenerator) -> [KillMoment] {
        let places: [StopPoint.Place?] = [nil, .sealing, nil, .compaction, nil, nil, nil]
        let window = epochCount / (places.count + 2)
        return places.enumerated().map { index, place in
            // The second half of a window is for the steps until the next roll.
            let epoch = index * window + Int.random(in: 1...max(1, window / 2), using: &generator)
            guard let place else {
                return .random(
                    step: epoch * stepCount + Int.random(in: 1...stepCount, using: &generator),
                    microseconds: .random(in: 0...1_500, using: &generator))
            }
            return .stop(StopPoint(place: place, step: epoch * stepCount))
        }
    }
}
