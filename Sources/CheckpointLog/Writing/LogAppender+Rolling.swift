import SystemPackage

extension LogAppender {
    /// Thrown if another thread is creating the next segment, so that a roll has to wait for it.
    private struct NextIsBeingMade: Error {}

    /// Runs an append under the append lock. If it needs the next segment, waits for that and runs it again.
    ///
    /// If two segments followed the same one, recovery would have to guess which one continues the log.
    func withRoom<Result>(_ body: (inout State) throws -> Result) throws -> Result {
        while true {
            do {
                return try state.withLock(body)
            } catch is NextIsBeingMade {
                state.wait { $0.isPreparing ? nil : () }
            }
        }
    }

    /// Makes room for `byteCount` more bytes and the frame of a roll: in the active segment, or in a new one.
    ///
    /// If the disk has no room, the call fails, and the active segment stays in use: smaller records may still fit.
    func makeRoom(_ byteCount: Int, _ state: inout State) throws {
        let wanted = byteCount + FrameHeader.byteCount
        if state.asksForReserve {
            // Before the log takes more of the disk than it began with, and not behind the appends: those could fill
            // the disk first, which then has no room for a seal.
            state.asksForReserve = false
            reserve.begin(segmentByteCount: limits.segmentByteCount)
        }
        if try growActive(toHold: wanted, &state) { return }
        try rollActive(byteCount, &state)
        // A segment that was not prepared begins as small as any other.
        guard state.offset + wanted > state.usableByteCount else { return }
        guard try growActive(toHold: wanted, &state) else {
            throw CheckpointLogError(FileSystemError(.reserve, identity.directory.path, .notSupported))
        }
    }

    /// Grows the active segment; false if only a new segment helps.
    func growActive(toHold byteCount: Int, _ state: inout State) throws -> Bool {
        let segment = state.active
        let end = state.offset + byteCount
        guard end <= segment.capacity, segment.reservedByteCount < segment.capacity else { return false }
        var failure: FileSystemError?
        for reserve in segment.reserves(for: end) {
            let growth = reserve - segment.reservedByteCount
            do throws(FileSystemError) {
                let isGrown = try gate.takingRoom(growth, in: identity.directory.path) { () throws(FileSystemError) in
                    try segment.reserve(byteCount: reserve)
                }
                guard isGrown else { return false }
                gate.noteChain(growth)
                state.usableByteCount = segment.usableByteCount
                onRoll()
                return true
            } catch {
                failure = error
                guard error.isDiskFull else { break }
            }
        }
        guard let failure, state.next == nil else { return false }
        throw CheckpointLogError(failure)
    }

    private func rollActive(_ byteCount: Int, _ state: inout State) throws {
        guard SegmentHeader.byteCount + byteCount + FrameHeader.byteCount <= limits.segmentByteCount else {
            throw CheckpointLogError.valueTooLarge(
                byteCount: byteCount, limit: limits.segmentByteCount - SegmentHeader.byteCount - FrameHeader.byteCount,
                setting: "segmentByteLimit")
        }
        let next: ActiveSegment
        if let prepared = state.next {
            next = prepared
            state.next = nil
        } else if state.isPreparing {
            throw NextIsBeingMade()
        } else {
            do throws(FileSystemError) {
                next = try makeSegment(
                    after: state.active.name.identifier, epoch: state.epoch,
                    reserving: ActiveSegment.firstReserve(capacity: limits.segmentByteCount))
            } catch {
                if error.operation == .remove { state.failure = state.failure ?? CheckpointLogError(error) }
                throw CheckpointLogError(error)
            }
        }
        do {
            _ = unsafe try put(FrameDraft(header: FrameHeader(kind: .roll)), continues: false, &state)
            try publish(&state)
        } catch {
            state.next = next
            throw error
        }
        let rolled = Rolled(segment: state.active, end: state.offset)
        state.unsynced.append(rolled)
        state.unsealed.append(rolled)
        state.active = next
        state.usableByteCount = next.usableByteCount
        state.offset = SegmentHeader.byteCount
        state.counters.rolls += 1
        onRoll()
        // A sync may come before the first frame, and then states the start of this segment. It must not exceed the
        // written position.
        try publish(&state)
    }

