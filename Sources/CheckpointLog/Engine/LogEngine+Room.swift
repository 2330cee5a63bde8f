/// How long an append that finds no room on the disk waits for a compaction that can win some.
package enum RoomPatience: Sendable {
    /// On a task's thread, before another one takes over.
    case none
    /// On the thread of a call that is not asynchronous, which may be a task's.
    case short
    /// On a thread of the engine's.
    case long

    fileprivate var duration: Duration {
        switch self {
        case .none: .zero
        case .short: .seconds(1)
        case .long: .seconds(10)
        }
    }
}

extension LogEngine {
    /// Runs an append, and again after each compaction that has won room, while it finds none.
    ///
    /// Outside of the append lock: the compaction syncs what was appended. What makes room is at most what is dead on
    /// the disk by now; a log that is all live gives up at once.
    ///
    /// - Throws: `.diskFull` once nothing more can be won, or the patience is at its end; what `body` throws else.
    @inline(__always)
    package func waitingForRoom<Result>(_ patience: RoomPatience, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            return try makingRoom(error, patience, body)
        }
    }

    private func makingRoom<Result>(
        _ failure: CheckpointLogError, _ patience: RoomPatience, _ body: () throws -> Result
    ) throws -> Result {
        guard patience != .none, let maintenance = writer?.maintenance else { throw failure }
        guard configuration.compactsAutomatically else {
            guard maintenance.regainReserve() else { throw failure }
            return try body()
        }
        let end = ContinuousClock.now + patience.duration
        var failure = failure
        while .now < end {
            // One at a time: who comes next finds the room that this one made, before it looks for more.
            let result = try maintenance.inTurn { () throws -> Result? in
                do {
                    return try body()
                } catch let error as CheckpointLogError where error.isLackOfRoom {
                    failure = error
                }
                if try maintenance.makeRoom(until: end) { return nil }
                do {
                    // What was in the way may have ended since the first try: a compaction of the background closes
                    // the gate, wins, and opens it again.
                    return try body()
                } catch let error as CheckpointLogError where error.isLackOfRoom && maintenance.isMakingRoom {
                    failure = error
                    return nil
                }
            }
            if let result { return result }
        }
        throw failure
    }
}
