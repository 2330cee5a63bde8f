import SystemPackage

/// The manifest of an open log: every change of it is on disk, synced, before it is seen here.
package final class ManifestFile: Sendable {
    /// Segment numbers reserved with each replacement, so that a value segment seldom needs one of its own.
    private static let reservedSegments: UInt32 = 64

    private struct State {
        var manifest: Manifest
        var nextSegment: SegmentNumber
        var position: PositionPage?
        /// A replacement that may be in force or not.
        var doubt: FileSystemError?
    }

    private let directory: any OpenDirectory
    private let lock: any FileLock
    private let state: Lock<State>

    /// Takes over a manifest as it stands on disk, under the lock of its log; numbers from `firstSegment` on are known
    /// to be unused.
    package init(_ manifest: Manifest, in directory: any OpenDirectory, lock: any FileLock, firstSegment: SegmentNumber)
    {
        self.directory = directory
        self.lock = lock
        state = Lock(State(manifest: manifest, nextSegment: max(manifest.nextSegment, firstSegment)))
    }

    /// Has `position` state each manifest from now on, so that an older one in its place is noticed.
    package func state(in position: PositionPage) {
        state.withLock { $0.position = position }
    }

    package var current: Manifest { state.withLock { $0.manifest } }

    /// Greater than the number of every file of the log.
    package var nextSegment: SegmentNumber { state.withLock { $0.nextSegment } }

    /// Replaces the manifest on disk by what `change` makes of it. On an error the old one stays in force, or it is not
    /// known which is: then no other follows, since a later sync of the directory may succeed without the name that an
    /// earlier one lost.
    package func edit(_ change: (inout Manifest) -> Void) throws(FileSystemError) {
        try state.withLock { state throws(FileSystemError) in
            try edit(&state, change)
        }
    }

    /// A segment number that was never used, reserved on disk.
    package func reserveSegmentNumber() throws(FileSystemError) -> SegmentNumber {
        try state.withLock { state throws(FileSystemError) in try reserveNumber(&state) }
    }

    /// Makes the file of a segment under a number that was never used, before anyone is given a greater one.
    package func makeSegment<Segment>(_ make: (SegmentNumber) throws -> Segment) throws -> Segment {
        try state.withLock { state in
            let number = try wrapping { () throws(FileSystemError) in try reserveNumber(&state) }
            return try make(number)
        }
    }

    private func reserveNumber(_ state: inout State) throws(FileSystemError) -> SegmentNumber {
        guard state.nextSegment < .max else { throw usedUp }
        if state.nextSegment >= state.manifest.nextSegment { try edit(&state) { _ in } }
        defer { state.nextSegment = state.nextSegment.next }
        return state.nextSegment
    }

    /// Reserves the next epoch, 2³² sequence numbers that no other opening will use, and states what the log keeps from
    /// this opening on.
    ///
    /// - Parameter word: makes the random word of the opening.
    package func reserveEpoch(
        policies: [UInt8: RecordedPolicy], word: (_ epoch: UInt32) -> UInt64
    ) throws(FileSystemError) -> UInt32 {
        try state.withLock { state throws(FileSystemError) in
            let epoch = state.manifest.nextEpoch
            guard epoch < SequenceNumber.epochLimit else { throw usedUp }
            let word = max(1, word(epoch))
            try edit(&state) { manifest in
                manifest.open(as: word)
                manifest.policies = policies
            }
            return epoch
        }
    }

    /// There is no number left for another segment, opening or manifest, or no room in the list of segments.
    private var usedUp: FileSystemError {
        FileSystemError(.open, directory.path.appending(FileName.manifest), .overflow)
    }

    private func edit(_ state: inout State, _ change: (inout Manifest) -> Void) throws(FileSystemError) {
        if let doubt = state.doubt { throw doubt }
        var manifest = state.manifest
        change(&manifest)
        manifest.generation += 1
        manifest.nextSegment = max(manifest.nextSegment, state.nextSegment.advanced(by: Self.reservedSegments))
        guard manifest.isWithinLimits else { throw usedUp }
        do throws(FileSystemError) {
            try requireInPlace()
            try directory.replace(FileName.manifest, with: manifest.bytes)
        } catch {
            if error.isBehindRename { state.doubt = error }
            throw error
        }
        state.manifest = manifest
        // The new manifest is in force whatever becomes of this word, which may be behind.
        try? state.position?.setGeneration(manifest.generation)
    }

    /// Makes sure that the log is still where others look for it, under the lock that they respect. Asked before
    /// anything counts.
    ///
    /// - Throws: ``FileSystemError/isOutOfPlace``.
    package func requireInPlace() throws(FileSystemError) {
        guard try lock.isInPlace() else { throw .outOfPlace(directory.path.appending(FileName.lock)) }
    }
}