    /// Begins a new segment although the active one is not full, so that it can be sealed and compacted.
    ///
    /// - Throws: what an append throws.
    package func roll() throws {
        try withRoom { state in
            try Self.checkOpen(state)
            if state.offset > SegmentHeader.byteCount { try rollActive(0, &state) }
        }
    }

    /// Ends the active segment, so that everything appended so far can be sealed.
    ///
    /// - Returns: the first segment of the chain without any of that, the one before it, and the segments that are
    ///   sealed at that moment.
    /// - Throws: what an append throws.
    package func cut() throws -> (previous: SegmentNumber, next: SegmentNumber, sealed: [Manifest.Segment]) {
        try withRoom { state in
            try Self.checkOpen(state)
            if state.offset > SegmentHeader.byteCount { try rollActive(0, &state) }
            return (state.active.previous, state.active.name.identifier, manifest.current.segments)
        }
    }

    /// Creates the segment after the active one before it is needed, so that a roll costs an append nothing.
    ///
    /// - Parameter early: also if the active segment has less than half of its greatest length.
    /// - Returns: whether the call created one. There is nothing to do if there is one already, or the log is closed.
    @discardableResult
    package func prepareNext(early: Bool = false) throws(FileSystemError) -> Bool {
        let wanted = state.withLock { state -> (SegmentNumber, UInt32)? in
            guard Self.wantsNext(state, early: early) else { return nil }
            state.isPreparing = true
            return (state.active.name.identifier, state.epoch)
        }
        guard let (previous, epoch) = wanted else { return false }
        let made: ActiveSegment
        do throws(FileSystemError) {
            made = try makeSegment(after: previous, epoch: epoch, reserving: limits.segmentByteCount)
        } catch {
            state.withLock { state in
                state.isPreparing = false
                if error.operation == .remove { state.failure = state.failure ?? CheckpointLogError(error) }
            }
            state.wakeAll()
            throw error
        }
        let isUsed = state.withLock { state in
            state.isPreparing = false
            guard state.active.name.identifier == previous, !state.isClosed else { return false }
            state.next = made
            return true
        }
        state.wakeAll()
        if !isUsed { discard(made) }
        return isUsed
    }

    /// Whether the active segment is so long that the next one will be needed.
    package var wantsNext: Bool { state.withLock { Self.wantsNext($0, early: false) } }

    private static func wantsNext(_ state: State, early: Bool) -> Bool {
        state.next == nil && !state.isPreparing && !state.isClosed && state.failure == nil
            && (early || state.active.reservedByteCount * 2 >= state.active.capacity)
    }

    /// Removes the prepared segment from a log that is closing.
    package func removePrepared() -> ActiveSegment? {
        state.withLock { state in
            defer { state.next = nil }
            return state.next
        }
    }

    package func discard(_ segment: ActiveSegment) {
        gate.noteChain(-segment.reservedByteCount)
        segment.file.close()
        // An empty segment after the end of the chain is removed by the next opening all the same.
        try? identity.directory.remove(segment.name)
    }

    private func makeSegment(
        after previous: SegmentNumber, epoch: UInt32, reserving: Int
    ) throws(FileSystemError) -> ActiveSegment {
        try gate.takingRoom(reserving, in: identity.directory.path) { () throws(FileSystemError) in
            let segment = try ActiveSegment.create(
                identity, number: manifest.reserveSegmentNumber(), previous: previous, epoch: epoch,
                capacity: limits.segmentByteCount, reserving: reserving, mapping: limits.usesMapping, created: now())
            gate.noteChain(segment.reservedByteCount)
            return segment
        }
    }
}
