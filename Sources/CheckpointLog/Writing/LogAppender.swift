import Synchronization

/// Appends frames to the log in one order. Each gets a number greater than all before it.
///
/// One lock covers everything that decides the order: sequence number, promise, header checksum, copy, written
/// position. So nothing is acknowledged while an earlier byte is missing.
package final class LogAppender: Sendable {
    package struct Limits: Sendable {
        package var segmentByteCount: Int
        package var usesMapping: Bool

        package init(segmentByteCount: Int, usesMapping: Bool) {
            self.segmentByteCount = segmentByteCount
            self.usesMapping = usesMapping
        }
    }

    /// A segment that is full, and where its frames end.
    package struct Rolled: Sendable {
        package var segment: ActiveSegment
        package var end: Int
    }

    package struct State {
        var active: ActiveSegment
        var offset: Int
        /// Where frames must end in the active segment until it grows, as the segment says.
        var usableByteCount: Int
        var next: ActiveSegment?
        var isPreparing = false
        /// True until the log uses more of the disk than it began with.
        var asksForReserve = true
        var epoch: UInt32
        var count: UInt32 = 0
        var lastTimestamp: Int64
        /// Rolled and not yet synced, oldest first.
        var unsynced: [Rolled] = []
        /// The greatest end that a sync has stated, or goes for now; nil before the first.
        var syncEnd: LogPosition?
        /// How many frames there were when the last sync began.
        var framesAtSync = 0
        /// Whether that sync had one frame to sync, or none.
        var syncsOneByOne = false
        /// Rolled and not yet sealed, oldest first.
        var unsealed: [Rolled] = []
        var failure: CheckpointLogError?
        var isClosed = false
        var counters = Counters()
        var scratch = Scratch()

        var end: LogPosition { LogPosition(segment: active.name.identifier, offset: offset) }

        /// Whether the next frame will be synced alone, if things go on as before.
        var expectsSync: Bool { syncsOneByOne && counters.frames == framesAtSync }

        mutating func noteSync() {
            syncsOneByOne = counters.frames - framesAtSync < 2
            framesAtSync = counters.frames
            syncEnd = end
        }
    }

    package struct Counters: Sendable {
        package var frames = 0
        /// Frames that are records: all but those of rolls and promises.
        package var records = 0
        package var frameBytes = 0
        package var syncs = 0
        package var rolls = 0
        /// Empty frames that carry a promise; each has a sync of its own.
        package var promises = 0
        /// Bytes of frames that were copied into a mapping.
        package var mappedBytes = 0
    }

    /// A buffer for the bytes before a payload, and for a small payload too, so that most frames need one copy.
    @safe struct Scratch: @unchecked Sendable {
        // Freed only with the appender, and used only under its lock.
        let bytes: UnsafeMutableRawBufferPointer

        init() { unsafe bytes = .allocate(byteCount: 16 << 10, alignment: 64) }
    }

    package let identity: LogIdentity
    package let limits: Limits
    package let manifest: ManifestFile
    package let position: PositionPage
    /// Microseconds since 1970-01-01 UTC.
    package let now: @Sendable () -> Int64
    package let gate: RoomGate
    package let reserve: SpaceReserve
    package let unsyncedValues: UnsyncedValues
    let state: Lock<State>
    /// One sync at a time, whoever calls.
    let syncing = Lock(())
    /// Everything before this position survives power loss. Stored as segment << 32 | offset.
    let synced: Atomic<UInt64>
    /// Called after a roll, and when the active segment grows: the next segment may be needed, and one may wait for its
    /// seal.
    let onRoll: @Sendable () -> Void

    package init(
        identity: LogIdentity, limits: Limits, manifest: ManifestFile, position: PositionPage, active: ActiveSegment,
        epoch: UInt32, lastTimestamp: Int64, gate: RoomGate, unsyncedValues: UnsyncedValues,
        now: @escaping @Sendable () -> Int64,
        onRoll: @escaping @Sendable () -> Void
    ) {
        self.gate = gate
        gate.noteChain(active.reservedByteCount)
        self.unsyncedValues = unsyncedValues
        self.identity = identity
        reserve = SpaceReserve(identity.directory)
        self.limits = limits
        self.manifest = manifest
        self.position = position
        self.now = now
        self.onRoll = onRoll
        state = Lock(
            State(
                active: active, offset: SegmentHeader.byteCount, usableByteCount: active.usableByteCount, epoch: epoch,
                lastTimestamp: lastTimestamp), isBrief: true)
        synced = Atomic(Self.bits(LogPosition(segment: active.name.identifier, offset: SegmentHeader.byteCount)))
    }

    deinit {
        state.withLock { unsafe $0.scratch.bytes.deallocate() }
    }

    package var syncedPosition: LogPosition {
        let bits = synced.load(ordering: .acquiring)
        return LogPosition(segment: SegmentNumber(UInt32(bits >> 32)), offset: Int(bits & 0xFFFF_FFFF))
    }

    static func bits(_ position: LogPosition) -> UInt64 {
        UInt64(position.segment.rawValue) << 32 | UInt64(position.offset)
    }

    package var activeSegment: ActiveSegment { state.withLock { $0.active } }

    package var writtenPosition: LogPosition { state.withLock { $0.end } }

    /// The end of the log and the last number, if everything before is in the index; nil while an append is between the
    /// two.
    package var settledEnd: (position: LogPosition, number: SequenceNumber)? {
        state.withLock { state in
            guard !state.active.hasPendingEntries, state.unsealed.allSatisfy({ !$0.segment.hasPendingEntries }) else {
                return nil
            }
            return (state.end, SequenceNumber(epoch: state.epoch, count: state.count))
        }
    }

    /// Runs `body` while nothing is appended and everything appended is in the index. `body` must be short.
    package func whileStill<Result>(_ body: () -> Result) -> Result {
        state.withLock { state in
            // Appends make their index entries without this lock.
            while state.active.hasPendingEntries || state.unsealed.contains(where: { $0.segment.hasPendingEntries }) {
                NamedThread.yield()
            }
            return body()
        }
    }

    package var counters: Counters { state.withLock { $0.counters } }

    /// Counts records that were written outside of the chain.
    package func count(records: Int, byteCount: Int, syncs: Int) {
        state.withLock { state in
            state.counters.frames += records
            state.counters.records += records
            state.counters.frameBytes += byteCount
            state.counters.syncs += syncs
        }
    }

    package var failure: CheckpointLogError? { state.withLock { $0.failure } }

    package var unsealedCount: Int { state.withLock { $0.unsealed.count } }

    /// The greatest number given so far.
    package var lastSequenceNumber: SequenceNumber {
        state.withLock { SequenceNumber(epoch: $0.epoch, count: $0.count) }
    }

    /// Closes the log for writing with the first failure; later ones change nothing.
    package func poison(_ failure: CheckpointLogError) {
        let isFirst = state.withLock { state in
            defer { state.failure = state.failure ?? failure }
            return state.failure == nil
        }
        // A log that was dropped has no failure.
        if isFirst, failure.code != .closed { position.distrustWritten() }
    }

    /// Refuses all appends from now on. Returns false if it did already.
    package func refuseAppends() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }

    /// - Throws: what an append would, to a log that has failed or is closed.
    package func requireOpen() throws { try state.withLock { try Self.checkOpen($0) } }

    /// A number for a record that is appended later.
    package func reserveSequenceNumber() throws -> TakenNumber { try reserveSequenceNumbers(1) }

    /// Reserves `count` consecutive numbers, for records outside of the active segment, and returns the first.
    package func reserveSequenceNumbers(_ count: Int) throws -> TakenNumber {
        try state.withLock { state in
            try Self.checkOpen(state)
            guard count <= Int(UInt32.max) - Int(state.count) else { throw Self.numbersAreUsed }
            let first = try Self.nextNumber(&state)
            state.count += UInt32(count - 1)
            return TakenNumber(sequenceNumber: first, timestamp: timestamp(&state))
        }
    }

    private static var numbersAreUsed: CheckpointLogError {
        .unsupported("All 2³² numbers of this opening are used; open the log again.")
    }

    /// Appends one frame and counts its index entry as pending.
    package func append(_ draft: FrameDraft) throws -> Appended {
        try draft.header.requireReadable()
        return try withRoom { state in
            try Self.checkOpen(state)
            let byteCount = draft.header.frameByteCount
            try findRoom(byteCount, makesRoom: draft.header.kind.makesRoom, &state)
            let appended = try put(draft, continues: false, &state)
            try publish(&state)
            // Not earlier: if the call throws, nobody makes the index entry.
            appended.addPendingEntry()
            return appended
        }
    }

    /// Appends frames that count all or none; they never span segments.
    package func append(batch drafts: [FrameDraft]) throws -> [Appended] {
        for draft in drafts { try draft.header.requireReadable() }
        return try withRoom { state in
            try Self.checkOpen(state)
            let byteCount = drafts.reduce(0) { $0 + $1.header.frameByteCount }
            try findRoom(byteCount, makesRoom: drafts.allSatisfy { $0.header.kind.makesRoom }, &state)
            let start = (state.offset, state.counters)
            var appended: [Appended] = []
            do {
                for (index, draft) in drafts.enumerated() {
                    appended.append(try put(draft, continues: index < drafts.count - 1, &state))
                }
            } catch {
                // The frames before the failed one must not stay as the beginning of a batch without an end.
                (state.offset, state.counters) = start
                try clear(from: start.0, &state)
                throw error
            }
            try publish(&state)
            for appended in appended { appended.addPendingEntry() }
            return appended
        }
    }

    /// Makes sure that frames of so many bytes fit into the active segment.
    @inline(__always)
    private func findRoom(_ byteCount: Int, makesRoom: @autoclosure () -> Bool, _ state: inout State) throws {
        guard state.offset + byteCount + FrameHeader.byteCount > state.usableByteCount else { return }
        try growOrRoll(byteCount, makesRoom: makesRoom(), &state)
    }

    @inline(never)
    private func growOrRoll(_ byteCount: Int, makesRoom: Bool, _ state: inout State) throws {
        let end = state.offset + byteCount + FrameHeader.byteCount
        do {
            try makeRoom(byteCount, &state)
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            // A record that makes room must not wait for room: it may use the slack.
            guard makesRoom, end <= state.active.reservedByteCount else { throw error }
        }
    }

    /// The error that calls get after `failure`.
    static func refusal(_ failure: CheckpointLogError) -> CheckpointLogError {
        failure.code == .closed || failure.code == .writerFailed ? failure : .writerFailed(cause: failure)
    }

    static func checkOpen(_ state: State) throws {
        if let failure = state.failure { throw refusal(failure) }
        if state.isClosed { throw CheckpointLogError.closed }
    }

    private static func nextNumber(_ state: inout State) throws -> SequenceNumber {
        guard state.count < .max else {
            throw numbersAreUsed
        }
        state.count += 1
        return SequenceNumber(epoch: state.epoch, count: state.count)
    }

    private func timestamp(_ state: inout State) -> Int64 {
        state.lastTimestamp = max(state.lastTimestamp, now())
        return state.lastTimestamp
    }

    /// Writes one frame at the end of the active segment, which has room for it.
    func put(_ draft: FrameDraft, continues: Bool, _ state: inout State) throws -> Appended {
        var header = draft.header
        header.appendNumber = try Self.nextNumber(&state)
        if !header.flags.contains(.late) {
            header.sequenceNumber = header.appendNumber
            header.timestamp = timestamp(&state)
        }
        if continues { header.flags.insert(.batchContinues) }
        let synced = syncedPosition
        header.promise = synced
        let offset = state.offset
        let prefixByteCount = header.prefixByteCount
        let byteCount = header.frameByteCount
        let scratch = unsafe state.scratch.bytes
        let isStored = state.active.isStored(byteCount, isSyncedAlone: state.expectsSync)
        do throws(FileSystemError) {
            if byteCount <= scratch.count {
                unsafe FrameEncoder.write(
                    &header, key: draft.key, origin: draft.origin, metadata: draft.metadata, payload: draft.payload,
                    to: scratch, at: offset, state.active.seed)
                unsafe try state.active.put(
                    UnsafeRawBufferPointer(rebasing: scratch[..<byteCount]), at: offset, isStored: isStored)
            } else {
                unsafe FrameEncoder.writePrefix(
                    &header, key: draft.key, origin: draft.origin, metadata: draft.metadata, to: scratch, at: offset,
                    state.active.seed)
                let padding = byteCount - prefixByteCount - header.storedByteCount
                for index in 0..<padding { unsafe scratch[prefixByteCount + index] = 0 }
                let room = UnsafeRawBufferPointer(scratch)
                unsafe try state.active.file.write(
                    UnsafeRawBufferPointer(rebasing: room[..<prefixByteCount]), draft.payload,
                    UnsafeRawBufferPointer(rebasing: room[prefixByteCount..<prefixByteCount + padding]), at: offset)
            }
        } catch {
            throw failedWrite(error, from: offset, &state)
        }
        state.offset += byteCount
        state.counters.frames += 1
        if header.kind.isRecord { state.counters.records += 1 }
        state.counters.frameBytes += byteCount
        if isStored { state.counters.mappedBytes += byteCount }
        return Appended(
            sequenceNumber: header.sequenceNumber, timestamp: header.timestamp,
            location: FrameLocation(segment: state.active.name.identifier, offset: offset, byteCount: byteCount),
            frameByteCount: byteCount, end: state.end, segment: state.active)
    }

    /// States the new end of the log, after the bytes before it are in place.
    func publish(_ state: inout State) throws {
        do throws(FileSystemError) {
            try position.setWritten(state.end)
        } catch {
            let failure = CheckpointLogError(error)
            state.failure = failure
            throw failure
        }
    }

    /// A full disk fails only this call; any other error closes the log for writing.
    private func failedWrite(_ error: FileSystemError, from offset: Int, _ state: inout State) -> CheckpointLogError {
        let failure = CheckpointLogError(error)
        if error.isDiskFull, (try? clear(from: offset, &state)) != nil { return failure }
        state.failure = failure
        return failure
    }

    /// Clears bytes after the end, which nothing has acknowledged.
    private func clear(from offset: Int, _ state: inout State) throws {
        if state.active.isMapped {
            let zeros = [UInt8](repeating: 0, count: min(2 << 20, state.active.reservedByteCount - offset))
            unsafe zeros.withUnsafeBytes { unsafe state.active.file.store($0, at: offset) }
            return
        }
        do throws(FileSystemError) {
            try state.active.file.truncate(toByteCount: offset)
        } catch {
            let failure = CheckpointLogError(error)
            state.failure = failure
            throw failure
        }
    }
}
