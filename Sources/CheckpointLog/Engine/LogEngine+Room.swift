/// How long an append that finds no room on the disk waits for a compaction that can win some.
package enum RoomPatience: Sendable {
    /// On a task's thread, before another one takes over.
    case none
    /// On the thread of a synchronous call, which may belong to a task.
    case short
    /// On a thread of the engine.
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
    /// Runs an append. If it finds no room, compacts and runs it again, as long as compaction wins room.
    ///
    /// It does not hold the append lock, because compaction syncs what was appended. Compaction can win at most the
    /// dead bytes, so a log without dead bytes gives up at once.
    ///
    /// - Throws: `.diskFull` when compaction can win nothing more, or the patience is used up; otherwise what `body`
    ///   throws.
    @inline(__always)
    package func waitingForRoom<Result>(_ patience: RoomPatience, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            return try makingRoom(error, patience, body)
        }
    }

    func makingRoom<Result>(
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
            // One call at a time: the next one first uses the room that this one won.
            let result = try maintenance.inTurn { () throws -> Result? in
                let roomMade = maintenance.roomMade
                do {
                    return try body()
                } catch let error as CheckpointLogError where error.isLackOfRoom {
                    failure = error
                }
                if try maintenance.makeRoom(until: end) { return nil }
                do {
                    // The obstacle may be gone since the first try: a background compaction closes the gate, wins room,
                    // and opens it again.
                    return try body()
                } catch let error as CheckpointLogError where error.isLackOfRoom {
                    // It may still be at it, or have ended just now.
                    guard maintenance.isMakingRoom || maintenance.roomMade != roomMade else { throw error }
                    failure = error
                    return nil
                }
            }
            if let result { return result }
        }
        throw failure
    }
}
