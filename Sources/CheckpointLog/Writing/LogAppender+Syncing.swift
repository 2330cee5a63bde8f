import Synchronization

extension LogAppender {
    /// Syncs everything appended so far and gives the position through which it is durable.
    ///
    /// It syncs the oldest segment first: nothing in a segment counts before everything in the one before it.
    /// A failed sync closes the log for writing: the pages may be lost, and a second sync would not report it.
    package func syncAll() throws -> LogPosition {
        try syncing.withLock { _ in try syncWhileAlone() }
    }

    /// Refuses all syncs from now on, for a log that was dropped.
    package func endSyncing() {
        syncing.withLock { _ in poison(.closed) }
    }

    private func syncWhileAlone() throws -> LogPosition {
        // Before the end is read, so that the end covers what superseded them.
        unsyncedValues.removeDead()
        let (end, active, rolled, values) = try state.withLock { state in
            if let failure = state.failure { throw Self.refusal(failure) }
            state.noteSync()
            return (state.end, state.active, state.unsynced, unsyncedValues.waiting)
        }
        guard Self.bits(end) != synced.load(ordering: .relaxed) else { return end }
        do throws(FileSystemError) {
            try unsyncedValues.sync(values, in: identity.directory)
            for rolled in rolled {
                try rolled.segment.file.sync()
            }
            let last = syncedPosition
            active.populateAhead(
                of: Int(end.offset), since: last.segment == end.segment ? Int(last.offset) : 0)
            try active.file.sync()
            try manifest.requireInPlace()
            state.withLock { state in
                state.unsynced.removeFirst(rolled.count)
                state.counters.syncs += rolled.count + 1 + values.count
            }
            synced.store(Self.bits(end), ordering: .releasing)
            try position.setSynced(end)
        } catch {
            let failure = CheckpointLogError(error)
            poison(failure)
            throw failure
        }
        return end
    }

    /// Whether no sync has stated, or goes for, an end behind the frame at `location`. A sync that begins later covers
    /// all that is appended by now.
    package func isBehindEverySync(_ location: FrameLocation) -> Bool {
        state.withLock { state in
            // What was opened, or copied by a compaction, is synced.
            let isAppended =
                state.active.name.identifier == location.segment
                || state.unsynced.contains { $0.segment.name.identifier == location.segment }
            return isAppended && state.syncEnd.map { location.position >= $0 } ?? true
        }
    }

    /// Appends an empty frame that carries the promise of the last sync, so that recovery can tell a torn tail from
    /// damage in what that sync made durable.
    package func appendPromise() throws {
        try state.withLock { state in
            try Self.checkOpen(state)
            let byteCount = 2 * FrameHeader.byteCount
            if state.offset + byteCount > state.usableByteCount {
                // On a full disk the frame uses the slack.
                do {
                    _ = try growActive(toHold: byteCount, &state)
                } catch let error as CheckpointLogError where error.isLackOfRoom {}
            }
            // A roll frame also carries a promise, so there is no need to begin a segment for this one.
            guard state.offset + byteCount <= state.active.reservedByteCount else { return }
            _ = unsafe try put(FrameDraft(header: FrameHeader(kind: .promise)), continues: false, &state)
            try publish(&state)
            state.counters.promises += 1
        }
    }

    /// Notes that everything in a rolled segment that counts is durable elsewhere, once `commit` has said so on the
    /// disk. No sync runs meanwhile.
    ///
    /// - Precondition: everything before the segment is durable.
    /// - Throws: what `commit` throws; the failure of a log that is closed for writing.
    package func replaceRolled(_ rolled: Rolled, commit: () throws -> Void) throws {
        try syncing.withLock { _ in
            if let failure { throw Self.refusal(failure) }
            try commit()
            state.withLock { state in state.unsynced.removeAll { $0.segment === rolled.segment } }
            let end = LogPosition(segment: rolled.segment.name.identifier, offset: rolled.end)
            guard syncedPosition < end else { return }
            synced.store(Self.bits(end), ordering: .releasing)
            try wrapping { () throws(FileSystemError) in try position.setSynced(end) }
        }
    }

    /// Rolled segments that wait for their seal, oldest first.
    package var nextUnsealed: Rolled? { state.withLock { $0.unsealed.first } }

    package func didSeal(_ rolled: Rolled) {
        state.withLock { state in
            guard state.unsealed.first?.segment === rolled.segment else { return }
            state.unsealed.removeFirst()
            gate.noteChain(-rolled.segment.reservedByteCount)
        }
    }

    /// The active segment, for the seal of a log that is closing.
    package func activeToSeal() -> Rolled {
        state.withLock { Rolled(segment: $0.active, end: $0.offset) }
    }
}
